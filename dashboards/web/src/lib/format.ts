import { prefs } from './prefs.svelte';
import { t, tell } from './texts';
import type { Stated } from './types';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** An age in its largest sensible unit: `6 s`, `12 m`, `3 h`, `2 d`. */
export function ageText(milliseconds: number): string {
  if (milliseconds < minute) return `${Math.floor(milliseconds / 1000)} s`;
  if (milliseconds < hour) return `${Math.floor(milliseconds / minute)} m`;
  if (milliseconds < 2 * day) return `${Math.floor(milliseconds / hour)} h`;
  return `${Math.floor(milliseconds / day)} d`;
}

export function clockTime(at: number | string): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** The time of day for today, the day for anything older. */
export function whenText(at: string, now: number): string {
  const then = new Date(at);
  if (then.toDateString() === new Date(now).toDateString()) return clockTime(at);
  return then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...(now - then.getTime() > 300 * day ? { year: 'numeric' } : {}) });
}

export function utcText(at: string): string {
  return `${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
}

/** Three figures: `312 W`, `7.12 kW`, `41.2 kW`. */
export function wattsText(watts: number): string {
  if (Math.abs(watts) < 1000) return `${Math.round(watts)} W`;
  const kilo = watts / 1000;
  return `${kilo.toFixed(Math.abs(kilo) < 10 ? 2 : Math.abs(kilo) < 100 ? 1 : 0)} kW`;
}

export function inDegrees(celsius: number): number {
  return prefs.degrees === 'Cel' ? celsius : celsius * 1.8 + 32;
}

export function degreesUnit(): string {
  return prefs.degrees === 'Cel' ? '°C' : '°F';
}

export function degreesText(celsius: number): string {
  return `${inDegrees(celsius).toFixed(1)} ${degreesUnit()}`;
}

/** A stated value in words: the number by `say`, or why there is none. */
export function statedText(stated: Stated, say: (value: number) => string): string {
  if (stated.value !== null) return say(stated.value);
  return tell('value.missing', stated.reason ?? 'NeverRead');
}

export function unitText(from: number, height: number): string {
  return height === 1 ? t('unit.one', { u: from }) : t('unit.many', { from, to: from + height - 1 });
}
