// The open queries of one person, kept in this browser against a crash or a closed tab.
import { who } from '../../app/session.svelte';
import { statements } from '../../core/sql';

export interface Tab {
  id: string;
  sql: string;
}

const key = (): string => `weir.explore:${who.session?.person.id ?? 'owner'}`;
const fresh = (sql = ''): Tab => ({ id: crypto.getRandomValues(new Uint32Array(2)).join('-'), sql });

function stored(): { tabs: Tab[]; at: string } {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key()) ?? '');
    if (typeof value !== 'object' || value === null || !('tabs' in value) || !Array.isArray(value.tabs)) return { tabs: [], at: '' };
    const tabs = value.tabs.flatMap((tab: unknown): Tab[] => (typeof tab === 'object' && tab !== null && 'sql' in tab && typeof tab.sql === 'string' ? [{ id: fresh().id, sql: tab.sql }] : []));
    const at = 'at' in value && typeof value.at === 'number' ? value.at : 0;
    return { tabs, at: tabs[at]?.id ?? tabs[0]?.id ?? '' };
  } catch {
    return { tabs: [], at: '' };
  }
}

export class Tabs {
  list = $state<Tab[]>([]);
  current = $state('');
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sql?: string) {
    const { tabs, at } = stored();
    this.list = tabs;
    this.current = at;
    // Asked to open something: in the empty tab when there is one.
    if (sql !== undefined) {
      const same = this.list.find((tab) => tab.sql.trim() === sql.trim() || !tab.sql.trim());
      if (same) {
        same.sql = sql;
        this.current = same.id;
      } else this.add(sql);
    }
    if (!this.list.length) this.add();
  }

  get tab(): Tab {
    return this.list.find((tab) => tab.id === this.current) ?? this.list[0] ?? fresh();
  }

  add(sql = ''): Tab {
    const tab = fresh(sql);
    this.list.push(tab);
    this.current = tab.id;
    this.keep();
    return tab;
  }

  /** Gives what brings it back. */
  close(id: string): () => void {
    const at = this.list.findIndex((tab) => tab.id === id);
    const [gone] = this.list.splice(at, 1);
    if (!this.list.length) this.add();
    if (this.current === id) this.current = (this.list[Math.min(at, this.list.length - 1)] ?? this.tab).id;
    this.keep();
    return () => {
      if (!gone) return;
      this.list.splice(at, 0, gone);
      this.current = gone.id;
      this.keep();
    };
  }

  write(id: string, sql: string): void {
    const tab = this.list.find((one) => one.id === id);
    if (!tab) return;
    tab.sql = sql;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), 300);
  }

  keep(): void {
    clearTimeout(this.timer);
    try {
      localStorage.setItem(key(), JSON.stringify({ tabs: this.list.map(({ sql }) => ({ sql })), at: this.list.findIndex((tab) => tab.id === this.current) }));
    } catch {
      // A full or forbidden storage keeps nothing; the query on the screen is not touched.
    }
  }
}

/** A name for a tab: its first comment, or what it reads. */
export function titleOf(sql: string, at: number): string {
  const comment = /^\s*--\s*(.+)/.exec(sql)?.[1]?.trim();
  if (comment) return comment.slice(0, 32);
  const table = /\b(?:from|join)\s+([\w."]+)/i.exec(statements(sql)[0]?.sql ?? '')?.[1];
  return table ? table.replaceAll('"', '').replace(/^.*\./, '') : `Query ${at + 1}`;
}
