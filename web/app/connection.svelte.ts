// Whether the server answers. When it does not, this asks again, ever less often, until it does.
import { link } from '../api/client';
import { announce } from './announce.svelte';

let lost = $state(false);
let trying = $state(false);
let timer: ReturnType<typeof setTimeout> | undefined;
let wait = 1000;

const waiting = new Set<() => void>();

/** Calls when the server answers again after it did not; gives the function that ends it. */
export function onConnected(run: () => void): () => void {
  waiting.add(run);
  return () => waiting.delete(run);
}

export const connection = {
  get lost(): boolean {
    return lost;
  },
  get trying(): boolean {
    return trying;
  },
};

export async function retry(): Promise<void> {
  clearTimeout(timer);
  trying = true;
  try {
    await fetch('/health', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    back();
  } catch {
    wait = Math.min(wait * 2, 30_000);
    timer = setTimeout(() => void retry(), wait);
  } finally {
    trying = false;
  }
}

function back(): void {
  if (!lost) return;
  lost = false;
  wait = 1000;
  clearTimeout(timer);
  announce('Connected again');
  waiting.forEach((run) => run());
}

link.onOffline = () => {
  if (lost) return;
  lost = true;
  timer = setTimeout(() => void retry(), wait);
};
link.onOnline = back;
