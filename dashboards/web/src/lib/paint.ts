import { ageOf } from './clock.svelte';
import { ageText, degreesText, statedText, wattsText } from './format';
import { isStale, standing, type MarkName } from './status';
import { t, tell } from './texts';
import type { Device } from './types';

/** The one question the picture answers at a time. */
export const paints = ['health', 'power', 'inlet', 'watts', 'age'] as const;
export type Paint = (typeof paints)[number];

export function paintOf(text: string | null): Paint {
  return paints.find((paint) => paint === text) ?? 'health';
}

export interface Coat {
  fill: string;
  /** Colour of text on it. */
  ink: string;
  /** What the colour says, in words; empty for health, which has its mark. */
  says: string;
  /** No value: drawn hollow and dashed. */
  hollow: boolean;
}

/** Ten evenly spaced stops of cividis, which reads the same with and without red-green vision. */
const cividis = ['#00224e', '#123570', '#3b496c', '#575d6d', '#707173', '#8a8678', '#a59c74', '#c3b369', '#e1cc55', '#fee838'];
const channels = cividis.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));

/** Degrees Celsius from dark to bright; what leaves a rack is warmer, so it has a scale of its own. */
export const inletScale = { from: 18, to: 40 };
export const outletScale = { from: 25, to: 55 };

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

function heat(share: number): number[] {
  const at = clamped(share) * (channels.length - 1);
  const low = Math.min(Math.floor(at), channels.length - 2);
  return [0, 1, 2].map((c) => Math.round((channels[low]?.[c] ?? 0) * (1 - at + low) + (channels[low + 1]?.[c] ?? 0) * (at - low)));
}

export function heatColour(share: number): string {
  return `rgb(${heat(share).join(' ')})`;
}

/** WCAG relative luminance. */
function luminance(rgb: number[]): number {
  const linear = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
}

function heatInk(share: number): string {
  return luminance(heat(share)) > 0.179 ? '#11161B' : '#FFFFFF';
}

export function temperatureShare(celsius: number, scale = inletScale): number {
  return clamped((celsius - scale.from) / (scale.to - scale.from));
}

/** A single hue, stronger with the share, weak enough that ordinary text stays readable on it. */
export function ramp(hue: 'c1' | 'ink-3', share: number): string {
  return `color-mix(in oklab, var(--${hue}) ${Math.round(6 + 44 * clamped(share))}%, var(--surface))`;
}

/** The top of the watts scale: the rack's greatest draw, rounded up to something a legend can say; PDUs and UPSes only pass on. */
export function wattsTop(devices: Device[]): number {
  const greatest = Math.max(100, ...devices.filter((device) => device.kind !== 'pdu' && device.kind !== 'ups').map((device) => device.watts.value ?? 0));
  const steps = [100, 200, 300, 400, 500, 600, 800, 1000, 1500, 2000, 3000, 5000, 10_000];
  return steps.find((step) => step >= greatest) ?? greatest;
}

const softOf: Record<MarkName, string> = {
  crit: 'var(--crit-soft)',
  warn: 'var(--warn-soft)',
  risk: 'var(--warn-soft)',
  maint: 'var(--maint-soft)',
  ok: 'var(--unit)',
  unkn: 'var(--unit)',
  stale: 'var(--unit)',
};

const plain = { ink: 'var(--ink)', hollow: false };

function missing(says: string): Coat {
  return { fill: 'var(--unit)', ink: 'var(--ink-2)', says, hollow: true };
}

export function coat(paint: Paint, device: Device, now: number, top: number): Coat {
  switch (paint) {
    case 'health':
      return { ...plain, fill: softOf[standing(device, now).mark], says: '', hollow: standing(device, now).mark === 'unkn' };
    case 'power':
      return powerCoat(device);
    case 'inlet': {
      const { value } = device.inlet;
      if (value === null) return missing(statedText(device.inlet, degreesText));
      const share = temperatureShare(value);
      return { fill: heatColour(share), ink: heatInk(share), says: degreesText(value), hollow: false };
    }
    case 'watts': {
      const { value } = device.watts;
      if (value === null) return missing(statedText(device.watts, wattsText));
      return { ...plain, fill: ramp('c1', value / top), says: wattsText(value) };
    }
    case 'age': {
      const age = ageOf(device.seen_at, now);
      if (age === null) return missing(t('detail.never'));
      return { ...plain, fill: ramp('ink-3', age / (3000 * device.interval)), says: ageText(age) };
    }
  }
}

function powerCoat(device: Device): Coat {
  const says = tell('power', device.power.value);
  switch (device.power.value) {
    case 'On':
      return { ...plain, fill: 'var(--power-on)', says };
    case 'Off':
      return { ...plain, fill: 'var(--power-off)', ink: 'var(--ink-2)', says };
    case 'Unknown':
      return missing(says);
    default:
      return { ...plain, fill: 'var(--power-ing)', says };
  }
}

/** Is the value that is painted old? Then it is hatched, whatever the paint; what was never heard is unknown, not old. */
export function coatIsStale(paint: Paint, device: Device, now: number): boolean {
  if (device.seen_at === null) return false;
  if (isStale(device, now)) return true;
  if (paint === 'inlet') return device.inlet.stale;
  if (paint === 'watts') return device.watts.stale;
  return paint === 'power' && device.power.stale;
}
