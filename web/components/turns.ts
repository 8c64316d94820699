// Heavy work of many parts of a page, a few milliseconds of it a frame, so that the page answers in between.
import { flushSync } from 'svelte';

const MOST_MS = 8;
const waiting: (() => void)[] = [];
let going = false;

function next(): void {
  const began = performance.now();
  do {
    const run = waiting.shift();
    if (!run) {
      going = false;
      return;
    }
    flushSync(run); // what it changes is drawn within its turn
  } while (performance.now() - began < MOST_MS);
  frame();
}

function frame(): void {
  // A page that is not seen has no frames.
  if (document.hidden) setTimeout(next, 50);
  else requestAnimationFrame(() => setTimeout(next, 0));
}

/** Runs it when its turn has come; gives the function that takes it back. */
export function turn(run: () => void): () => void {
  waiting.push(run);
  if (!going) {
    going = true;
    setTimeout(next, 0); // not in the task of whoever asks
  }
  return () => {
    const at = waiting.indexOf(run);
    if (at >= 0) waiting.splice(at, 1);
  };
}
