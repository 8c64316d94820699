// What the contract says of reports and of everything else that is a file of the workspace.
import assert from 'node:assert/strict';
import type { Call, Checked } from '../../node/contract.js';

type Check = (call: Call) => Promise<Checked>;

export async function reports(check: Check): Promise<void> {
  const made = (await check({ method: 'POST', path: '/api/reports', body: { report: { title: 'Sales', queries: [{ id: 'q' }], tiles: [] }, queries: { q: 'select 1' } }, status: 201 })).body as { id: string; version: string };
  const target = `/api/reports/${made.id}`;
  const id = '/api/reports/{id}';
  await check({ method: 'POST', path: '/api/reports', body: { report: { titel: 'x' } }, status: 400 });
  await check({ method: 'POST', path: '/api/reports', body: {}, status: 400 });
  const read = (await check({ method: 'GET', path: id, target, status: 200 })).body as { report: { title: string }; queries: object; version: string };
  assert.equal(read.version, made.version);
  assert.deepEqual(read.queries, { q: 'select 1' });
  await check({ method: 'GET', path: id, target: '/api/reports/nothing123', status: 404 });
  await check({ method: 'PUT', path: id, target, body: { ...read, report: { ...read.report, title: 'Ours' }, base: read.version, slug: undefined }, status: 200 });
  const { body } = await check({ method: 'PUT', path: id, target, body: { report: { ...read.report, title: 'Mine' }, queries: read.queries, base: read.version }, status: 409 });
  assert.deepEqual((body as { conflict: { paths: string[] } }).conflict.paths, ['title']);
  await check({ method: 'PUT', path: id, target, body: { report: read.report, queries: {}, base: read.version }, status: 400 });
  await check({ method: 'PUT', path: id, target, body: { report: read.report, queries: read.queries }, status: 400 });
  const { body: log } = await check({ method: 'GET', path: `${id}/history`, target: `${target}/history`, status: 200 });
  const commits = (log as { commits: { version: string; message: string }[] }).commits;
  assert.deepEqual(commits.map((c) => c.message), ['Save Ours', 'Make Sales']);
  const first = commits[1]?.version ?? '';
  const { body: old } = await check({ method: 'GET', path: `${id}/at/{version}`, target: `${target}/at/${first}`, status: 200 });
  assert.equal((old as { report: { title: string } }).report.title, 'Sales');
  await check({ method: 'GET', path: `${id}/at/{version}`, target: `${target}/at/HEAD`, status: 404 });
  await check({ method: 'POST', path: `${id}/restore`, target: `${target}/restore`, body: { version: first }, status: 200 });
  await check({ method: 'GET', path: `${id}/diff`, target: `${target}/diff?from=${first}&to=${made.version}`, status: 200 });
  await check({ method: 'GET', path: `${id}/diff`, target: `${target}/diff?from=HEAD`, status: 404 });
  await check({ method: 'POST', path: '/api/page', body: { report: made.id, values: {}, queries: ['q'], known: { q: 'old' } }, status: 200 });
  await check({ method: 'POST', path: '/api/page', body: { report: made.id, queries: 'q' }, status: 400 });
  await check({ method: 'POST', path: '/api/page', body: { report: 'nothing123' }, status: 404 });
  await check({ method: 'GET', path: '/api/cache', status: 200 });
  await check({ method: 'GET', path: '/api/usage', target: '/api/usage?days=7', status: 200 });
  await check({ method: 'GET', path: '/api/events/recent', status: 200 });
  await check({ method: 'GET', path: '/api/events/recent', target: '/api/events/recent?limit=0', status: 400 });
  await check({ method: 'GET', path: '/api/events/{id}', target: '/api/events/999999-0', status: 404 });
  await check({ method: 'GET', path: '/api/usage', target: '/api/usage?days=x', status: 400 });
  const slowest = (await check({ method: 'GET', path: '/api/queries', status: 200 })).body as { slowest: unknown[] };
  assert.ok(slowest.slowest.length > 0);
  await check({ method: 'DELETE', path: '/api/cache', status: 204 });
  const kept = (await check({ method: 'POST', path: `${id}/snapshots`, target: `${target}/snapshots`, body: { values: {} }, status: 201 })).body as { id: string };
  await check({ method: 'POST', path: `${id}/snapshots`, target: `${target}/snapshots`, body: { values: [] }, status: 400 });
  await check({ method: 'GET', path: `${id}/snapshots`, target: `${target}/snapshots`, status: 200 });
  await check({ method: 'GET', path: '/api/snapshots/{id}', target: `/api/snapshots/${kept.id}`, status: 200 });
  await check({ method: 'GET', path: '/api/snapshots/{id}/{query}', target: `/api/snapshots/${kept.id}/q`, status: 200 });
  await check({ method: 'DELETE', path: '/api/snapshots/{id}', target: `/api/snapshots/${kept.id}`, status: 204 });
  await check({ method: 'GET', path: '/api/snapshots/{id}', target: `/api/snapshots/${kept.id}`, status: 404 });
  const copy = (await check({ method: 'POST', path: `${id}/clone`, target: `${target}/clone`, body: {}, status: 201 })).body as { id: string };
  await check({ method: 'POST', path: `${id}/open`, target: `${target}/open`, body: {}, status: 204 });
  await check({ method: 'POST', path: `${id}/open`, target: '/api/reports/nothing123/open', body: {}, status: 404 });
  await check({ method: 'PUT', path: `${id}/share`, target: `${target}/share`, body: { company: true }, status: 200 });
  await check({ method: 'PUT', path: `${id}/share`, target: `${target}/share`, body: { people: ['nobody'] }, status: 400 });
  const on = (name: string): { path: string; target: string } => ({ path: `${id}/${name}`, target: `${target}/${name}` });
  const { body: comment } = await check({ method: 'POST', ...on('comments'), body: { text: 'Why?', values: { n: 1 } }, status: 201 });
  const comments = { path: '/api/comments/{id}', target: `/api/comments/${(comment as { id: string }).id}` };
  await check({ method: 'POST', ...on('comments'), body: { text: ' ' }, status: 400 });
  await check({ method: 'PATCH', ...comments, body: { resolved: true }, status: 200 });
  await check({ method: 'GET', ...on('comments'), status: 200 });
  await check({ method: 'DELETE', ...comments, status: 204 });
  await check({ method: 'DELETE', ...comments, status: 404 });
  await check({ method: 'PUT', ...on('subscription'), body: { every: { unit: 'week', day: 1, at: '08:00' } }, status: 204 });
  await check({ method: 'PUT', ...on('subscription'), body: { every: { unit: 'year', at: '08:00' } }, status: 400 });
  await check({ method: 'DELETE', ...on('subscription'), status: 204 });
  await check({ method: 'PUT', path: '/api/favourites/{id}', target: `/api/favourites/${made.id}`, body: {}, status: 204 });
  await check({ method: 'PUT', path: '/api/favourites/{id}', target: '/api/favourites/nothing123', body: {}, status: 404 });
  await check({ method: 'PUT', path: '/api/groups/{id}/home', target: '/api/groups/everyone/home', body: { report: made.id }, status: 204 });
  await check({ method: 'PUT', path: '/api/groups/{id}/home', target: '/api/groups/nobody/home', body: { report: null }, status: 404 });
  await check({ method: 'GET', path: '/api/home', status: 200 });
  await check({ method: 'DELETE', path: '/api/favourites/{id}', target: `/api/favourites/${made.id}`, status: 204 });
  const choose = (await check({ method: 'POST', path: '/api/reports', body: { report: { title: 'Choose', parameters: [{ name: 's', type: 'select', options: { query: 'o', value: 'v' } }], queries: [{ id: 'o' }], tiles: [] }, queries: { o: "select 'a' as v" } }, status: 201 })).body as { id: string };
  await check({ method: 'GET', path: `${id}/options/{param}`, target: `/api/reports/${choose.id}/options/s?q=A`, status: 200 });
  await check({ method: 'GET', path: `${id}/options/{param}`, target: `/api/reports/${choose.id}/options/t`, status: 404 });
  await check({ method: 'DELETE', path: id, target: `/api/reports/${choose.id}`, status: 204 });
  const image = { path: `${id}/files/{name}`, target: `${target}/files/dot.gif` };
  await check({ method: 'PUT', ...image, body: 'GIF89a...', type: 'image/gif', status: 204 });
  await check({ method: 'PUT', ...image, body: 'GIF90a...', type: 'image/gif', status: 400 });
  await check({ method: 'PUT', ...image, body: 'GIF89a...', type: 'text/plain', status: 415 });
  await check({ method: 'GET', ...image, status: 200 });
  await check({ method: 'DELETE', ...image, status: 204 });
  await check({ method: 'GET', ...image, status: 404 });
  const out = { path: `${id}/publication`, target: `${target}/publication` };
  await check({ method: 'PUT', ...out, body: { company: true, at: '2999-01-01T00:00:00Z' }, status: 200 });
  await check({ method: 'PUT', ...out, body: { company: true, groups: [{ group: 'everyone' }] }, status: 200 });
  await check({ method: 'PUT', ...out, body: {}, status: 400 });
  await check({ method: 'GET', path: id, target: `${target}?version=published`, status: 200 });
  await check({ method: 'GET', path: id, target: `${target}?version=${first}`, status: 200 });
  await check({ method: 'DELETE', ...out, status: 204 });
  await check({ method: 'GET', path: id, target: `${target}?version=published`, status: 404 });
  await check({ method: 'POST', path: `${id}/move`, target: `${target}/move`, body: { collection: 'board' }, status: 200 });
  await check({ method: 'POST', path: `${id}/archive`, target: `${target}/archive`, body: { archived: true }, status: 200 });
  await check({ method: 'POST', path: `${id}/archive`, target: `${target}/archive`, body: {}, status: 400 });
  const { body: all } = await check({ method: 'GET', path: '/api/documents', status: 200 });
  const listed = (all as { reports: { id: string; title: string; collection: string; archived: boolean }[] }).reports;
  assert.deepEqual(listed.map((r) => `${r.title} ${r.collection} ${r.archived}`).sort(), ['Sales (copy) company false', 'Sales board true']);
  await check({ method: 'DELETE', path: id, target: `/api/reports/${copy.id}`, status: 204 });
  await check({ method: 'DELETE', path: id, target: `/api/reports/${copy.id}`, status: 404 });
}

