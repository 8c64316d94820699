// The keyboard map: bindings come and go with the parts that own them; the help page (?) shows
// those that are there.
import { untrack } from 'svelte';
import { Sequence, pressed } from '../core/keys';

export interface Binding {
  /** "mod+K", "?", "g h" */
  keys: string;
  /** What it does, for the help: "Open the palette". */
  label: string;
  group: string;
  run: () => void;
  /** Also while typing in a field (bindings with mod only). */
  inFields?: boolean;
}

let bindings = $state.raw<Binding[]>([]);
const sequence = new Sequence();

export function boundKeys(): readonly Binding[] {
  return bindings;
}

/** Binds; gives the function that takes it back, so an `$effect` can return it. */
export function bind(...added: Binding[]): () => void {
  untrack(() => {
    bindings = [...bindings, ...added];
  });
  return () => {
    bindings = untrack(() => bindings).filter((one) => !added.includes(one));
  };
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function keydown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.repeat || /^(Control|Shift|Alt|Meta)$/.test(event.key)) return;
  const inField = typing(event.target);
  if (document.querySelector('dialog[open]') && !(event.ctrlKey || event.metaKey)) return;
  // The latest binding of a key wins: a page's over the app's.
  const open = bindings.filter((one) => !inField || one.inFields).reverse();
  const { binding, waiting } = sequence.press(pressed(event), open, performance.now());
  if (binding || (waiting && !inField)) event.preventDefault();
  binding?.run();
}

export function startKeys(): void {
  document.addEventListener('keydown', keydown);
}
