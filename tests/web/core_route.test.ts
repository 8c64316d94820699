import assert from 'node:assert/strict';
import test from 'node:test';
import { fits, match } from '../../web/core/route';

test('an address fits its pattern segment by segment', () => {
  assert.deepEqual(fits('/', '/'), {});
  assert.deepEqual(fits('/report/{id}', '/report/k3v9'), { id: 'k3v9' });
  assert.deepEqual(fits('/report/{id}', '/report/k3v9/'), { id: 'k3v9' });
  assert.deepEqual(fits('/report/{id}', '/report/a%20b'), { id: 'a b' });
  assert.deepEqual(fits('/report/{id}', '/report/%zz'), { id: '%zz' });
  assert.equal(fits('/report/{id}', '/report'), undefined);
  assert.equal(fits('/report/{id}', '/report/a/b'), undefined);
  assert.equal(fits('/explore', '/explorer'), undefined);
});

test('the first route that fits is the one', () => {
  const routes = [{ path: '/explore' }, { path: '/explore/{id}' }, { path: '/{rest}' }];
  assert.equal(match(routes, '/explore')?.route, routes[0]);
  assert.equal(match(routes, '/other')?.params['rest'], 'other');
  assert.equal(match(routes, '/a/b'), undefined);
});
