// Short words about what was just done, with a way back: toast('Ann was removed', {undo}).
export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
  undo: (() => void | Promise<void>) | undefined;
}

const limit = 4;
let shown = $state<Toast[]>([]);
let last = 0;

export function toasts(): readonly Toast[] {
  return shown;
}

export function toast(text: string, options: { tone?: 'plain' | 'bad'; undo?: () => void | Promise<void> } = {}): void {
  shown = [...shown, { id: ++last, text, tone: options.tone ?? 'plain', undo: options.undo }].slice(-limit);
}

export function dismiss(id: number): void {
  shown = shown.filter((one) => one.id !== id);
}
