/** The shapes of docs/reference/api.md that the dashboard reads. */

export type Health = 'OK' | 'Warning' | 'Critical' | 'Unknown';
export type PowerState = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff' | 'Unknown';
export type Face = 'front' | 'rear';

/** Nothing is ever just a value: it comes with its age, its source, or the reason it is missing. */
export interface Stated {
  value: number | null;
  reason: string | null;
  taken_at: string | null;
  source: string;
  quality: 'good' | 'suspect' | 'bad';
  stale: boolean;
}

export interface Power {
  value: PowerState;
  taken_at: string | null;
  source: string;
  stale: boolean;
  /** Which endpoints disagree; empty where all that answer say the same. */
  reason?: string;
}

export interface Subsystem {
  kind: string;
  health: Health;
  present: number;
  not_ok: number;
  reason: string;
}

/** A drive bay, a power supply or a fan, in the order they sit. */
export interface Seat {
  name: string;
  health: Health;
  state: string;
  failure_predicted?: boolean;
}

export interface Device {
  device_id: string;
  name: string;
  kind: string;
  site_id: string;
  rack_id: string | null;
  position_u: number | null;
  height_u: number;
  face: Face;
  slot: string;
  tags: string[];
  enabled: boolean;
  health: Health;
  health_reason: string;
  failure_predicted: boolean;
  power: Power;
  reachability: string;
  reachability_reason: string;
  unreachable_since: string | null;
  inlet: Stated;
  outlet: Stated;
  watts: Stated;
  stale: boolean;
  polled_at: string | null;
  seen_at: string | null;
  interval: number;
  manufacturer: string;
  model: string;
  serial_number: string;
  firmware: string;
  address: string;
  subsystems: Subsystem[];
  bays: Seat[];
  supplies: Seat[];
  fans?: Seat[];
  revision: number;
}

/** How a device is reached: by its first endpoint for everything, by the others as witnesses or in its place. */
export interface Endpoint {
  protocol: string;
  address: string;
  duty: 'first' | 'witness' | 'stand_in';
  reachability: string;
  reason: string;
  unreachable_since: string | null;
  seen_at: string | null;
}

export interface DeviceDetail extends Device {
  endpoints: Endpoint[];
}

export interface Summed {
  value: number | null;
  devices: number;
  of: number;
}

export interface Rack {
  rack_id: string;
  name: string;
  site_id: string;
  site_name: string;
  row: string;
  height_u: number;
  devices: number;
  health: Health;
  by_health: Partial<Record<Health, number>>;
  stale: number;
  watts: Summed;
  inlet_max: Stated;
  free_u: number;
  feed_budget_watts?: number | null;
  previous?: string | null;
  next?: string | null;
}

export interface Zone {
  zone: 'top' | 'middle' | 'bottom';
  inlet: Stated;
  outlet: Stated;
}

export interface Elevation {
  rack: Rack;
  revision: number;
  now: string;
  units: Device[];
  space: { free_u: number; largest_gap: { from_u: number; to_u: number } | null };
  temperature: Zone[];
}

export interface SiteRow {
  site_id: string;
  name: string;
  racks: number;
  devices: number;
}

export interface Fleet {
  revision: number;
  now: string;
  devices: number;
  by_health: Partial<Record<Health, number>>;
  by_reachability: Record<string, number>;
  stale: number;
  sites: SiteRow[];
}

export interface List<T> {
  items: T[];
  next: string | null;
  revision: number;
}

export interface DeviceIndex {
  revision: number;
  columns: string[];
  rows: (string | number | boolean | null)[][];
}

export interface HardwareEvent {
  event_id: string | number;
  severity: Health;
  message: string;
  message_id: string;
  created_at: string | null;
  created_text: string;
  clock_suspect: boolean;
  received_at: string;
}

export interface Thresholds {
  upper_caution?: number | null;
  upper_critical?: number | null;
  upper_fatal?: number | null;
}

/** One end of a cable: a port, a power supply, an outlet or a feed of a device. */
export interface End {
  device: string;
  component: string;
  kind: string;
}

export interface Link {
  end: End;
  verdict: 'agrees' | 'differs' | 'unseen' | 'found';
  expected: End | null;
  seen: { to: End } | null;
  reason: string;
}

export interface Port {
  name: string;
  link: string;
  speed_mbps: number | null;
  health: Health;
  links: Link[];
}

export interface SensorRow {
  sensor_id: string | number;
  component: { kind: string; name: string };
  name: string;
  type: string;
  unit: string;
  physical_context: string;
  thresholds: Thresholds | null;
  reading: Stated;
}

/** Epoch seconds, then least, mean and greatest; null where there is a gap. */
export type Point = [number, number | null, number | null, number | null];

export interface Readings {
  sensor_id: string | number;
  unit: string;
  from: string;
  to: string;
  step: number | null;
  points: Point[];
}

export interface PollRequest {
  poll_request_id: string | number;
  device_id: string;
  state: 'requested' | 'claimed' | 'done' | 'failed';
  reason?: string;
}
