import { toast } from './toasts.svelte';

/** Copies and says so; where a browser does not let pages copy, says what to do instead. */
export async function copy(text: string, what = 'Copied'): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(what);
  } catch {
    toast('This browser does not let pages copy here; select the text instead', { tone: 'bad' });
  }
}
