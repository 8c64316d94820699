// The state of the page: open queries, their runs, their forms, and what can be asked for.
import { type AnswerOf, call } from '../../api/client';
import { type Asked as Question, ask } from '../../app/ask.svelte';
import { onChange } from '../../app/changes.svelte';
import { toast } from '../../app/toasts.svelte';
import { functions } from '../../core/functions';
import { type Hint, hintFor } from '../../core/hint';
import { type Parameter, readReport } from '../../core/report';
import { type Statement, statementAt, statements } from '../../core/sql';
import { isTemplate, sentOf, valuesFor } from '../../core/template';
import { Compiling, formOf } from './compiling.svelte';
import { type Asked, Run } from './run.svelte';
import { Tabs } from './tabs.svelte';

export type CatalogTables = NonNullable<AnswerOf<'/api/schema', 'get'>>['tables'];
export type Documents = AnswerOf<'/api/documents', 'get'>;
export type ReportAnswer = AnswerOf<'/api/reports/{id}', 'get'>;

const names = functions.map(([name]) => name.replace(/\(.*/, ''));

/** For use while a component is made: it listens while that is there. */
export class Desk {
  readonly tabs = new Tabs();
  readonly compiling = new Compiling();
  readonly catalog: Question<AnswerOf<'/api/schema', 'get'>>;
  readonly documents: Question<Documents>;
  /** Where the cursor stands in the text in front. */
  cursor = $state(0);
  /** Reports whose queries are open, by id. */
  reports = $state.raw<Record<string, ReportAnswer>>({});
  private readonly runs = new Map<string, Run>();
  private reading = new Set<string>();

  constructor() {
    this.catalog = ask((signal) => call('get', '/api/schema', { signal }));
    this.documents = ask((signal) => call('get', '/api/documents', { signal }));
    let later: ReturnType<typeof setTimeout> | undefined;
    $effect(() => {
      const off = onChange(({ kind, document, id }) => {
        if (kind === 'document' && document === 'report' && this.reports[id]) void this.readReport(id, true);
        clearTimeout(later);
        later = setTimeout(() => void (kind === 'document' ? this.documents : this.catalog).again(), 300);
      });
      return () => {
        off();
        clearTimeout(later);
      };
    });
    $effect(() => {
      const { origin } = this.tabs.tab;
      if (origin?.kind === 'query') void this.readReport(origin.report);
    });
    $effect(() => this.compiling.ask(this.tabs.tab.sql, this.known));
    $effect(() => {
      void this.tabs.sync();
      const hidden = (): void => {
        if (document.hidden) void this.tabs.sync();
      };
      document.addEventListener('visibilitychange', hidden);
      return () => {
        document.removeEventListener('visibilitychange', hidden);
        this.tabs.keep();
        void this.tabs.sync();
        this.compiling.stop();
        for (const run of this.runs.values()) run.cancel();
      };
    });
  }

  get run(): Run {
    return this.runOf(this.tabs.current);
  }
  runOf(id: string): Run {
    let found = this.runs.get(id);
    if (!found) this.runs.set(id, (found = new Run()));
    return found;
  }

  get tables(): CatalogTables {
    return this.catalog.value?.tables ?? [];
  }

  /** The report of the query in front. */
  get report(): ReportAnswer | undefined {
    const { origin } = this.tabs.tab;
    return origin?.kind === 'query' ? this.reports[origin.report] : undefined;
  }
  /** What that report declares. */
  get known(): readonly Parameter[] {
    return this.report ? readReport(this.report.report).parameters : [];
  }

  async readReport(id: string, again = false): Promise<ReportAnswer | undefined> {
    if (!again && (this.reports[id] || this.reading.has(id))) return this.reports[id];
    this.reading.add(id);
    try {
      const found = await call('get', '/api/reports/{id}', { path: { id } });
      this.reports = { ...this.reports, [id]: found };
      return found;
    } finally {
      this.reading.delete(id);
    }
  }

  /** The statement at the cursor. */
  get statement(): Statement | undefined {
    return statementAt(this.tabs.tab.sql, this.cursor);
  }

  /** A statement of the text in front with what the server needs to know. */
  async prepare(statement: Statement): Promise<Asked> {
    const { sql: text, values } = this.tabs.tab;
    const sent = sentOf(text, statement);
    if (!isTemplate(sent.sql)) return { sql: sent.sql, values: undefined, sent, text };
    const form = await formOf(sent.sql, this.known).catch(() => ({ parameters: this.compiling.parameters }));
    return { sql: sent.sql, values: valuesFor(form.parameters, values, sent.sql), sent, text };
  }

  async start(what: readonly Statement[]): Promise<Run> {
    const { run } = this;
    const { id } = this.tabs.tab;
    const asked = run.all(await Promise.all(what.map((one) => this.prepare(one))));
    this.tabs.keep(); // after the request has left
    await asked;
    // A table that was made by somebody meanwhile is known from now on.
    if (run.state === 'failed' && /does not exist/.test(run.error?.message ?? '')) void this.catalog.again();
    return this.runOf(id);
  }
  startAll(): Promise<Run> {
    return this.start(statements(this.tabs.tab.sql));
  }

  /** What the run's error means, and where. */
  hint(run: Run): Hint | undefined {
    if (!run.error || run.state !== 'failed' || !run.asked) return undefined;
    return hintFor(run.error.message, run.asked.text, run.where?.place, this.tables, names);
  }

  close(id: string): void {
    this.runs.get(id)?.cancel();
    const tab = this.tabs.list.find((one) => one.id === id);
    const title = tab ? this.tabs.title(tab) : '';
    const empty = !tab?.sql.trim();
    const undo = this.tabs.close(id);
    if (!empty) toast(`${title} was closed`, { undo });
  }
}
