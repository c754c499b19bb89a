/** What a viewer prefers, kept in this browser alone. */

export type Theme = 'system' | 'light' | 'dark';
export type Degrees = 'Cel' | '[degF]';

function kept<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  const value = localStorage.getItem(key);
  return allowed.find((one) => one === value) ?? otherwise;
}

class Preferences {
  theme = $state<Theme>(kept('theme', ['system', 'light', 'dark'], 'system'));
  degrees = $state<Degrees>(kept('degrees', ['Cel', '[degF]'], 'Cel'));
  letterKeys = $state(kept('letterKeys', ['on', 'off'], 'on') === 'on');
  #systemDark = $state(matchMedia('(prefers-color-scheme: dark)').matches);
  dark = $derived(this.theme === 'system' ? this.#systemDark : this.theme === 'dark');

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (event) => (this.#systemDark = event.matches));
    this.#show();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem('theme', theme);
    this.#show();
  }

  /** To the other theme; back to following the system where that is the same. */
  switchTheme(): void {
    const next = this.dark ? 'light' : 'dark';
    this.setTheme(this.#systemDark === (next === 'dark') ? 'system' : next);
  }

  setDegrees(degrees: Degrees): void {
    this.degrees = degrees;
    localStorage.setItem('degrees', degrees);
  }

  setLetterKeys(on: boolean): void {
    this.letterKeys = on;
    localStorage.setItem('letterKeys', on ? 'on' : 'off');
  }

  #show(): void {
    if (this.theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.theme;
  }
}

export const prefs = new Preferences();
