// Pictures beside a report's file.
import { send } from '../../api/client';
import { freeName } from '../../core/edit';

/** Keeps it, and gives the name that tiles call it by. The server looks at its bytes. */
export async function keepImage(report: string, file: File): Promise<string> {
  const [, base = 'image', end = ''] = /^(.*?)(\.[A-Za-z0-9]+)?$/.exec(file.name) ?? [];
  const name = `${freeName(base, [], 'image')}_${Date.now().toString(36)}${end.toLowerCase()}`;
  await send('put', `/api/reports/${encodeURIComponent(report)}/files/${encodeURIComponent(name)}`, { raw: file });
  return name;
}
