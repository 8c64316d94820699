// The size of an element, told when it changes and never asked for: asking makes the browser lay the page out at once.
export interface Size {
  width: number;
  height: number;
}
export const NO_SIZE: Size = { width: 0, height: 0 };

const tells = new WeakMap<Element, (size: Size) => void>();
let watch: ResizeObserver | undefined;

/** An attachment: `<div {@attach sized((size) => …)}>`. */
export function sized(tell: (size: Size) => void): (element: Element) => () => void {
  return (element) => {
    watch ??= new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) tells.get(target)?.({ width: Math.round(contentRect.width), height: Math.round(contentRect.height) });
    });
    tells.set(element, tell);
    watch.observe(element);
    return () => {
      tells.delete(element);
      watch?.unobserve(element);
    };
  };
}
