import { markOf, type MarkName } from '../lib/status';
import type { Device, Seat } from '../lib/types';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where each of `count` drive bays sits inside `box`: wide trays where they fit, else a row of slim ones. */
export function bayBoxes(count: number, heightU: number, box: Box): Box[] {
  const trayRows = Math.floor(heightU * 1.5);
  if (heightU > 1 && count <= 4 * trayRows) {
    const rows = Math.min(trayRows, Math.max(2, Math.ceil(count / 4)));
    const width = box.width / 4;
    const height = Math.min(box.height / rows, 18);
    const top = box.y + (box.height - rows * height) / 2;
    return Array.from({ length: count }, (_, index) => ({
      x: box.x + (index % 4) * width,
      y: top + Math.floor(index / 4) * height,
      width: width - 1.5,
      height: height - 1.5,
    }));
  }
  const rows = Math.ceil(count / 26);
  const columns = Math.ceil(count / rows);
  const pitch = Math.min(count <= 4 ? box.width / 4 : 13, box.width / columns);
  const left = box.x + box.width - columns * pitch;
  const height = box.height / rows;
  return Array.from({ length: count }, (_, index) => ({
    x: left + (index % columns) * pitch,
    y: box.y + Math.floor(index / columns) * height,
    width: pitch - Math.min(1.8, pitch * 0.22),
    height: height - (rows > 1 ? 1.5 : 0),
  }));
}

/** The mark of one bay, supply or fan; null where the seat is empty. */
export function seatMark(seat: Seat): MarkName | null {
  if (seat.state === 'Absent') return null;
  const mark = markOf(seat.health);
  return seat.failure_predicted === true && mark !== 'crit' ? 'risk' : mark;
}

/** Supplies on the left and on the right as one looks at the back, the first one leftmost. */
export function supplySides(supplies: Seat[]): [Seat[], Seat[]] {
  const left = Math.ceil(supplies.length / 2);
  return [supplies.slice(0, left), supplies.slice(left)];
}

/** Centres and diameter of `count` fans in a box, on as many full rows as make them largest; every fan has its place. */
export function fanPlaces(count: number, box: Box): { across: number; places: { x: number; y: number }[]; width: number } {
  let best = { across: 0, rows: 1, columns: Math.max(1, count) };
  for (let rows = 1; rows <= Math.max(1, Math.floor(box.height / 14)); rows += 1) {
    if (count % rows !== 0) continue;
    const columns = Math.max(1, count / rows);
    const across = Math.min(24, box.height / rows - 2, box.width / columns - 4);
    if (across > best.across) best = { across, rows, columns };
  }
  const { across, rows, columns } = best;
  const pitch = box.height / rows;
  const places = Array.from({ length: count }, (_, index) => ({
    x: box.x + across / 2 + (index % columns) * (across + 4),
    y: box.y + pitch * (Math.floor(index / columns) + 0.5),
  }));
  return { across, places, width: count === 0 ? 0 : columns * (across + 4) };
}

export interface Fans {
  seats: { name: string; mark: MarkName | null }[];
  /** Something is wrong with one of them, and the device does not say with which. */
  group: MarkName | null;
}

export function fansOf(device: Device): Fans {
  if (device.fans !== undefined && device.fans.length > 0)
    return { seats: device.fans.map((fan) => ({ name: fan.name, mark: seatMark(fan) })), group: null };
  const told = device.subsystems.find((subsystem) => subsystem.kind === 'Fan');
  if (told === undefined) return { seats: [], group: null };
  const seats = Array.from({ length: told.present }, (_, index) => ({ name: String(index + 1), mark: 'ok' as MarkName }));
  return { seats, group: told.not_ok > 0 ? markOf(told.health) : null };
}
