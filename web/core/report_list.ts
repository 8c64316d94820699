// Which reports a list shows, and in which order.

export interface Listed {
  title: string;
  description: string;
  collection: string;
  archived: boolean;
  updated_at: string;
  /** When the reader opened it last, where that is known. */
  opened_at?: string | null;
}

const latest = (report: Listed): number => Math.max(Date.parse(report.updated_at) || 0, Date.parse(report.opened_at ?? '') || 0);

/** The latest opened or changed first; what is put away comes last, and only when searched or asked for. */
export function listReports<R extends Listed>(reports: readonly R[], how: { search: string; collection: string; archived: boolean }): R[] {
  const words = how.search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (report: R): boolean => {
    const text = `${report.title} ${report.description}`.toLowerCase();
    return (!how.collection || report.collection === how.collection) && (!report.archived || how.archived || words.length > 0) && words.every((word) => text.includes(word));
  };
  return reports.filter(fits).sort((a, b) => Number(a.archived) - Number(b.archived) || latest(b) - latest(a) || a.title.localeCompare(b.title));
}
