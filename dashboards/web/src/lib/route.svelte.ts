/** Where we are. Every filter, sort and selection is in the URL, so that any view can be linked. */

export type Page = { name: 'racks' } | { name: 'rack'; rack: string } | { name: 'nowhere' };

export function pageOf(path: string): Page {
  if (path === '/' || path === '/racks' || path === '/racks/') return { name: 'racks' };
  const rack = /^\/racks\/([^/]+)\/?$/.exec(path)?.[1];
  return rack === undefined ? { name: 'nowhere' } : { name: 'rack', rack: decodeURIComponent(rack) };
}

export function rackHref(rack: string, query: Record<string, string | null> = {}): string {
  const told = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null && value !== '') told.set(key, value);
  const text = told.toString();
  return `/racks/${encodeURIComponent(rack)}${text === '' ? '' : `?${text}`}`;
}

class Route {
  path = $state(location.pathname);
  search = $state(location.search);
  page = $derived(pageOf(this.path));
  query = $derived(new URLSearchParams(this.search));

  start(): void {
    if (location.pathname === '/') this.go('/racks', { replace: true });
    window.addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#follow(event));
  }

  go(href: string, { replace = false } = {}): void {
    if (replace) history.replaceState(null, '', href);
    else history.pushState(null, '', href);
    this.#read();
  }

  /** Changes some parameters of the query and leaves the rest; null removes. */
  set(change: Record<string, string | null>, { replace = true } = {}): void {
    const query = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(change)) {
      if (value === null || value === '') query.delete(key);
      else query.set(key, value);
    }
    const text = query.toString();
    this.go(location.pathname + (text === '' ? '' : `?${text}`), { replace });
  }

  #read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a[href]') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (pageOf(link.pathname).name === 'nowhere') return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const route = new Route();
