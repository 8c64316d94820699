// Light, dark, or as the system has it. Kept on this device.
export type Theme = 'system' | 'light' | 'dark';

const key = 'weir.theme';
const stored = localStorage.getItem(key);
let chosen = $state<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');

export function theme(): Theme {
  return chosen;
}

export function applyTheme(): void {
  if (chosen === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
}

export function setTheme(next: Theme): void {
  chosen = next;
  if (next === 'system') localStorage.removeItem(key);
  else localStorage.setItem(key, next);
  applyTheme();
}
