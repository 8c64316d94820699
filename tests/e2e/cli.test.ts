// The command line as a person and an operator use it: make a workspace, run it, break it, stop it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Up, countTracks, ended, health, inFolder, inWorkspace, knock, listening, track, weir, whileUp } from '../node/commands.js';
import { until } from '../node/weir.js';

test('init makes a workspace, says what is next, and leaves an existing one alone', async () => {
  await inFolder(async (folder) => {
    const dir = path.join(folder, 'acme');
    const first = await weir('init', dir);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /Next:\n\n {2}cd .*acme\n {2}weir up /);
    assert.ok(existsSync(path.join(dir, '.git')));
    assert.match(readFileSync(path.join(dir, '.gitignore'), 'utf8'), /^\/\.weir\/$/m);
    const key = await weir('source', 'key', 'web', '-C', dir);
    assert.match(key.out, /^[0-9A-Za-z]{32}\n$/);
    const second = await weir('init', dir);
    assert.equal(second.code, 1);
    assert.match(second.err, /^weir: ".*acme" is a workspace already/);
    assert.equal((await weir('-C', dir, 'source', 'key', 'web')).out, key.out);
  });
});

test('documents are checked, listed and shown without a server', async () => {
  await inWorkspace(async (dir) => {
    assert.match((await weir('-C', dir, 'validate')).out, /^0 documents, no mistakes\n$/);
    mkdirSync(path.join(dir, 'reports', 'sales'), { recursive: true });
    const report = path.join(dir, 'reports', 'sales', 'report.yml');
    writeFileSync(path.join(dir, 'reports', 'sales', 'q.sql'), 'select 1\n');
    writeFileSync(report, 'id: k3v9x0q2ab\ntitle: Sales\nqueries:\n  - {id: q, file: q.sql}\n');
    assert.match((await weir('-C', dir, 'report', 'list')).out, /^k3v9x0q2ab +sales +company +Sales$/m);
    assert.match((await weir('-C', dir, 'report', 'show', 'sales')).out, /-- q \(q\.sql\)\nselect 1\n/);
    const shown = JSON.parse((await weir('-C', dir, 'report', 'show', '--json', 'k3v9x0q2ab')).out) as { queries: unknown };
    assert.deepEqual(shown.queries, { q: 'select 1' });
    assert.equal((await weir('-C', dir, 'report', 'validate', 'sales')).code, 0);
    assert.equal((await weir('-C', dir, 'report', 'show', 'nope')).code, 1);
    writeFileSync(report, 'id: k3v9x0q2ab\ntitel: Sales\n');
    const bad = await weir('-C', dir, 'validate');
    assert.equal(bad.code, 1);
    assert.match(bad.out, /^reports\/sales\/report\.yml:2: there is no key "titel"; did you mean "title"\?$/m);
    assert.match(bad.err, /1 of 1 documents have mistakes/);
  });
});

test('sources are added, listed and named well', async () => {
  await inWorkspace(async (dir) => {
    assert.equal((await weir('-C', dir, 'source', 'add', 'ios', '--key=a-key-of-my-own_1')).code, 0);
    assert.equal((await weir('-C', dir, 'source', 'key', 'ios')).out, 'a-key-of-my-own_1\n');
    const list = await weir('-C', dir, 'source', 'list', '--json');
    const names = (JSON.parse(list.out) as { name: string }[]).map((source) => source.name);
    assert.deepEqual(names, ['ios', 'web']);
    const bad = await weir('-C', dir, 'source', 'add', 'select');
    assert.equal(bad.code, 1);
    assert.match(bad.err, /"select" is reserved in the warehouse/);
    const missing = await weir('-C', dir, 'source', 'key', 'tv');
    assert.equal(missing.code, 1);
    assert.match(missing.err, /`weir source add tv` makes it/);
  });
});

test('every command explains itself, and wrong usage exits with 2', async () => {
  const help = await weir('--help');
  assert.equal(help.code, 0);
  const section = help.out.split('Commands\n')[1]?.split('\n\n')[0] ?? '';
  const commands = [...section.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}\S/gm)].map((match) => match[1] ?? '');
  assert.ok(commands.includes('up') && commands.includes('source key'), help.out);
  for (const command of commands) {
    const one = await weir(...command.split(' '), '--help');
    assert.equal(one.code, 0);
    assert.match(one.out, new RegExp(`^Usage: weir ${command}`));
  }
  assert.match((await weir('--version')).out, /^weir \d+\.\d+\.\d+\n$/);
  const wrong: [string[], RegExp][] = [
    [['stauts'], /did you mean "status"\?/],
    [['status', '--jsno'], /did you mean --json\?/],
    [['source'], /needs a second word/],
    [['source', 'key'], /usage: weir source key NAME/],
    [['status', '--timeout', 'soon'], /it must be a duration/],
    [['up', '--log-level=loud'], /debug, info, warn or error/],
  ];
  for (const [args, message] of wrong) {
    const outcome = await weir(...args);
    assert.equal(outcome.code, 2, args.join(' '));
    assert.match(outcome.err, message);
    assert.equal(outcome.out, '');
  }
});

