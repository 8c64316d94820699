// weir doctor and weir status, of workspaces that are well and of those that are not.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ended, health, inWorkspace, track, weir, whileUp } from '../node/commands.js';
import { binary, until } from '../node/weir.js';

test('doctor names the libraries, foreign files, damage and a clock that is off', async () => {
  await inWorkspace(async (dir) => {
    writeFileSync(path.join(dir, 'weir.yml'), 'collect:\n  listen: 127.0.0.1:0\nserve:\n  listen: 127.0.0.1:0\n');
    await whileUp(dir, async (up) => {
      await track(dir, up, 'Seen');
      assert.equal((await weir('-C', dir, 'status', '-w')).code, 0);
    });
    const doctor = async (...more: string[]) => (await weir('-C', dir, 'doctor', ...more)).out.replace(/\n {2,}/g, ' ');
    assert.match(await doctor(), /^ok +libraries +duckdb v\d[\w.]*, libevent 2[\w.-]+, zstd 1[\d.]+, zlib 1[\w.]+, simdjson \d[\d.]+, libfyaml \d[\w.]+$/m);
    assert.doesNotMatch(await doctor(), /^(warning|problem) +(owner|log|folder)/m);

    const log = path.join(dir, '.weir/log');
    const segment = path.join(log, readdirSync(log).filter((name) => /^\d+/.test(name)).sort()[0] ?? '');
    const future = Date.now() / 1000 + 7200;
    utimesSync(segment, future, future);
    assert.match(await doctor(), /^warning +clock +.*was written 7\d\d\d s from now: the clock was set back/m);
    utimesSync(segment, future - 7200, future - 7200);

    if (process.getuid?.() === 0) {
      chownSync(segment, 12345, 12345);
      assert.match(await doctor(), /^warning +owner +1 files do not belong .* chown -R 0 /m);
      chownSync(segment, 0, 0);
    }
    chmodSync(path.join(dir, '.weir'), 0o755);
    assert.match(await doctor(), /^warning +folder +.*is open to other users \(mode 755\); chmod 700 it/m);
    chmodSync(path.join(dir, '.weir'), 0o700);

    const bytes = readFileSync(segment);
    const at = bytes.indexOf('Seen');
    assert.ok(at > 0);
    bytes.write('Gone', at);
    writeFileSync(segment, bytes);
    assert.match(await doctor('--deep'), /^problem +log +1 damaged places, the first in .*; `weir log verify` lists them/m);
  });
});

test('doctor says who holds the warehouse', async () => {
  await inWorkspace(async (dir) => {
    const serve = spawn(binary, ['-C', dir, 'serve', '--listen', '127.0.0.1:0'], { stdio: 'ignore' });
    const end = ended(serve);
    try {
      await until('the server', 30, async () => (/^serve +up/m.test((await weir('-C', dir, 'status')).out) ? true : undefined));
      serve.kill('SIGSTOP');
      const out = (await weir('-C', dir, 'doctor')).out.replace(/\s+/g, ' ');
      assert.match(out, new RegExp(`problem warehouse .*is in use by another process \\(${serve.pid}\\)`));
      assert.doesNotMatch(out, /move the file away/);
    } finally {
      serve.kill('SIGCONT');
      serve.kill('SIGTERM');
      assert.equal((await end).code, 0);
    }
  });
});

test('a data folder that cannot be written is told, by up and by doctor', async () => {
  await inWorkspace(async (dir) => {
    rmSync(path.join(dir, '.weir'), { recursive: true });
    writeFileSync(path.join(dir, '.weir'), 'a file, where the folder should be');
    const up = await weir('-C', dir, 'up', '--collect', '127.0.0.1:0', '--serve', '127.0.0.1:0');
    assert.equal(up.code, 1);
    assert.match(up.err, /\.weir/);
    const doctor = await weir('-C', dir, 'doctor');
    assert.equal(doctor.code, 1);
    assert.match(doctor.out, /^problem +folder +.*\.weir cannot be written/m);
  });
});

