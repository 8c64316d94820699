// A report as a PDF or PNG file: the server makes it, the browser downloads it.
import { call } from '../api/client';
import { fetchFile } from './download';

export interface Rendered {
  report: string;
  format: 'pdf' | 'png';
  values?: Record<string, unknown>;
  version?: string;
  tile?: string;
  tab?: string;
  paper?: 'a4' | 'letter';
  landscape?: boolean;
  width?: number;
}

const LOOK_MS = 300;

export async function render(what: Rendered, signal?: AbortSignal): Promise<void> {
  const options = signal ? { signal } : {};
  const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  let made = await call('post', '/api/renders', { body: { ...what, time_zone }, ...options });
  while (made.state === 'queued' || made.state === 'running') {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    made = await call('get', '/api/renders/{id}', { path: { id: made.id }, ...options });
  }
  if (!made.url) throw new Error(made.error ?? 'the file could not be made');
  fetchFile(made.url);
}
