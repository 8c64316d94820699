// What can be chosen for a parameter whose choices a query gives.
import { call } from './client';

export interface Choices {
  options: { value: string; label: string }[];
  more: boolean;
}

/** Those whose label holds `text`, with the values that the other parameters have now. */
export async function choices(report: string, param: string, text: string, values: Record<string, unknown>, version?: string, most?: number): Promise<Choices> {
  const { options, more } = await call('get', '/api/reports/{id}/options/{param}', { path: { id: report, param }, query: { q: text, values: JSON.stringify(values), ...(version ? { version } : {}), ...(most ? { limit: most } : {}) } });
  return { options: options.map(({ value, label }) => ({ value: String(value), label: String(label ?? value) })), more };
}
