// What can be done with a report as a whole, from its page and from the list.
import { asApiError, call } from '../../api/client';
import { go } from '../../app/router.svelte';
import { toast } from '../../app/toasts.svelte';
import type { MenuItem } from '../../components/Menu.svelte';
import { openForEditing } from './opening';

export interface Subject {
  id: string;
  title: string;
  collection: string;
  archived: boolean;
  level: string;
}
interface Shelf {
  slug: string;
  title: string;
  level?: string;
}

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    toast(asApiError(cause).message, { tone: 'bad' });
  }
}

async function clone(report: Subject): Promise<void> {
  const { id } = await call('post', '/api/reports/{id}/clone', { path: { id: report.id }, body: {} });
  toast(`This is a copy of ${report.title}; give it a title of its own`);
  openForEditing(id);
}

async function archive(report: Subject, archived: boolean, done: () => void): Promise<void> {
  await call('post', '/api/reports/{id}/archive', { path: { id: report.id }, body: { archived } });
  toast(archived ? `${report.title} is archived: found by search, not shown in lists` : `${report.title} is back`, { undo: () => attempt(() => archive(report, !archived, done)) });
  done();
}

async function move(report: Subject, to: Shelf, done: () => void): Promise<void> {
  await call('post', '/api/reports/{id}/move', { path: { id: report.id }, body: { collection: to.slug } });
  const back = { slug: report.collection, title: report.collection };
  toast(`${report.title} stands in ${to.title} now`, { undo: () => attempt(() => move({ ...report, collection: to.slug }, back, done)) });
  done();
}

/** Deletes; the undo makes it again with the same id, so that its links work as before. */
async function remove(report: Subject, done: () => void): Promise<void> {
  const before = await call('get', '/api/reports/{id}', { path: { id: report.id } });
  await call('delete', '/api/reports/{id}', { path: { id: report.id } });
  const undo = (): Promise<void> =>
    attempt(async () => {
      await call('post', '/api/reports', { body: { report: before.report, queries: before.queries, message: `Bring back ${report.title}` } });
      toast(`${report.title} is back`);
      done();
    });
  toast(`${report.title} was deleted; its history stays in git`, { undo });
  if (location.pathname === `/report/${report.id}`) go('/reports');
  done();
}

/** Its menu. `done`: something about it changed. */
export function actionsOf(report: Subject, shelves: readonly Shelf[], done: () => void): (MenuItem | 'line')[] {
  const mine = report.level === 'edit';
  const others = mine ? shelves.filter((one) => one.level === 'edit' && one.slug !== report.collection) : [];
  return [
    ...(mine ? [{ label: 'Edit', icon: 'edit', run: () => openForEditing(report.id) } satisfies MenuItem] : []),
    { label: 'Make a copy', icon: 'copy', run: () => void attempt(() => clone(report)) },
    ...others.slice(0, 12).map((to): MenuItem => ({ label: `Move to ${to.title}`, icon: 'right', run: () => void attempt(() => move(report, to, done)) })),
    ...(mine
      ? [
          'line' as const,
          { label: report.archived ? 'Bring back' : 'Archive', icon: 'data', ...(report.archived ? {} : { note: 'found by search, not shown in lists' }), run: () => void attempt(() => archive(report, !report.archived, done)) } satisfies MenuItem,
          { label: 'Delete', icon: 'trash', danger: true, run: () => void attempt(() => remove(report, done)) } satisfies MenuItem,
        ]
      : []),
  ];
}