test('outside of a workspace every command says so', async () => {
  await inFolder(async (folder) => {
    for (const args of [['up'], ['status'], ['source', 'list'], ['source', 'key', 'web']]) {
      const outcome = await weir('-C', folder, ...args);
      assert.equal(outcome.code, 1);
      assert.match(outcome.err, /there is no weir\.yml in .*; run `weir init/);
    }
  });
});

test('up answers, loads what it acknowledged, and stops cleanly on SIGTERM', async () => {
  await inWorkspace(async (dir) => {
    const up = await Up.start(dir);
    assert.equal(await health(up.addresses.collect), 200);
    assert.equal(await health(up.addresses.serve), 200);
    await track(dir, up, 'Signed Up');
    assert.equal((await weir('-C', dir, 'status', '--wait-loaded')).code, 0);
    assert.equal(await countTracks(up), 1);
    const status = await weir('-C', dir, 'status');
    assert.match(status.out, /^collect +up, http:\/\/127/m);
    assert.match(status.out, /^loaded +all of them$/m);
    await track(dir, up, 'Signed Out'); // and at once:
    const end = await up.stop();
    assert.equal(end.code, 0, end.err);
    assert.match(end.out, /weir is up, after \d+ ms/);
    assert.match(end.out, new RegExp(`serve +http://${up.addresses.serve}`));
    assert.doesNotMatch(end.err, /before all is loaded/);
    assert.ok(!existsSync(path.join(dir, '.weir/run/addresses.json')));
    await assert.rejects(health(up.addresses.collect));
    const again = await Up.start(dir);
    assert.equal(await countTracks(again), 2);
    assert.equal((await again.stop()).code, 0);
  });
});

for (const name of ['collect', 'serve'] as const) {
  test(`a killed ${name} comes back on its port, and no connection is refused meanwhile`, async () => {
    await inWorkspace(async (dir) => {
      const end = await whileUp(dir, async (up) => {
        const address = up.addresses[name];
        const before = up.part(name);
        assert.ok(before);
        const knocking = knock(address);
        process.kill(before, 'SIGKILL');
        const after = await until(`a new ${name}`, 30, () => {
          const pid = up.part(name);
          return pid && pid !== before ? pid : undefined;
        });
        assert.notEqual(after, before);
        assert.equal(await health(address), 200);
        const { made, refused } = await knocking.stop();
        assert.ok(made > 0);
        assert.deepEqual(refused, []);
        assert.match(up.log(), /killed by SIGKILL/);
        await track(dir, up, 'Still here');
        assert.equal((await weir('-C', dir, 'status', '-w')).code, 0);
        assert.equal(await countTracks(up), 1);
      });
      assert.equal(end.code, 0);
    });
  });
}

test('a killed weir up takes its children along and can be started again at once', async () => {
  await inWorkspace(async (dir) => {
    const first = await Up.start(dir);
    const { collect, serve } = first.addresses;
    await track(dir, first, 'Kept');
    first.child.kill('SIGKILL');
    await first.end;
    const second = await Up.start(dir, '--collect', collect, '--serve', serve);
    assert.deepEqual(second.addresses, { collect, serve });
    assert.equal((await weir('-C', dir, 'status', '--wait-loaded')).code, 0);
    assert.equal(await countTracks(second), 1);
    assert.equal((await second.stop()).code, 0);
  });
});

test('a second weir up is refused and does not disturb the first', async () => {
  await inWorkspace(async (dir) => {
    await whileUp(dir, async (up) => {
      const second = await weir('-C', dir, 'up', '--collect', '127.0.0.1:0', '--serve', '127.0.0.1:0');
      assert.equal(second.code, 1);
      assert.match(second.err, new RegExp(`another \`weir up\` \\(pid ${up.pid}\\) runs in `));
      assert.equal(await health(up.addresses.collect), 200);
      assert.ok(existsSync(path.join(dir, '.weir/run/addresses.json')));
    });
  });
});

test('a port that is taken is told with the setting that asked for it', async () => {
  const { server, address } = await listening();
  try {
    await inWorkspace(async (dir) => {
      const flag = await weir('-C', dir, 'up', '--collect', address, '--serve', '127.0.0.1:0');
      assert.equal(flag.code, 1);
      assert.match(flag.err, new RegExp(`^weir: --collect: ${address}: somebody listens there`));
      const socket = await weir('-C', dir, 'up', '--collect', 'unix:/tmp/x', '--serve', '127.0.0.1:0');
      assert.equal(socket.code, 1);
      assert.match(socket.err, /^weir: --collect: unix:\/tmp\/x: `weir up` listens on HOST:PORT/);
      writeFileSync(path.join(dir, 'weir.yml'), `serve:\n  listen: ${address}\n`);
      const setting = await weir('-C', dir, 'up', '--collect', '127.0.0.1:0');
      assert.equal(setting.code, 1);
      assert.match(setting.err, /^weir: serve\.listen in weir\.yml: .*somebody listens there/);
      const doctor = await weir('-C', dir, 'doctor');
      assert.equal(doctor.code, 1);
      assert.match(doctor.out, /^problem +serve +serve\.listen: /m);
    });
  } finally {
    server.close();
  }
});

test('a mistake in weir.yml is told with its line before anything starts, one of a source beside what runs', async () => {
  await inWorkspace(async (dir) => {
    const cases: [string, RegExp][] = [
      ['collect:\n  lissten: x\n', /weir\.yml:2: there is no setting "lissten"; did you mean "listen"\?/],
      ['collect:\n\tlisten: x\n', /weir\.yml:2: a tab; use blanks/],
      ['colect:\n', /weir\.yml:1: there is no section "colect"; did you mean "collect"\?/],
      ['collect:\n  max_body: 1GB\n', /weir\.yml:2: "max_body" is "1GB"; it must be a size .*from 65536 to 66060288 bytes/],
      ['log:\n  keep_free: much\n', /weir\.yml:2: "keep_free" is "much"; it must be a size/],
    ];
    for (const [text, message] of cases) {
      writeFileSync(path.join(dir, 'weir.yml'), text);
      const outcome = await weir('-C', dir, 'up');
      assert.equal(outcome.code, 1);
      assert.match(outcome.err, message);
    }
    writeFileSync(path.join(dir, 'weir.yml'), '');
    writeFileSync(path.join(dir, 'sources/app.yml'), 'write_key: short\n');
    await whileUp(dir, async (up) => {
      await until('the mistake', 30, () => (/sources\/app\.yml:1: a write key has 16 to 128/.test(up.log()) ? true : undefined));
    });
  });
});

test('SIGHUP takes good settings over, and a mistake changes nothing', async () => {
  await inWorkspace(async (dir) => {
    await whileUp(dir, async (up) => {
      const before = up.part('collect');
      writeFileSync(path.join(dir, 'weir.yml'), 'collect:\n  max_body: nonsense\n');
      up.child.kill('SIGHUP');
      await until('the complaint', 30, () => (/max_body.* is .*nonsense/.test(up.log()) ? true : undefined));
      assert.equal(up.part('collect'), before);
      writeFileSync(path.join(dir, 'weir.yml'), 'collect:\n  max_body: 64k\n');
      const knocking = knock(up.addresses.collect);
      up.child.kill('SIGHUP');
      await until('a new collector', 30, () => {
        const pid = up.part('collect');
        return pid && pid !== before ? pid : undefined;
      });
      const large = await fetch(`http://${up.addresses.collect}/v1/track`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from('x:').toString('base64')}` },
        body: JSON.stringify({ userId: 'ada', event: 'x'.repeat(100_000) }),
      });
      assert.equal(large.status, 413);
      assert.deepEqual((await knocking.stop()).refused, []);
    });
  });
});

test('a change of listening addresses is told until weir up is started anew', async () => {
  await inWorkspace(async (dir) => {
    const settings = (port: number) => writeFileSync(path.join(dir, 'weir.yml'), `collect:\n  listen: 127.0.0.1:${port}\nserve:\n  listen: 127.0.0.1:0\n`);
    const changed = /collect\.listen is now 127\.0\.0\.1:1, was 127\.0\.0\.1:0; restart `weir up`/;
    const words = (text: string) => text.replace(/\s+/g, ' ');
    settings(0);
    const up = await Up.start(dir, '--serve', '127.0.0.1:0');
    try {
      assert.doesNotMatch((await weir('-C', dir, 'status')).out, /is now/);
      settings(1);
      assert.match(words((await weir('-C', dir, 'status')).out), changed);
      assert.match(words((await weir('-C', dir, 'doctor')).out), changed);
      const before = [up.part('collect'), up.part('serve')];
      up.child.kill('SIGHUP');
      await until('new children that answer', 60, async () => {
        const now = [up.part('collect'), up.part('serve')];
        const fresh = now.every((pid, i) => pid && pid !== before[i]);
        const { out } = await weir('-C', dir, 'status');
        return fresh && /^collect +up/m.test(out) && /^serve +up/m.test(out) ? true : undefined;
      });
      await until('the log line', 30, () => (/addresses are taken only at the start/.test(up.log()) ? true : undefined));
    } finally {
      assert.equal((await up.stop()).code, 0);
    }
    assert.doesNotMatch((await weir('-C', dir, 'status')).out, /is now/);
  });
});

test('the man page and the completion scripts are well formed', async () => {
  const man = await weir('man');
  const groff = spawn('man', ['--warnings=w', '-l', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  groff.stdin?.end(man.out);
  const shown = await ended(groff);
  assert.equal(shown.code, 0);
  assert.equal(shown.err, '');
  assert.match(shown.out, /weir source key NAME/);
  const bash = spawn('bash', ['-n'], { stdio: ['pipe', 'pipe', 'pipe'] });
  bash.stdin?.end((await weir('completion', 'bash')).out);
  const checked = await ended(bash);
  assert.equal(checked.code, 0, checked.err);
});
