// A result as a file: the server streams it, the browser writes it to the disk.
import { call } from '../api/client';

export const EXPORT_FORMATS = [
  { format: 'csv', label: 'CSV', note: 'for spreadsheets: no text runs as a formula' },
  { format: 'xlsx', label: 'Excel', note: 'a workbook of up to 1,048,575 rows' },
  { format: 'json', label: 'JSON', note: 'one document' },
  { format: 'ndjson', label: 'NDJSON', note: 'an object on each line' },
  { format: 'parquet', label: 'Parquet', note: 'typed and compressed' },
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number]['format'];

/** What to run: a statement, or a report's query, with values of its parameters. */
export type Exported = { sql: string; values?: Record<string, unknown> } | { report: string; query: string; values?: Record<string, unknown> };

/** Begins the download; the browser shows how far it is. `raw`: CSV with every text exactly as it is. */
export async function download(what: Exported, format: ExportFormat, filename: string, raw = false): Promise<void> {
  const { url } = await call('post', '/api/exports', { body: { ...what, format, filename, raw } });
  fetchFile(url);
}

/** The browser downloads what stands at an address, and shows how far it is. */
export function fetchFile(url: string): void {
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = '';
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}
