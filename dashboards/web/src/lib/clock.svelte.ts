/** What time the service has: the browser's clock, corrected by every frame, ticking once a second. */
class ServiceClock {
  now = $state(Date.now());
  #ahead = 0;
  #frozen = false;

  constructor() {
    setInterval(() => this.#tick(), 1000);
    document.addEventListener('visibilitychange', () => this.#tick());
  }

  #tick(): void {
    if (!this.#frozen && !document.hidden) this.now = Date.now() + this.#ahead;
  }

  /** The service said it is `at`. */
  heard(at: string): void {
    this.#ahead = Date.parse(at) - Date.now();
    this.#tick();
  }

  /** While live updates are paused the picture is of one instant, ages included. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    this.#tick();
  }
}

export const clock = new ServiceClock();

/** Milliseconds since `at`; null when it never happened. */
export function ageOf(at: string | null, now: number): number | null {
  return at === null ? null : Math.max(0, now - Date.parse(at));
}
