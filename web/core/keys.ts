// Keys: "mod+K" (Ctrl, on a Mac Command), "?", "g h" (one after the other).

export const onMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform);

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

const names: Record<string, string> = { ' ': 'Space', Esc: 'Escape', Del: 'Delete' };
const glyphs: Record<string, string> = { arrowup: '↑', arrowdown: '↓', arrowleft: '←', arrowright: '→', escape: 'Esc', enter: 'Enter', delete: 'Del' };

/** A press in the same words as a binding; shift is left out where it already made the sign. */
export function pressed(event: KeyPress, mac = onMac): string {
  const name = names[event.key] ?? event.key;
  const letter = name.length === 1;
  const parts: string[] = [];
  if (mac ? event.metaKey : event.ctrlKey) parts.push('mod');
  if (mac && event.ctrlKey) parts.push('ctrl');
  if (event.altKey) parts.push('alt');
  if (event.shiftKey && (!letter || /\p{L}/u.test(name))) parts.push('shift');
  parts.push(name.toLowerCase());
  return parts.join('+');
}

/** The steps of a binding, as pressed() writes them. */
export function steps(keys: string): string[] {
  return keys.split(' ').map((step) => {
    const parts = step.toLowerCase().split('+');
    const name = parts.pop() ?? '';
    return [...['mod', 'ctrl', 'alt', 'shift'].filter((modifier) => parts.includes(modifier)), name].join('+');
  });
}

/** For people: ["Ctrl", "K"]. */
export function spell(keys: string, mac = onMac): string[] {
  const words: Record<string, string> = mac ? { mod: '⌘', ctrl: '⌃', alt: '⌥', shift: '⇧' } : { mod: 'Ctrl', ctrl: 'Ctrl', alt: 'Alt', shift: 'Shift' };
  return steps(keys).flatMap((step) => step.split('+').map((part) => words[part] ?? glyphs[part] ?? (part.length === 1 ? part.toUpperCase() : part)));
}

/** Follows presses, and says which binding they complete. */
export class Sequence {
  private held: string[] = [];
  private since = 0;

  /** Presses further apart than this do not belong together. */
  constructor(private readonly patience = 1200) {}

  /** `waiting`: the press may begin a longer binding. */
  press<B extends { keys: string }>(step: string, bindings: readonly B[], now: number): { binding?: B; waiting: boolean } {
    if (now - this.since > this.patience) this.held = [];
    this.since = now;
    for (const tried of [[...this.held, step], [step]]) {
      const text = tried.join(' ');
      const whole = bindings.find((binding) => steps(binding.keys).join(' ') === text);
      if (whole) {
        this.held = [];
        return { binding: whole, waiting: false };
      }
      if (bindings.some((binding) => steps(binding.keys).join(' ').startsWith(`${text} `))) {
        this.held = tried;
        return { waiting: true };
      }
    }
    this.held = [];
    return { waiting: false };
  }
}
