// One polite live region: what changed without the focus moving there.
let words = $state('');
let timer: ReturnType<typeof setTimeout> | undefined;

export function announced(): string {
  return words;
}

export function announce(text: string): void {
  // The same words twice are said twice.
  words = '';
  clearTimeout(timer);
  timer = setTimeout(() => {
    words = text;
  }, 50);
}
