// What stands on paper of a report's filters.
import { type Data, dataOf } from './data';
import { type Parameter, type ParameterValue, type Values, readValue } from './report';

/** Values by name: what was said (a JSON object), else this person's defaults, else the report's. */
export function valuesOf(parameters: readonly Parameter[], defaults: Data, said: string): Values {
  let given: Data = {};
  try {
    given = dataOf(said ? JSON.parse(said) : {});
  } catch {
    // what is no JSON says nothing
  }
  const values: Values = {};
  for (const { name, fallback } of parameters) {
    const value = name in given ? readValue(given[name]) : (readValue(defaults[name]) ?? fallback);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function inWords(value: ParameterValue): string {
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'object') return String(value);
  const { start, end, preset, from, to, compare } = dataOf(value);
  const beside = typeof compare === 'string' ? `, compared with ${compare === 'year' ? 'the year before' : 'the time before'}` : '';
  if (typeof preset === 'string') return preset + beside;
  if (start !== undefined) return `${String(start)} to ${String(end)}${beside}`;
  return [from === null || from === undefined ? '' : `from ${String(from)}`, to === null || to === undefined ? '' : `to ${String(to)}`].filter(Boolean).join(' ') || 'any';
}

/** Each filter's value in words; without one it is "any". Hidden ones are not shown. */
export function printed(parameters: readonly Parameter[], values: Values): { label: string; text: string }[] {
  return parameters.filter((one) => !one.hidden).map(({ name, label }) => {
    const value = values[name];
    const text = value === undefined ? '' : inWords(value);
    return { label, text: text || 'any' };
  });
}
