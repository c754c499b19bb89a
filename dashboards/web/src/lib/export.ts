/** A picture of a rack that stands on its own: colours and fonts written into it, as it looks on the page. */

const properties = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-linejoin',
  'stroke-linecap',
  'opacity',
  'color',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'paint-order',
];
const dropped = ['class', 'role', 'tabindex', 'aria-selected'];

function written(original: Element, copy: Element): void {
  const style = getComputedStyle(original);
  const isText = original.tagName === 'text';
  for (const property of properties) {
    const value = style.getPropertyValue(property);
    const matters = property.startsWith('font') || property === 'text-anchor' || property === 'paint-order' ? isText : value !== '';
    if (matters && value !== 'none 0s ease 0s') copy.setAttribute(property, value);
  }
  dropped.forEach((name) => copy.removeAttribute(name));
  for (const { name } of [...copy.attributes]) if (name.startsWith('data-') || name === 'style') copy.removeAttribute(name);
  [...original.children].forEach((child, index) => {
    const twin = copy.children[index];
    if (twin !== undefined) written(child, twin);
  });
}

/** The elevations side by side as one SVG document, with a line saying what and when. */
export function pictureOf(elevations: SVGSVGElement[], caption: string, surface: string, ink: string): string {
  const namespace = 'http://www.w3.org/2000/svg';
  const sheet = document.createElementNS(namespace, 'svg');
  let left = 12;
  let tallest = 0;
  for (const elevation of elevations) {
    const copy = elevation.cloneNode(true) as SVGSVGElement;
    written(elevation, copy);
    copy.setAttribute('x', String(left));
    copy.setAttribute('y', '34');
    left += elevation.width.baseVal.value + 12;
    tallest = Math.max(tallest, elevation.height.baseVal.value);
    sheet.append(copy);
  }
  const height = tallest + 46;
  const ground = document.createElementNS(namespace, 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', surface);
  const line = document.createElementNS(namespace, 'text');
  const attributes = { x: '14', y: '22', fill: ink, 'font-family': 'system-ui, sans-serif', 'font-size': '13', 'font-weight': '600' };
  Object.entries(attributes).forEach(([name, value]) => line.setAttribute(name, value));
  line.textContent = caption;
  sheet.prepend(ground, line);
  sheet.setAttribute('xmlns', namespace);
  sheet.setAttribute('viewBox', `0 0 ${left} ${height}`);
  sheet.setAttribute('width', String(left));
  sheet.setAttribute('height', String(height));
  return new XMLSerializer().serializeToString(sheet);
}

export function download(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
