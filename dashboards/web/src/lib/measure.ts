/** Text that must fit a box in a picture: SVG has no ellipsis of its own. */

const context = document.createElement('canvas').getContext('2d');
const known = new Map<string, number>();

function width(text: string, font: string): number {
  if (context === null) return text.length * 7;
  context.font = font;
  return context.measureText(text).width;
}

function fontOf(size: number, weight: number): string {
  return `${weight} ${size}px "Inter Variable", system-ui, sans-serif`;
}

/** The width of `text` in the page's font, in pixels. */
export function widthOf(text: string, size: number, weight: number): number {
  const font = fontOf(size, weight);
  const key = `${font}|${text}`;
  const whole = known.get(key) ?? width(text, font);
  if (known.size < 4000) known.set(key, whole);
  return whole;
}

/** `text`, shortened with an ellipsis until it fits `room` pixels; empty when not even a few letters would. */
export function fitted(text: string, size: number, weight: number, room: number): string {
  if (widthOf(text, size, weight) <= room) return text;
  const font = fontOf(size, weight);
  for (let length = text.length - 1; length >= 3; length -= 1) {
    const shorter = `${text.slice(0, length).trimEnd()}…`;
    if (width(shorter, font) <= room) return shorter;
  }
  return '';
}

/** Fonts arrive after the first picture; what was measured with another font is forgotten. */
export function whenFontsArrive(then: () => void): void {
  void document.fonts.ready.then(() => {
    known.clear();
    then();
  });
}
