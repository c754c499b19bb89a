import { untrack } from 'svelte';
import { prefs } from './prefs.svelte';
import type { TextKey } from './texts';

/** One row of the keyboard: what the cheat sheet prints is what is bound. */
export interface Binding {
  keys: string[];
  does: TextKey;
  run: (event: KeyboardEvent) => void;
}

const chordTime = 1200;
const typing = 'input, textarea, select, [contenteditable]';
const pressed = 'button, a[href], summary, [role="option"]';

/** The key as the table spells it: `Ctrl-k`, `]`, `Space`. */
function nameOf(event: KeyboardEvent): string {
  const key = event.key === ' ' ? 'Space' : event.key;
  return event.ctrlKey || event.metaKey ? `Ctrl-${key.toLowerCase()}` : key;
}

function isLetter(name: string): boolean {
  return name.length === 1;
}

class Keyboard {
  groups = $state.raw<Binding[][]>([]);
  #chord = '';
  #chordAt = 0;

  start(): void {
    window.addEventListener('keydown', (event) => this.#press(event));
  }

  /** Adds rows until the returned function is called. */
  bind(rows: Binding[]): () => void {
    this.groups = [...untrack(() => this.groups), rows];
    return () => (this.groups = untrack(() => this.groups).filter((group) => group !== rows));
  }

  #press(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey || document.querySelector('dialog[open]') !== null) return;
    const target = event.target instanceof Element ? event.target : null;
    const name = nameOf(event);
    const single = isLetter(name) || name === 'Space';
    if (target?.closest(typing) && single) return;
    if ((name === 'Space' || name === 'Enter') && target?.closest(pressed)) return;
    if (single && !prefs.letterKeys && name !== 'Space') return;
    const now = event.timeStamp;
    const chord = now - this.#chordAt < chordTime ? `${this.#chord} ${name}` : '';
    this.#chord = name;
    this.#chordAt = now;
    const row = this.#find(chord) ?? this.#find(name);
    if (row === undefined) return;
    event.preventDefault();
    row.run(event);
  }

  #find(name: string): Binding | undefined {
    return this.groups.findLast((rows) => rows.some((row) => row.keys.includes(name)))?.find((row) => row.keys.includes(name));
  }
}

export const keyboard = new Keyboard();
