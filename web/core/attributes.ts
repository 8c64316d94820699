// What is known of a person for row rules (user.sports): names with a text, a number or a list.

export type Attribute = string | number | string[];
export type Kind = 'text' | 'number' | 'list';

export interface Entry {
  name: string;
  kind: Kind;
  text: string;
  values: string[];
}

export function entries(attributes: Readonly<Record<string, Attribute>>): Entry[] {
  return Object.entries(attributes).map(([name, value]) => ({
    name,
    kind: Array.isArray(value) ? 'list' : typeof value === 'number' ? 'number' : 'text',
    text: Array.isArray(value) ? '' : String(value),
    values: Array.isArray(value) ? [...value] : [],
  }));
}

export function faultOf(entry: Entry, all: readonly Entry[]): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(entry.name)) return 'A name begins with a letter and has letters, digits and _.';
  if (entry.name === 'email' || entry.name === 'name') return `user.${entry.name} is there by itself; choose another name.`;
  if (all.filter((one) => one.name === entry.name).length > 1) return 'This name is there twice.';
  if (entry.kind === 'number' && (entry.text.trim() === '' || !Number.isFinite(Number(entry.text)))) return 'This is not a number.';
  return undefined;
}

export function attributesOf(all: readonly Entry[]): Record<string, Attribute> {
  return Object.fromEntries(all.map((one) => [one.name, one.kind === 'list' ? one.values : one.kind === 'number' ? Number(one.text) : one.text]));
}

/** "sports: rugby, tennis · level: 3" */
export function sayAttributes(attributes: Readonly<Record<string, Attribute>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') || 'none' : value}`)
    .join(' · ');
}
