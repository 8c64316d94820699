// How the server is, in one sentence.
import { duration } from './words';

export interface Judged {
  tone: 'good' | 'warn' | 'bad';
  text: string;
}

interface Facts {
  warehouse: { well: boolean };
  load: { lag_seconds: number; error?: string | null | undefined };
}

/** What matters most comes first. */
export function judge(status: Facts): Judged {
  if (!status.warehouse.well) return { tone: 'bad', text: 'The warehouse is being reopened' };
  if (status.load.error) return { tone: 'bad', text: `Loading fails: ${status.load.error}` };
  if (status.load.lag_seconds > 10) return { tone: 'warn', text: `Loading is ${duration(status.load.lag_seconds)} behind` };
  return { tone: 'good', text: 'Running well' };
}
