// Heavy work of many parts of a page, one of them a frame, so that the page answers in between.
const waiting: (() => void)[] = [];
let going = false;

function next(): void {
  const run = waiting.shift();
  if (!run) {
    going = false;
    return;
  }
  run();
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
    queueMicrotask(next);
  }
  return () => {
    const at = waiting.indexOf(run);
    if (at >= 0) waiting.splice(at, 1);
  };
}
