// Contrast of colours, as WCAG 2 counts it.

export type Rgb = readonly [number, number, number];

/** #rgb, #rrggbb (what follows, an alpha, is left out). */
export function parseHex(text: string): Rgb | undefined {
  const digits = /^#([0-9a-f]{3,8})$/i.exec(text.trim())?.[1];
  if (!digits) return undefined;
  const pairs = digits.length < 6 ? [...digits].map((d) => d + d) : (digits.match(/../g) ?? []);
  const [r, g, b] = pairs.map((pair) => Number.parseInt(pair, 16));
  return r === undefined || g === undefined || b === undefined ? undefined : [r, g, b];
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const c = part / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** 1 (the same) to 21 (black on white). */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}
