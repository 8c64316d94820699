// How a report is opened when something else than reading is meant; kept outside the address, which
// is for readers, too.
import { go } from '../../app/router.svelte';

let wanted = '';

export function openForEditing(id: string): void {
  wanted = id;
  go(`/report/${id}`);
}

/** Was this report opened to be edited? Says so once. */
export function openedForEditing(id: string): boolean {
  const yes = wanted === id;
  wanted = '';
  return yes;
}
