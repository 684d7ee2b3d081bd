import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeFiles, FakeHost } from '../host/index.js';
import type { DroverError } from '../lib/error.js';
import { makePlan } from '../../test/support/engine-fixture.js';
import { takeLocks } from './locks.js';
import type { RunLocks } from './locks.js';

const vms = makePlan({ vms: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }).vms;

function take(host: FakeHost, runId: string, names: string, more: { stateDir?: string; breakLock?: boolean } = {}) {
  const lost: DroverError[] = [];
  const stateDir = more.stateDir ?? '/state';
  host.files.put(`${stateDir}/runs/${runId}/run.json`, '{}');
  const locks: Promise<RunLocks> = takeLocks({
    host,
    stateDir,
    runId,
    vms: vms.filter((vm) => names.includes(vm.name)),
    breakLock: more.breakLock === true,
    onLost: (error) => void lost.push(error),
  });
  return { locks, lost };
}

/** Another process on the same files. */
function other(files: FakeFiles, clock: FakeHost['clock'], facts: { pid: number; hostname?: string }): FakeHost {
  return createFakeHost({ files, clock, facts: { startTicks: String(facts.pid), ...facts } });
}

function lockFiles(host: FakeHost): string[] {
  return host.files.tree('/').filter((path) => /\/lock$|locks\/vm\/|\.drover-locks/.test(path));
}

