// The page's tokens as plain colours, for what draws on a canvas.
import { createSubscriber } from 'svelte/reactivity';
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

let now: ChartLook | undefined;
const watch = createSubscriber((update) => {
  const changed = (): void => {
    now = undefined;
    update();
  };
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', changed);
  const theme = new MutationObserver(changed);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  return () => {
    dark.removeEventListener('change', changed);
    theme.disconnect();
    now = undefined;
  };
});

/** The page's look, for all its charts: read once, and anew when the theme changes. */
export function pageLook(): ChartLook {
  watch();
  return (now ??= lookOf(document.body));
}

function lookOf(element: Element): ChartLook {
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
