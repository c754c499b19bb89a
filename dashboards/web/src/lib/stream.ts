import type { Device } from './types';

export type StreamState = 'connecting' | 'live' | 'reconnecting' | 'polling';

export type News =
  | { type: 'state'; state: StreamState }
  | { type: 'hello'; revision: number; now: string; version: string }
  | { type: 'devices'; revision: number; now: string; devices: Device[]; removed: string[] }
  | { type: 'reset'; revision: number };

const silence = 60_000;
const retry = 3_000;
const slowRetry = 30_000;
const patience = 4;

/**
 * The one connection to `/api/v1/stream`, resumed from the last revision seen.
 *
 * The browser itself resumes with Last-Event-ID; after an answer that is no stream, or a minute without a frame (comment lines
 * are invisible to a page, so a dead peer looks like a quiet one), it is opened anew with `since`.
 */
export class StreamReader {
  state: StreamState = 'connecting';
  hello: Extract<News, { type: 'hello' }> | null = null;
  #source: EventSource | null = null;
  #revision: number | null = null;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly tell: (news: News) => void,
  ) {}

  open(): void {
    this.close();
    const since = this.#revision === null ? '' : `?since=${this.#revision}`;
    const source = (this.#source = new EventSource(this.url + since));
    source.addEventListener('hello', (event) => this.#hear('hello', event));
    source.addEventListener('devices', (event) => this.#hear('devices', event));
    source.addEventListener('reset', (event) => this.#hear('reset', event));
    source.onerror = () => this.#failed(source);
    this.#listen();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#source?.close();
    this.#source = null;
  }

  #hear(type: 'hello' | 'devices' | 'reset', event: MessageEvent<string>): void {
    const news = { type, ...JSON.parse(event.data) } as Exclude<News, { type: 'state' }>;
    this.#revision = news.revision;
    this.#failures = 0;
    if (news.type === 'hello') this.hello = news;
    this.#become('live');
    this.#listen();
    this.tell(news);
  }

  #failed(source: EventSource): void {
    this.#failures += 1;
    this.#become(this.#failures >= patience ? 'polling' : 'reconnecting');
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), this.#failures >= patience ? slowRetry : retry);
  }

  #listen(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.open(), silence);
  }

  #become(state: StreamState): void {
    if (this.state === state) return;
    this.state = state;
    this.tell({ type: 'state', state });
  }
}
