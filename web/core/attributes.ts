// What is known of a person for row rules (user.sports): names with a text, a number, yes or no, or a list.

export type Attribute = string | number | boolean | string[];
export type Kind = 'text' | 'number' | 'boolean' | 'list';

export interface Entry {
  name: string;
  kind: Kind;
  text: string;
  values: string[];
}

function kindOf(value: Attribute): Kind {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'text';
}

function valueOf(entry: Entry): Attribute {
  if (entry.kind === 'list') return entry.values;
  return entry.kind === 'number' ? Number(entry.text) : entry.kind === 'boolean' ? entry.text === 'true' : entry.text;
}

export function entries(attributes: Readonly<Record<string, Attribute>>): Entry[] {
  return Object.entries(attributes).map(([name, value]) => ({
    name,
    kind: kindOf(value),
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
  return Object.fromEntries(all.map((one) => [one.name, valueOf(one)]));
}

/** "sports: rugby, tennis · level: 3" */
export function sayAttributes(attributes: Readonly<Record<string, Attribute>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') || 'none' : value}`)
    .join(' · ');
}