test('doctor finds nothing wrong with a fresh workspace, running or not', async () => {
  await inWorkspace(async (dir) => {
    writeFileSync(path.join(dir, 'weir.yml'), 'collect:\n  listen: 127.0.0.1:0\nserve:\n  listen: 127.0.0.1:0\n');
    const idle = await weir('-C', dir, 'doctor');
    assert.equal(idle.code, 0, idle.out);
    await whileUp(dir, async (up) => {
      await track(dir, up, 'Seen');
      assert.equal((await weir('-C', dir, 'status', '-w')).code, 0);
      const busy = await weir('-C', dir, 'doctor', '--json', '--deep');
      assert.equal(busy.code, 0, busy.out);
      const findings = JSON.parse(busy.out) as { check: string; health: string; text: string }[];
      const text = (check: string) => findings.find((finding) => finding.check === check)?.text ?? '';
      assert.match(text('collect'), new RegExp(`answers at http://${up.addresses.collect}`));
      assert.match(text('log'), /^1 requests in 1 segments, .* all verified$/);
      assert.match(text('serve'), new RegExp(`answers at http://${up.addresses.serve}`));
      assert.equal(text('loader'), 'runs');
      assert.match(text('warehouse'), /open in `weir serve` with duckdb v/);
    });
    const after = await weir('-C', dir, 'doctor');
    assert.equal(after.code, 0, after.out);
    assert.match(after.out, /^ok +warehouse +.* opens with duckdb v/m);
  });
});

test('status and doctor see parts that run without weir up', async () => {
  await inWorkspace(async (dir) => {
    const parts = (['collect', 'serve'] as const).map((name) =>
      spawn(binary, ['-C', dir, name, '--listen', '127.0.0.1:0'], { stdio: 'ignore' }),
    );
    const ends = parts.map((part) => ended(part));
    try {
      const status = await until('both parts', 30, async () => {
        const { out } = await weir('-C', dir, 'status');
        return /^collect +up$/m.test(out) && /^serve +up, http:/m.test(out) ? out : undefined;
      });
      assert.match(status, /^loaded +all of them$/m);
      const doctor = await weir('-C', dir, 'doctor');
      assert.equal(doctor.code, 0, doctor.out);
      assert.match(doctor.out, /^ok +serve +answers at http:/m);
      assert.match(doctor.out, /^ok +warehouse +.*open in `weir serve`/m);
      assert.equal((await weir('-C', dir, 'status', '--wait-loaded')).code, 0);
    } finally {
      parts.forEach((part) => part.kill('SIGTERM'));
      for (const end of ends) assert.equal((await end).code, 0);
    }
  });
});

test('doctor tells every problem at once', async () => {
  await inWorkspace(async (dir) => {
    mkdirSync(path.join(dir, 'sources'), { recursive: true });
    writeFileSync(path.join(dir, 'sources/a.yml'), 'write_key: short\n');
    writeFileSync(path.join(dir, 'sources/b.yml'), 'key: x\n');
    const doctor = await weir('-C', dir, 'doctor');
    assert.equal(doctor.code, 1);
    assert.match(doctor.out, /^problem +sources +sources\/a\.yml:1/m);
    assert.match(doctor.out, /^problem +sources +sources\/b\.yml:1/m);
    assert.match(doctor.err, /problems found/);
  });
});

test('status works when nothing runs, and waiting then fails at once', async () => {
  await inWorkspace(async (dir) => {
    const status = await weir('-C', dir, 'status');
    assert.equal(status.code, 0);
    assert.match(status.out, /Nothing runs here; `weir up` starts it\./);
    const json = JSON.parse((await weir('-C', dir, 'status', '--json')).out) as { up: boolean };
    assert.equal(json.up, false);
    const begun = Date.now();
    const waiting = await weir('-C', dir, 'status', '--wait-loaded');
    assert.equal(waiting.code, 1);
    assert.match(waiting.err, /no `weir serve` runs in /);
    assert.ok(Date.now() - begun < 20_000);
  });
});
