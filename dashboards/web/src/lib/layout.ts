import type { Device, Face } from './types';

/** Units a device, or a chassis of several devices, fills. */
export interface Place {
  key: string;
  from: number;
  height: number;
  face: Face;
  /** In reading order. */
  nodes: Node[];
}

/** One device inside its place, on a grid of `columns` by `rows`. */
export interface Node {
  device: Device;
  column: number;
  columns: number;
  row: number;
  rows: number;
}

export interface Gap {
  from: number;
  height: number;
}

export interface Layout {
  /** From the top of the rack down. */
  places: Place[];
  gaps: Gap[];
  unplaced: Device[];
}

const bySlot = new Intl.Collator('en', { numeric: true });

/** Side and number of a slot such as `L1` or `R2`; null where it is spelled otherwise. */
function sided(slot: string): { column: number; row: number } | null {
  const found = /^([LR])(\d+)$/i.exec(slot);
  return found === null ? null : { column: found[1]?.toUpperCase() === 'L' ? 0 : 1, row: Number(found[2]) - 1 };
}

function nodesOf(devices: Device[], height: number): Node[] {
  const ordered = [...devices].sort((a, b) => bySlot.compare(a.slot, b.slot) || bySlot.compare(a.name, b.name));
  const rows = Math.min(height, ordered.length > 2 ? height : 1);
  const columns = Math.ceil(ordered.length / rows);
  const sides = ordered.map((device) => sided(device.slot));
  const fits = columns === 2 && sides.every((side) => side !== null && side.row < rows);
  const nodes = ordered.map((device, index) => {
    const side = fits ? sides[index] : null;
    return { device, columns, rows, column: side?.column ?? index % columns, row: side?.row ?? Math.floor(index / columns) };
  });
  return nodes.sort((a, b) => a.row - b.row || a.column - b.column);
}

function placesOf(devices: Device[]): Place[] {
  const groups = new Map<string, Device[]>();
  for (const device of devices) {
    const key = `${device.position_u}/${device.height_u}/${device.face}`;
    groups.set(key, [...(groups.get(key) ?? []), device]);
  }
  const places: Place[] = [];
  for (const [key, group] of groups) {
    const first = group[0];
    if (first === undefined || first.position_u === null) continue;
    places.push({ key, from: first.position_u, height: first.height_u, face: first.face, nodes: nodesOf(group, first.height_u) });
  }
  return places.sort((a, b) => b.from + b.height - (a.from + a.height) || a.key.localeCompare(b.key));
}

function gapsOf(places: Place[], heightU: number): Gap[] {
  const taken = new Set<number>();
  for (const place of places) for (let u = place.from; u < place.from + place.height; u += 1) taken.add(u);
  const gaps: Gap[] = [];
  for (let u = heightU; u >= 1; u -= 1) {
    if (taken.has(u)) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last.from === u + 1) gaps[gaps.length - 1] = { from: u, height: last.height + 1 };
    else gaps.push({ from: u, height: 1 });
  }
  return gaps;
}

export function layout(devices: Device[], heightU: number): Layout {
  const places = placesOf(devices.filter((device) => device.position_u !== null));
  return { places, gaps: gapsOf(places, heightU), unplaced: devices.filter((device) => device.position_u === null) };
}

/** The devices in reading order, top left to bottom right: the order of `j` and `k`. */
export function readingOrder(found: Layout): Device[] {
  return [...found.places.flatMap((place) => place.nodes.map((node) => node.device)), ...found.unplaced];
}

/** Places seen on a face: those mounted there, and through the rack the backs of what is mounted on the other side. */
export function seenFrom(found: Layout, face: Face): Place[] {
  const mounted = found.places.filter((place) => place.face === face);
  const hidden = (place: Place): boolean =>
    mounted.some((other) => other.from < place.from + place.height && place.from < other.from + other.height);
  return found.places.filter((place) => place.face === face || !hidden(place));
}
