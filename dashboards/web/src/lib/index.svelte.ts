import { Resource } from './resource.svelte';
import { isStale, markOf, type MarkName } from './status';
import type { Device, DeviceIndex, Health } from './types';

/** One line of the compact index of the whole fleet: enough to find a device and to draw it small. */
export interface Entry {
  id: string;
  name: string;
  kind: string;
  site: string;
  rack: string | null;
  from: number | null;
  height: number;
  slot: string;
  mark: MarkName;
  serial: string;
  address: string;
}

export const fleetIndex = new Resource<DeviceIndex>('/devices/index');

export function entriesOf(index: DeviceIndex | null): Entry[] {
  if (index === null) return [];
  const at = new Map(index.columns.map((column, position) => [column, position]));
  const value = (row: DeviceIndex['rows'][number], column: string): DeviceIndex['rows'][number][number] => {
    const position = at.get(column);
    return position === undefined ? null : (row[position] ?? null);
  };
  const text = (row: DeviceIndex['rows'][number], column: string): string => String(value(row, column) ?? '');
  return index.rows.map((row) => ({
    id: text(row, 'device_id'),
    name: text(row, 'name'),
    kind: text(row, 'kind'),
    site: text(row, 'site_id'),
    rack: (value(row, 'rack_id') as string | null) ?? null,
    from: value(row, 'position_u') as number | null,
    height: Number(value(row, 'height_u') ?? 1),
    slot: text(row, 'slot'),
    mark: value(row, 'stale') === true ? 'stale' : markOf(text(row, 'health') as Health),
    serial: text(row, 'serial_number'),
    address: text(row, 'address'),
  }));
}

/** The entry after what the stream said of its device. */
export function told(entry: Entry, device: Device | undefined, now: number): Entry {
  if (device === undefined) return entry;
  return { ...entry, mark: isStale(device, now) ? 'stale' : markOf(device.health), rack: device.rack_id, from: device.position_u };
}
