// A report while it is edited: its content, the steps back, what was saved last.
import type { Data } from '../../core/data';
import { type Content, boxes, items } from '../../core/edit';
import { type Report, readReport } from '../../core/report';
import { type Steps, begin, change, redo, undo } from '../../core/undo';
import { keepDraft } from './draft';

export class Editing {
  private steps: Steps<Content>;
  /** The content of the version that is edited. */
  saved: Content;
  version: string;
  private wanted = $state('');
  readonly dirty: boolean = $derived.by(() => this.differs());
  readonly view: Report = $derived(readReport(this.content.report));

  /** `at` is the version that is edited; a draft is what was made of it. */
  constructor(readonly id: string, at: Content & { version: string }, draft?: Content) {
    const content: Content = { report: at.report, queries: at.queries };
    const first = begin(content);
    this.steps = $state.raw(draft ? change(first, { report: draft.report, queries: draft.queries }) : first);
    this.saved = $state.raw(content);
    this.version = $state(at.version);
  }

  get content(): Content {
    return this.steps.now;
  }
  private differs(): boolean {
    return this.content !== this.saved && JSON.stringify(this.content) !== JSON.stringify(this.saved);
  }
  get canUndo(): boolean {
    return this.steps.past.length > 0;
  }
  get canRedo(): boolean {
    return this.steps.future.length > 0;
  }
  get tiles(): Data[] {
    return items(this.content, 'tiles');
  }
  /** The tab that is shown; empty when the report has none. */
  get tab(): string {
    const { tabs } = this.view;
    return tabs.some((one) => one.id === this.wanted) ? this.wanted : (tabs[0]?.id ?? '');
  }
  set tab(id: string) {
    this.wanted = id;
  }
  /** The places of the tiles of the tab that is shown. */
  get boxes(): ReturnType<typeof boxes> {
    return boxes(this.content, this.tab || undefined);
  }

  change(content: Content, about = ''): void {
    this.steps = change(this.steps, content, about);
  }
  undo(): void {
    this.steps = undo(this.steps);
  }
  redo(): void {
    this.steps = redo(this.steps);
  }

  /** The server has this now, as this version. */
  settle(content: Content, version: string): void {
    if (this.content !== content) this.steps = change(this.steps, content);
    this.saved = content;
    this.version = version;
  }

  keepDraft(): Promise<unknown> {
    return keepDraft(this.id, this.content, this.version);
  }
}
