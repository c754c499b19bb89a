import { read, Problem } from './api';

/** Something the service keeps, as last read: the last good data outlive a failed refresh. */
export class Resource<T> {
  data = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  #etag: string | null = null;
  #abort: AbortController | null = null;
  #soon: ReturnType<typeof setTimeout> | null = null;
  #readAt = 0;
  #closed = false;

  constructor(readonly path: string) {}

  async refresh(): Promise<void> {
    if (this.#closed) return;
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.busy = true;
    this.#readAt = Date.now();
    try {
      const answer = await read<T>(this.path, this.#etag, abort.signal);
      if (abort.signal.aborted) return;
      if (answer !== null) {
        this.data = answer.body;
        this.#etag = answer.etag;
      }
      this.problem = null;
    } catch (reason) {
      if (abort.signal.aborted) return;
      if (!(reason instanceof Problem)) throw reason;
      this.problem = reason;
    } finally {
      if (this.#abort === abort) this.busy = false;
    }
  }

  /** Refreshes once, at the soonest `pace` ms after the last read began: many changes cost one request. */
  refreshSoon(pace = 3000): void {
    if (this.#soon !== null || this.#closed) return;
    const wait = Math.max(150, this.#readAt + pace - Date.now());
    this.#soon = setTimeout(() => {
      this.#soon = null;
      void this.refresh();
    }, wait);
  }

  close(): void {
    this.#closed = true;
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#abort?.abort();
  }
}
