import { ageOf } from './clock.svelte';
import { ageText, unitText } from './format';
import { t, tell, type TextKey } from './texts';
import type { Device, Health } from './types';

/** The health mark of a device: a shape, a word and a colour. */
export type MarkName = 'ok' | 'warn' | 'crit' | 'unkn' | 'stale' | 'maint' | 'risk';

export const marks: readonly MarkName[] = ['crit', 'risk', 'warn', 'unkn', 'stale', 'maint', 'ok'];

const markOfHealth: Record<Health, MarkName> = { OK: 'ok', Warning: 'warn', Critical: 'crit', Unknown: 'unkn' };

export interface Standing {
  mark: MarkName;
  /** What it was when last heard; differs from `mark` only where that is stale. */
  last: MarkName;
  /** How long since the last answer, in words; empty where it never answered. */
  age: string;
}

export function markOf(health: Health): MarkName {
  return markOfHealth[health] ?? 'unkn';
}

/** No answer for three intervals, by the service's word or by our own count: a silent stream must not keep things fresh. */
export function isStale(device: Device, now: number): boolean {
  const age = ageOf(device.seen_at, now);
  return device.stale || (age !== null && age > 3 * device.interval * 1000);
}

export function standing(device: Device, now: number): Standing {
  const age = ageOf(device.seen_at, now);
  const said = markOf(device.health);
  const last: MarkName = device.failure_predicted && said !== 'crit' && said !== 'unkn' ? 'risk' : said;
  const told = { last, age: age === null ? '' : ageText(age) };
  if (!device.enabled) return { ...told, mark: 'maint' };
  return { ...told, mark: isStale(device, now) && age !== null ? 'stale' : last };
}

/** Order by urgency: critical first. */
export function urgency(mark: MarkName): number {
  return marks.indexOf(mark);
}

export function worstOf(devices: Device[], now: number): MarkName {
  const found = devices.map((device) => standing(device, now).mark);
  return found.sort((a, b) => urgency(a) - urgency(b))[0] ?? 'ok';
}

export function word(mark: MarkName): string {
  return t(`health.${mark}` as TextKey);
}

export function said(mark: MarkName): string {
  return t(`said.${mark}` as TextKey);
}

/** Why a device is as it is, in its own words; for one that does not answer, how that shows. */
export function reasonOf(device: Device): string {
  if (device.health_reason !== '') return device.health_reason;
  if (device.reachability === 'reachable') return '';
  return device.reachability_reason || tell('reach', device.reachability);
}

/** A unit as a screen reader says it: "U17, web-0417, critical: drive 3 predicted failure, power on". */
export function spokenUnit(device: Device, now: number): string {
  const { mark, last, age } = standing(device, now);
  const state = mark === 'stale' ? t('unit.stale', { age, last: said(last) }) : said(mark);
  const reason = reasonOf(device);
  const where = device.position_u === null ? [] : [unitText(device.position_u, device.height_u)];
  const power = t('power.said', { state: tell('power', device.power.value).toLowerCase().replace('power ', '') });
  return [...where, device.name + (device.slot === '' ? '' : ` ${device.slot}`), reason === '' ? state : `${state}: ${reason}`, power].join(', ');
}
