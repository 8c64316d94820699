// What the compiler says of the text in front: its form, and what is wrong. Asked a moment after the
// last key, and only for texts that have something to compile.
import { asApiError, call } from '../../api/client';
import type { Parameter } from '../../core/report';
import { placeOfByte } from '../../core/sql';
import { isTemplate, parametersOf, unset } from '../../core/template';

export interface Fault {
  message: string;
  /** In the text; -1: nowhere. */
  place: number;
}

/** The fields of a text; `known` are those that its report declares. */
export async function formOf(text: string, known: readonly Parameter[], signal?: AbortSignal): Promise<{ parameters: Parameter[]; faults: Fault[] }> {
  if (!isTemplate(text)) return { parameters: [], faults: [] };
  const words = new Set(text.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_]*/gu));
  const declared = Object.fromEntries(known.filter(({ name }) => words.has(name.toLowerCase()) && !/^(?:daterange|aggregation)$/.test(name)).map(({ name }) => [name, null]));
  const ask = (values: Record<string, null>) => call('post', '/api/compile', { body: { sql: text, values }, ...(signal ? { signal } : {}) });
  let answer = await ask({ ...unset(text), ...declared });
  // A name of the report that is only a column here is no parameter.
  if (answer.errors.some(({ position }) => position === null) && Object.keys(declared).length) answer = await ask(unset(text));
  const own = parametersOf(answer.fields);
  const parameters = own.map((one) => known.find(({ name }) => name === one.name) ?? one);
  return { parameters, faults: answer.errors.map(({ message, position }) => ({ message, place: position ? placeOfByte(text, position.offset) : -1 })) };
}

export class Compiling {
  parameters = $state.raw<Parameter[]>([]);
  faults = $state.raw<Fault[]>([]);
  /** The text that they are of. */
  text = $state.raw<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | undefined;

  ask(text: string, known: readonly Parameter[]): void {
    this.stop();
    const first = this.text === undefined;
    if (!isTemplate(text)) {
      if (this.parameters.length) this.parameters = [];
      if (this.faults.length) this.faults = [];
      this.text = text;
      return;
    }
    this.timer = setTimeout(() => void this.now(text, known), first ? 0 : 400);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
  }

  private async now(text: string, known: readonly Parameter[]): Promise<void> {
    const abort = (this.abort = new AbortController());
    try {
      const { parameters, faults } = await formOf(text, known, abort.signal);
      if (abort.signal.aborted) return;
      // While a name is half written the form stays as it is.
      if (!faults.length || parameters.length >= this.parameters.length) this.parameters = parameters;
      this.faults = faults;
      this.text = text;
    } catch (cause) {
      if (!abort.signal.aborted && asApiError(cause).failure === 'refused') this.faults = [];
    }
  }
}
