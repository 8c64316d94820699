// The page's tokens as plain colours, for what draws on a canvas.
import type { Look } from '../../core/chart/palette';

export interface ChartLook {
  ink: string;
  soft: string;
  line: string;
  surface: string;
  font: string;
  /** By hue; 0 is the grey of "Other". */
  series: string[];
}

/** Reads the tokens as they are now; again after the theme has changed. */
export function lookOf(element: Element): ChartLook {
  const style = getComputedStyle(element);
  const probe = document.createElement('span');
  probe.hidden = true;
  element.append(probe);
  // light-dark() stays as it is in a custom property; a real property resolves it.
  const colour = (token: string): string => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const look: ChartLook = {
    ink: colour('--ink'), soft: colour('--ink-soft'), line: colour('--line'), surface: colour('--surface'), font: style.fontFamily,
    series: Array.from({ length: 9 }, (_, hue) => colour(`--series-${hue}`)),
  };
  probe.remove();
  return look;
}

export function colourOf(look: ChartLook, at: Look): string {
  return look.series[at.hue] ?? look.ink;
}
