// The open queries of one person: kept in this browser at once, and as a draft at the server, so that
// neither a crash nor another browser loses any.
import { asApiError, call } from '../../api/client';
import { who } from '../../app/session.svelte';
import { toast } from '../../app/toasts.svelte';
import { type Desk, type Origin, type Tab, freshTab, mergeDesks, moveTab, readDesk, titleOf } from '../../core/desk';
import type { ParameterValue } from '../../core/report';

export type { Origin, Tab };

const key = (): string => `weir.explore:${who.session?.person.id ?? 'owner'}`;
const DRAFT = 'explore';
/** A draft may have 1 MB. */
const MOST = 900_000;

function stored(): Desk {
  try {
    return readDesk(JSON.parse(localStorage.getItem(key()) ?? ''));
  } catch {
    return readDesk(undefined);
  }
}

export class Tabs {
  list = $state<Tab[]>([]);
  current = $state('');
  private closed: string[];
  private here: ReturnType<typeof setTimeout> | undefined;
  private there: ReturnType<typeof setTimeout> | undefined;
  private sent = '';
  private syncing = false;
  private warned = false;

  constructor() {
    const { tabs, at, closed } = stored();
    this.list = tabs;
    this.closed = closed;
    this.current = tabs.some((tab) => tab.id === at) ? at : (tabs[0]?.id ?? '');
    if (!this.list.length) this.add();
  }

  get tab(): Tab {
    return this.list.find((tab) => tab.id === this.current) ?? this.list[0] ?? freshTab();
  }

  title(tab: Tab): string {
    return titleOf(tab, this.list.indexOf(tab));
  }

  add(more: Partial<Tab> = {}): Tab {
    const tab = freshTab({ ...more, edited: more.sql ? Date.now() : 0 });
    this.list.push(tab);
    this.current = tab.id;
    this.keep();
    return this.list.at(-1) ?? tab;
  }

  /** Opens a text: where it is open already, in the empty tab in front, or in a new one. */
  show(sql: string, more: Partial<Tab> = {}): Tab {
    const same = more.origin ? undefined : this.list.find((tab) => !tab.origin && tab.sql.trim() === sql.trim());
    const place = same ?? (this.tab.sql.trim() || this.tab.origin ? undefined : this.tab);
    if (!place) return this.add({ ...more, sql });
    if (!same) Object.assign(place, { ...more, sql, edited: Date.now() });
    else if (more.values) place.values = more.values;
    this.current = place.id;
    this.keep();
    return place;
  }

  /** Opens a saved text: its tab when there is one (with what was changed in it), else another. */
  reopen(origin: Origin): void {
    const name = (of: Origin): string => (of.kind === 'query' ? `${of.report}/${of.query}` : `${of.kind}/${of.name}`);
    const same = this.list.find((tab) => tab.origin && name(tab.origin) === name(origin));
    if (!same) {
      this.show(origin.saved, { origin });
      return;
    }
    // Unchanged here: the newest is shown.
    if (same.origin && same.sql === same.origin.saved) Object.assign(same, { sql: origin.saved, origin, edited: Date.now() });
    this.current = same.id;
    this.keep();
  }

  /** Gives what brings it back. */
  close(id: string): () => void {
    const at = this.list.findIndex((tab) => tab.id === id);
    const [gone] = this.list.splice(at, 1);
    this.closed.push(id);
    if (!this.list.length) this.add();
    if (this.current === id) this.current = (this.list[Math.min(at, this.list.length - 1)] ?? this.tab).id;
    this.keep();
    return () => {
      if (!gone) return;
      this.closed = this.closed.filter((one) => one !== id);
      this.list.splice(at, 0, gone);
      this.current = gone.id;
      this.keep();
    };
  }

  change(id: string, more: Partial<Tab>): void {
    const tab = this.list.find((one) => one.id === id);
    if (!tab) return;
    Object.assign(tab, more, { edited: Date.now() });
    clearTimeout(this.here);
    this.here = setTimeout(() => this.keep(), 300);
  }

  /** The value of a parameter; undefined: its default. */
  setValue(name: string, value: ParameterValue | undefined): void {
    const values = { ...this.tab.values };
    if (value === undefined) delete values[name];
    else values[name] = value;
    this.change(this.current, { values });
  }

  move(id: string, by: number): void {
    if (moveTab(this.list, id, by)) this.keep();
  }

  private get desk(): Desk {
    return { tabs: $state.snapshot(this.list) as Tab[], at: this.current, closed: this.closed };
  }

  keep(): void {
    clearTimeout(this.here);
    try {
      localStorage.setItem(key(), JSON.stringify(this.desk));
    } catch {
      // A full or forbidden storage keeps nothing; the server still does.
    }
    clearTimeout(this.there);
    this.there = setTimeout(() => void this.sync(), 1500);
  }

  /** Takes in what other browsers left at the server, and leaves there what is here. */
  async sync(): Promise<void> {
    clearTimeout(this.there);
    if (who.seeAs || this.syncing) return;
    this.syncing = true;
    try {
      const kept = await call('get', '/api/drafts/{key}', { path: { key: DRAFT } }).catch((cause: unknown) => {
        const error = asApiError(cause);
        if (error.status === 404) return undefined;
        throw error;
      });
      const before = this.desk;
      const theirs = readDesk(kept?.draft);
      // A browser that knows nothing yet goes on where the other one was.
      const empty = before.tabs.length === 1 && before.tabs[0]?.edited === 0 && !before.closed.length;
      const merged = empty && theirs.tabs.length ? theirs : mergeDesks(before, theirs);
      if (JSON.stringify(merged.tabs) !== JSON.stringify(before.tabs)) {
        this.list = merged.tabs.length ? merged.tabs : [freshTab()];
        if (!this.list.some((tab) => tab.id === this.current)) this.current = merged.at || (this.list[0]?.id ?? '');
      }
      this.closed = merged.closed;
      const draft = this.desk;
      const text = JSON.stringify(draft);
      if (text.length > MOST) {
        if (!this.warned) toast('These queries are too large to be kept at the server; they are kept in this browser', { tone: 'bad' });
        this.warned = true;
      } else if (text !== this.sent || JSON.stringify(theirs) !== text) {
        await call('put', '/api/drafts/{key}', { path: { key: DRAFT }, body: draft as unknown as Record<string, never> });
        this.sent = text;
      }
    } catch {
      // This browser has them; the next change tries again.
    } finally {
      this.syncing = false;
    }
  }
}
