/** The engine in a process of its own, on real files, killed in every stage. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readEvents, readRun, resumeRun, runPlan, verifyState } from '../../src/engine/index.js';
import { createHost } from '../../src/host/index.js';
import { STAGES } from '../../src/model/stage.js';
import { planFor, realStages } from '../support/engine-child.js';
import type { ChildOrder } from '../support/engine-child.js';

const ROOT = resolve(import.meta.dirname, '../..');
const HANGS = join(ROOT, 'test/fixtures/processes/never-ends');
const options = { version: '0.1.0' };

let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'drover-loader-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-crash-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function start(order: ChildOrder, fixture = HANGS): ChildProcess & { readonly done: Promise<number | string | null> } {
  const loader = join(ROOT, 'test/support/ts-loader.mjs');
  const script = join(ROOT, 'test/support/engine-child.ts');
  const child = spawn(process.execPath, ['--import', loader, script, JSON.stringify(order)], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], DROVER_BIN_GZIP: fixture, TS_LOADER_CACHE: cache },
  });
  const done = new Promise<number | string | null>((end) => child.once('exit', (code, signal) => end(code ?? signal)));
  return Object.assign(child, { done });
}

async function until(check: () => Promise<boolean>, child?: ChildProcess, ms = 60_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    if (child?.exitCode !== null && child !== undefined) throw new Error('the child ended by itself');
    await new Promise((next) => setTimeout(next, 50));
  }
}

async function content(name: string): Promise<string> {
  return readFile(join(dir, name), 'utf8').catch(() => '');
}

async function calls(): Promise<string[]> {
  return (await content('calls')).split('\n').filter(Boolean);
}

/** Living processes that run the fixture that never ends for this test: they carry its path nowhere, so by group. */
async function livingGroups(pgids: readonly number[]): Promise<number[]> {
  const alive = new Set<number>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [state, , pgrp] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (state !== 'Z' && pgids.includes(Number(pgrp))) alive.add(Number(pgrp));
  }
  return [...alive];
}

async function journaledGroups(): Promise<number[]> {
  const [run] = await readdir(join(dir, 'state/runs'));
  const journal = await content(join('state/runs', run ?? '', 'journal.ndjson'));
  return [...journal.matchAll(/"pgid":(\d+)/g)].map((match) => Number(match[1]));
}

describe('kill -9', () => {
  it.each(STAGES)('in %s: the run is resumed to the same end, and nothing of the dead one lives on', async (stage) => {
    const survives = stage === 'CONVERT' || stage === 'FETCH';
    const order: ChildOrder = { dir, command: 'run', vms: ['a', 'b'], hangAt: `a ${stage}`, survives };
    const child = start(order);
    await until(async () => (await content('marker')) !== '' && (await journaledGroups()).length > 0, child);
    // The other machine comes to its end meanwhile.
    await until(async () => (await calls()).includes('b VALIDATE'));
    child.kill('SIGKILL');
    await child.done;
    const groups = await journaledGroups();
    if (survives) expect(await livingGroups(groups)).toEqual(groups);
    else await until(async () => (await livingGroups(groups)).length === 0);

    const host = createHost();
    const before = await readRun(host, join(dir, 'state'));
    expect(before).toMatchObject({ active: false });
    const result = await resumeRun({
      host,
      runners: realStages(host, { dir, command: 'resume', vms: ['a', 'b'] }),
      stateDir: join(dir, 'state'),
      options,
    });
    expect(result).toMatchObject({ exitCode: 0, outcome: 'succeeded' });
    expect(await livingGroups(groups)).toEqual([]);
    const all = await calls();
    const times = (who: string): number => all.filter((line) => line === who).length;
    for (const each of STAGES) {
      expect(`a ${each} ${times(`a ${each}`)}`).toBe(`a ${each} ${each === stage ? 2 : 1}`);
      if (each !== 'VALIDATE') expect(`b ${each} ${times(`b ${each}`)}`).toBe(`b ${each} 1`);
    }
    for (const vm of ['a', 'b']) {
      const node = planFor(order).nodes.find((n) => n.vmKey === `src:${vm}` && n.stage === 'CONVERT');
      expect(await content(`out/${vm}/disk`)).toBe(`${vm} CONVERT ${node?.fingerprint}\n`.repeat(2000));
    }
    expect(await verifyState(host, join(dir, 'state'))).toEqual([]);
    const events = await readEvents(host, result.runDir);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, at) => at + 1));
    expect(await readdir(join(dir, 'state/locks/vm'))).toEqual([]);
    expect((await readdir(join(dir, 'out'))).sort()).toEqual(['a', 'b']);
  });
});

describe('signals', () => {
  it('one ends the run in order, and it can be resumed', async () => {
    const child = start({ dir, command: 'run', vms: ['a'], hangAt: 'a FIX' });
    await until(async () => (await content('marker')) !== '' && (await journaledGroups()).length > 0, child);
    child.kill('SIGTERM');
    expect(await child.done).toBe(143);
    expect(await livingGroups(await journaledGroups())).toEqual([]);
    const host = createHost();
    const view = await readRun(host, join(dir, 'state'));
    expect(view).toMatchObject({ outcome: 'cancelled', exitCode: 143, active: false });
    const runners = realStages(host, { dir, command: 'resume', vms: ['a'] });
    const result = await resumeRun({ host, runners, stateDir: join(dir, 'state'), options });
    expect(result.exitCode).toBe(0);
    expect((await calls()).filter((line) => line === 'a FETCH')).toHaveLength(1);
  });

  it('two kill what does not listen, within two seconds', async () => {
    const stubborn = join(ROOT, 'test/fixtures/processes/ignores-term');
    const child = start({ dir, command: 'run', vms: ['a'], hangAt: 'a FETCH' }, stubborn);
    await until(async () => (await content('marker')) !== '' && (await journaledGroups()).length > 0, child);
    child.kill('SIGINT');
    await new Promise((next) => setTimeout(next, 500));
    const began = Date.now();
    child.kill('SIGINT');
    expect(await child.done).toBe(130);
    expect(Date.now() - began).toBeLessThan(2500);
    expect(await livingGroups(await journaledGroups())).toEqual([]);
    expect(await readdir(join(dir, 'state/locks/vm'))).toEqual([]);
  });
});

describe('a second run', () => {
  it('is refused while the first one runs, from the same and from another state folder', async () => {
    const child = start({ dir, command: 'run', vms: ['a'], hangAt: 'a FETCH' });
    try {
      await until(async () => (await content('marker')) !== '' && (await journaledGroups()).length > 0, child);
      const host = createHost();
      const runners = realStages(host, { dir, command: 'run', vms: ['a'] });
      const graph = planFor({ dir, vms: ['a'] });
      for (const stateDir of [join(dir, 'state'), join(dir, 'other')]) {
        await expect(runPlan({ host, runners, graph, stateDir, options })).rejects.toMatchObject({
          code: 'lock.held',
          details: { run: expect.stringMatching(/^\d{8}T\d{6}Z-/) as string },
        });
      }
      await expect(resumeRun({ host, runners, stateDir: join(dir, 'state'), options })).rejects.toMatchObject({
        code: 'lock.held',
      });
      expect((await readRun(host, join(dir, 'state'))).active).toBe(true);
      expect(await readdir(join(dir, 'state/runs'))).toHaveLength(1);
    } finally {
      child.kill('SIGKILL');
      await child.done;
    }
  });
});
