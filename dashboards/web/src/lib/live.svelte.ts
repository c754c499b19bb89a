import { clock } from './clock.svelte';
import { StreamReader, type News, type StreamState } from './stream';
import type { Device } from './types';

/** How many devices are remembered from the stream: the client's window, not the fleet. */
const memory = 5000;
const pollEvery = 30_000;

export type Listener = (changed: Device[], removed: string[]) => void;

/** Connects to the stream through the shared worker where there is one; gives the way to leave. */
function connect(tell: (news: News) => void): () => void {
  if (typeof SharedWorker === 'undefined') {
    const reader = new StreamReader('/api/v1/stream', tell);
    reader.open();
    return () => reader.close();
  }
  const worker = new SharedWorker(new URL('./stream.worker.ts', import.meta.url), { type: 'module', name: 'fleetmon stream' });
  worker.port.onmessage = (event: MessageEvent<News>) => tell(event.data);
  return () => worker.port.postMessage('bye');
}

/** The fleet's changes as they come; while paused they wait, counted. */
class Live {
  stream = $state<StreamState>('connecting');
  pausedAt = $state<number | null>(null);
  waiting = $state(0);
  version = $state('');
  revision = $state(0);
  #latest = new Map<string, Device>();
  #held = new Map<string, Device | null>();
  #mustReset = false;
  #listeners = new Set<Listener>();
  #resets = new Set<() => void>();
  #leave: (() => void) | null = null;

  get status(): StreamState | 'paused' {
    return this.pausedAt === null ? this.stream : 'paused';
  }

  start(): void {
    this.#leave = connect((news) => this.#hear(news));
    window.addEventListener('pagehide', () => this.#leave?.());
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) this.#leave = connect((news) => this.#hear(news));
    });
    setInterval(() => {
      if (this.status === 'polling') this.#reset();
    }, pollEvery);
  }

  /** Calls back with every batch of changes until the returned function is called. */
  listen(listener: Listener, reset: () => void): () => void {
    this.#listeners.add(listener);
    this.#resets.add(reset);
    return () => {
      this.#listeners.delete(listener);
      this.#resets.delete(reset);
    };
  }

  /** The newest that is known of each of `devices`: a fetch may be older than what the stream said meanwhile. */
  newest(devices: Device[]): Device[] {
    return devices.map((device) => {
      const heard = this.#latest.get(device.device_id);
      return heard !== undefined && heard.revision > device.revision ? heard : device;
    });
  }

  togglePause(): void {
    if (this.pausedAt === null) {
      this.pausedAt = clock.now;
      clock.freeze(true);
      return;
    }
    this.pausedAt = null;
    clock.freeze(false);
    const changed = [...this.#held.values()].filter((device) => device !== null);
    const removed = [...this.#held].filter(([, device]) => device === null).map(([id]) => id);
    this.#held.clear();
    this.waiting = 0;
    if (this.#mustReset) this.#reset();
    else this.#apply(changed, removed);
    this.#mustReset = false;
  }

  #hear(news: News): void {
    if (news.type === 'state') {
      this.stream = news.state;
      return;
    }
    this.revision = news.revision;
    if (news.type === 'reset') this.#reset();
    else clock.heard(news.now);
    if (news.type === 'hello') this.version = news.version;
    if (news.type === 'devices') this.#take(news.devices, news.removed);
  }

  #take(devices: Device[], removed: string[]): void {
    if (this.pausedAt === null) {
      this.#apply(devices, removed);
      return;
    }
    devices.forEach((device) => this.#held.set(device.device_id, device));
    removed.forEach((id) => this.#held.set(id, null));
    this.waiting = this.#held.size;
  }

  #apply(devices: Device[], removed: string[]): void {
    for (const device of devices) {
      this.#latest.delete(device.device_id);
      this.#latest.set(device.device_id, device);
    }
    for (const id of this.#latest.keys()) {
      if (this.#latest.size <= memory) break;
      this.#latest.delete(id);
    }
    removed.forEach((id) => this.#latest.delete(id));
    this.#listeners.forEach((listener) => listener(devices, removed));
  }

  #reset(): void {
    if (this.pausedAt !== null) {
      this.#mustReset = true;
      return;
    }
    this.#latest.clear();
    this.#resets.forEach((reset) => reset());
  }
}

export const live = new Live();
