/** The colour a token has now: light-dark() is resolved by the browser only where a colour is used. */
export function token(name: string, within: Element = document.body): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  within.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
