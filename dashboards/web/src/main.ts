import './style/tokens.css';
import './style/base.css';
import 'uplot/dist/uPlot.min.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { keyboard } from './lib/keys.svelte';
import { live } from './lib/live.svelte';
import { route } from './lib/route.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');

route.start();
keyboard.start();
live.start();
mount(App, { target });