describe('locks', () => {
  it('are taken all or none, name the holder, and leave nothing behind', async () => {
    const host = createFakeHost();
    const first = await take(host, 'r1', 'b').locks;
    const second = other(host.files, host.clock, { pid: 9 });
    second.alive.add('4242:77');
    await expect(take(second, 'r2', 'abc').locks).rejects.toMatchObject({
      code: 'lock.held',
      message: /held by run r1 of tester on testhost \(pid 4242\)/,
      details: { run: 'r1' },
    });
    // Nothing of the second one is left, everything of the first one is.
    expect(lockFiles(host).filter((path) => host.files.peek(path)?.toString().includes('"r2"'))).toEqual([]);
    await expect(take(second, 'r3', 'ac').locks.then((locks) => locks.release())).resolves.toBeUndefined();
    await first.release();
    expect(lockFiles(host)).toEqual([]);
  });

  it('two state folders cannot write one product', async () => {
    const host = createFakeHost();
    const first = await take(host, 'r1', 'a').locks;
    const second = other(host.files, host.clock, { pid: 9 });
    second.alive.add('4242:77');
    await expect(take(second, 'r2', 'a', { stateDir: '/elsewhere' }).locks).rejects.toMatchObject({
      code: 'lock.held',
      message: /^\/out\/\.drover-locks\/a is held/,
    });
    await first.release();
  });

  it('of a process that is gone are broken; of one whose number was given away too', async () => {
    const host = createFakeHost();
    await take(host, 'r1', 'a').locks;
    const after = other(host.files, host.clock, { pid: 9 });
    const locks = await take(after, 'r2', 'a').locks;
    const held = lockFiles(host).filter((path) => !path.includes('/runs/') && host.files.peek(path) !== undefined);
    expect(held.map((path) => /"runId":"(\w+)"/.exec(host.files.peek(path)?.toString() ?? '')?.[1])).toEqual([
      'r2',
      'r2',
    ]);
    await locks.release();
    // Same number, started at another time: not the same process.
    const third = await take(host, 'r4', 'a').locks.catch(() => undefined);
    const reborn = other(host.files, host.clock, { pid: 4242 });
    expect(third).toBeDefined();
    await (await take(reborn, 'r5', 'a').locks).release();
  });

  it('of another machine hold, until it has been silent and somebody says so', async () => {
    const host = createFakeHost({ facts: { hostname: 'elsewhere' } });
    const { locks } = take(host, 'r1', 'a');
    await locks;
    const here = other(host.files, host.clock, { pid: 9 });
    await expect(take(here, 'r2', 'a').locks).rejects.toMatchObject({ code: 'lock.held', hint: /--break-lock/ });
    await expect(take(here, 'r2', 'a', { breakLock: true }).locks).rejects.toMatchObject({ code: 'lock.held' });
    // Its heart still beats: time alone does not make it stale.
    await host.clock.advance(120_000);
    await expect(take(here, 'r2', 'a', { breakLock: true }).locks).rejects.toMatchObject({ code: 'lock.held' });
    (await locks).release().catch(() => undefined);
    await host.clock.advance(10);
    host.files.put('/state/locks/vm/keep', '');
    const silent = createFakeHost({
      files: host.files.fork(() => host.clock.now()),
      clock: host.clock,
      facts: { hostname: 'elsewhere' },
    });
    await take(silent, 'r7', 'a').locks;
    const copy = other(
      silent.files.fork(() => host.clock.now()),
      host.clock,
      { pid: 9 },
    );
    await host.clock.advance(61_000);
    const broken = await take(copy, 'r8', 'a', { breakLock: true }).locks;
    await broken.release();
  });

  it('tell when somebody took them away', async () => {
    const host = createFakeHost();
    const { locks, lost } = take(host, 'r1', 'a');
    await locks;
    await host.files.remove('/out/.drover-locks/a');
    await host.clock.advance(16_000);
    expect(lost.map((error) => error.code)).toEqual(['engine.lock-lost']);
    await (await locks).release();
  });

  it('survive a holder that died while writing its name', async () => {
    const host = createFakeHost();
    host.files.put('/out/.drover-locks/a', '');
    await expect(take(host, 'r1', 'a').locks).rejects.toMatchObject({ code: 'lock.held' });
    await host.clock.advance(6_000);
    await (await take(host, 'r1', 'a').locks).release();
  });

  it('a folder for products that cannot be written is told before anything starts', async () => {
    const host = createFakeHost();
    host.files.fault = (act, path) => (path.startsWith('/out') && act !== 'look at' ? 'EROFS' : undefined);
    await expect(take(host, 'r1', 'a').locks).rejects.toMatchObject({ code: 'file.denied' });
    expect(lockFiles(host)).toEqual([]);
  });

  it('of one folder are one file, so that one touch shows that all live', async () => {
    const host = createFakeHost();
    const locks = await take(host, 'r1', 'abc').locks;
    const files = lockFiles(host).filter((path) => host.files.peek(path) !== undefined);
    expect(files).toHaveLength(7);
    // The run's own, those of machines, those of products.
    const inodes = await Promise.all(files.map(async (path) => (await host.files.stat(path))?.inode));
    expect(new Set(inodes).size).toBe(3);
    let touched = 0;
    host.files.fault = (act) => void (touched += act === 'touch' ? 1 : 0);
    await host.clock.advance(16_000);
    expect(touched).toBe(3);
    const ages = await Promise.all(files.map(async (path) => (await host.files.stat(path))?.mtimeNs));
    expect(new Set(ages).size).toBe(1);
    await locks.release();
    expect(lockFiles(host)).toEqual([]);
  });

  it('are files of their own where there are no hard links', async () => {
    const host = createFakeHost();
    const linkNew = host.files.linkNew.bind(host.files);
    host.files.linkNew = async (from, to) => (to.startsWith('/out') ? 'impossible' : linkNew(from, to));
    const { locks, lost } = take(host, 'r1', 'abc');
    await locks;
    const second = other(host.files, host.clock, { pid: 9 });
    second.alive.add('4242:77');
    await expect(take(second, 'r2', 'c').locks).rejects.toMatchObject({ code: 'lock.held' });
    await host.clock.advance(16_000);
    expect(lost).toEqual([]);
    await host.files.remove('/out/.drover-locks/c');
    await host.clock.advance(16_000);
    expect(lost.map((error) => error.details?.['path'])).toEqual(['/out/.drover-locks/c']);
    await (await locks).release();
    expect(lockFiles(host)).toEqual([]);
  });

  it('without hard links cost one open file for each folder, and are known by what they say', async () => {
    const host = createFakeHost();
    host.files.linkNew = () => Promise.resolve('impossible');
    const open = host.files.open.bind(host.files);
    const opened: string[] = [];
    host.files.open = async (path) => {
      opened.push(path);
      return open(path);
    };
    const { locks, lost } = take(host, 'r1', 'abc');
    await locks;
    expect(opened.filter((path) => path.startsWith('/out/.drover-locks/'))).toHaveLength(1);
    await host.clock.advance(16_000);
    expect(lost).toEqual([]);
    // The same file with other words: what a lock of somebody else looks like when its number was given out again.
    const text = await host.files.readText('/out/.drover-locks/c');
    await host.files.truncate('/out/.drover-locks/c', 0);
    await using file = await host.files.openAppend('/out/.drover-locks/c');
    await file.append(text.replace('"r1"', '"r9"'));
    await host.clock.advance(16_000);
    expect(lost).toMatchObject([{ code: 'engine.lock-lost', details: { path: '/out/.drover-locks/c', run: 'r9' } }]);
    await (await locks).release();
    expect(lockFiles(host)).toEqual(['/out/.drover-locks', '/out/.drover-locks/c']);
  });

  it('of a holder that comes back to life between two looks are left to it', async () => {
    const host = createFakeHost();
    await take(host, 'r1', 'a').locks;
    const after = other(host.files, host.clock, { pid: 9 });
    const rename = host.files.rename.bind(host.files);
    host.files.rename = async (from, to) => {
      // The dead holder's lock was broken and taken by somebody else in this moment.
      if (from === '/out/.drover-locks/a') {
        await host.files.remove(from);
        await host.files.createNew(
          from,
          JSON.stringify({ runId: 'r9', host: 'testhost', user: 'u', pid: 7, startTicks: '7', bootId: 'b', ts: '' }),
        );
        after.alive.add('7:7');
      }
      await rename(from, to);
    };
    await expect(take(after, 'r2', 'a').locks).rejects.toMatchObject({ code: 'lock.held', message: /held by run r9/ });
    expect(host.files.peek('/out/.drover-locks/a')?.toString()).toContain('r9');
  });
});