/** Views, snippets, definitions. */
export async function parts(check: Check): Promise<void> {
  for (const kind of ['views', 'snippets', 'definitions']) {
    const name = `/api/${kind}/{name}`;
    const one = `/api/${kind}/mrr`;
    const { body: saved } = await check({ method: 'PUT', path: name, target: one, body: { sql: 'select 1 as n', description: 'One.' }, status: 201 });
    const base = (saved as { version: string }).version;
    await check({ method: 'PUT', path: name, target: one, body: { sql: 'select 2 as n' }, status: 409 });
    await check({ method: 'PUT', path: name, target: `/api/${kind}/Nope`, body: { sql: 'select 2' }, status: 400 });
    await check({ method: 'PUT', path: name, target: one, body: { sql: 'select 2 as n', base }, status: 200 });
    await check({ method: 'PUT', path: name, target: one, body: { sql: 'select 3 as n', base }, status: 409 });
    const { body: view } = await check({ method: 'GET', path: name, target: one, status: 200 });
    assert.equal((view as { sql: string }).sql, 'select 2 as n');
    await check({ method: 'DELETE', path: name, target: one, status: 204 });
    await check({ method: 'GET', path: name, target: one, status: 404 });
  }
  await check({ method: 'PUT', path: '/api/views/{name}', target: '/api/views/kept', body: { sql: 'select 1 as n', materialized: true }, status: 201 });
  await check({ method: 'POST', path: '/api/views/{name}/refresh', target: '/api/views/kept/refresh', body: {}, status: 202 });
  await check({ method: 'POST', path: '/api/views/{name}/refresh', target: '/api/views/nope/refresh', body: {}, status: 404 });
  await check({ method: 'GET', path: '/api/views/{name}', target: '/api/views/kept', status: 200 });
  await check({ method: 'DELETE', path: '/api/views/{name}', target: '/api/views/kept', status: 204 });
}

