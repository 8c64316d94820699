// What can be chosen for a parameter whose choices a query gives.
import { call } from './client';

export interface Choices {
  options: { value: string; label: string }[];
  more: boolean;
}

const MOST = 5000;
const SHOWN = 200;

/** Those that hold `text`, with the values that the other parameters have now. */
export async function choices(report: string, from: { query: string; value: string; label: string }, text: string, values: Record<string, unknown>): Promise<Choices> {
  const answer = await call('post', '/api/query', { body: { report, query: from.query, values, limits: { rows: MOST }, history: false } });
  const at = (name: string): number => answer.columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
  const [value, label] = [at(from.value), at(from.label)];
  const wanted = text.toLowerCase();
  const seen = new Map<string, string>();
  for (const row of answer.rows) {
    const one = row[value];
    if (one === null || one === undefined || one === '') continue;
    const words = String(row[label] ?? one);
    if (words.toLowerCase().includes(wanted)) seen.set(String(one), words);
  }
  const options = [...seen].map(([one, words]) => ({ value: one, label: words }));
  return { options: options.slice(0, SHOWN), more: options.length > SHOWN || answer.truncated };
}
