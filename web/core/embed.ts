// What an embedded page and the page around it say to each other (docs/guide/embed.md): which pages
// may hear it, and what it takes from them.
import { dataOf, isData } from './data';
import { type Parameter, type Values, readValue } from './report';

export type Said =
  | { type: 'weir:ready'; report: string; tile: string | null; parameters: { name: string; label: string; type: string }[] }
  | { type: 'weir:loaded'; ms: number }
  | { type: 'weir:filter'; values: Values }
  | { type: 'weir:press'; tile: string; values: Readonly<Record<string, unknown>> }
  | { type: 'weir:height'; height: number }
  | { type: 'weir:error'; message: string; tile?: string };

/** To whom it is said: the page around us when it is known and allowed, else each that is allowed;
 * the browser gives it only to the one that is there. */
export function hearers(allowed: readonly string[], around: string | undefined): readonly string[] {
  if (around === undefined || around === '') return allowed;
  return allowed.includes(around) ? [around] : [];
}

/** The origin of an address; '' when it is none. */
export function originOf(address: string): string {
  try {
    const { origin } = new URL(address);
    return origin === 'null' ? '' : origin;
  } catch {
    return '';
  }
}

/** What another site writes into its page. `link` is as the server made it. */
export function frameOf(link: string, title: string): string {
  const [page, token = ''] = link.split('#');
  const text = (words: string): string => words.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
  return `<iframe src="${text(`${page ?? ''}?theme=auto#${token}`)}" title="${text(title)}" width="100%" height="600"></iframe>`;
}

/** The values of `{type: 'weir:set', values}`: what stands there now with those changed that are
 * named, null for what the report begins with. undefined: it is no such message. */
export function setValues(message: unknown, parameters: readonly Parameter[], values: Values): Values | undefined {
  if (!isData(message) || message['type'] !== 'weir:set' || !isData(message['values'])) return undefined;
  const next = { ...values };
  const given = dataOf(message['values']);
  for (const { name, fallback } of parameters) {
    if (!Object.hasOwn(given, name)) continue;
    const value = given[name] === null ? fallback : readValue(given[name]);
    if (value !== undefined) next[name] = value;
    else if (given[name] === null) delete next[name];
  }
  return next;
}