export async function repository(check: Check): Promise<void> {
  await check({ method: 'POST', path: '/api/git/pull', body: {}, status: 404 });
  await check({ method: 'POST', path: '/api/git/push', body: {}, status: 404 });
  const { body: git } = await check({ method: 'GET', path: '/api/git', status: 200 });
  assert.deepEqual(git, { branch: 'main', remote: '', ahead: 0, behind: 0, dirty: [], last_error: 'the workspace has no remote; add one in its folder: git remote add origin URL' });
}

export async function drafts(check: Check): Promise<void> {
  const path = '/api/drafts/{key}';
  const target = '/api/drafts/report:k3v9x0q2ab';
  await check({ method: 'GET', path, target, status: 404 });
  await check({ method: 'PUT', path, target, body: { sql: 'sel', at: [1, 2.5, null] }, status: 204 });
  const { body } = await check({ method: 'GET', path, target, status: 200 });
  assert.deepEqual((body as { draft: unknown }).draft, { sql: 'sel', at: [1, 2.5, null] });
  await check({ method: 'PUT', path, target, body: { sql: 'x'.repeat(1 << 20) }, status: 413 });
  await check({ method: 'PUT', path, target, body: '[]', status: 400 });
  await check({ method: 'DELETE', path, target, status: 204 });
  await check({ method: 'GET', path, target, status: 404 });
}
