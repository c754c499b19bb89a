import { t } from './texts';

const base = '/api/v1';

/** Why a request did not succeed, in the service's own words where it gave any (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly status: number,
    readonly trace: string,
  ) {
    super(title);
  }
}

export interface Answer<T> {
  body: T;
  etag: string | null;
  headers: Headers;
}

async function problemOf(response: Response): Promise<Problem> {
  const told = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const text = (key: string): string => (typeof told[key] === 'string' ? (told[key] as string) : '');
  const trace = response.headers.get('X-Request-Id') ?? (text('trace_id') || text('instance'));
  return new Problem(text('title') || t('error.status', { status: response.status }), text('detail'), response.status, trace);
}

async function request(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(base + path, init);
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === 'AbortError') throw reason;
    throw new Problem(t('error.silent'), t('error.silent.detail'), 0, '');
  }
}

/** The body at `path`, or null when it still is what `etag` names. */
export async function read<T>(path: string, etag: string | null = null, signal?: AbortSignal): Promise<Answer<T> | null> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (etag !== null) headers['If-None-Match'] = etag;
  const response = await request(path, { headers, cache: 'no-store', ...(signal ? { signal } : {}) });
  if (response.status === 304) return null;
  if (!response.ok) throw await problemOf(response);
  return { body: (await response.json()) as T, etag: response.headers.get('ETag'), headers: response.headers };
}

/** Asks the service to do something; the answer's body. */
export async function ask<T>(path: string): Promise<T> {
  const response = await request(path, { method: 'POST', headers: { Accept: 'application/json' } });
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T;
}
