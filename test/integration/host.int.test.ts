/** The doors of the host against real processes and files. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost, TOOLS } from '../../src/host/index.js';
import type { ExecSpec, Host, HostScope } from '../../src/host/index.js';
import type { ProcessGroup } from '../../src/model/stage-runner.js';
import { Secret } from '../../src/lib/secret.js';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/processes');

/** A host in which the tool `gzip` is a fixture. */
function hostWith(fixture: string, scope?: HostScope, env: NodeJS.ProcessEnv = {}): Host {
  const host = createHost({ env: { PATH: process.env['PATH'], DROVER_BIN_GZIP: join(FIXTURES, fixture), ...env } });
  return scope === undefined ? host : host.within(scope);
}

function spec(over: Partial<ExecSpec> = {}): ExecSpec {
  return { tool: 'gzip', args: [], purpose: 'be tested', mutates: false, timeoutMs: 20_000, ...over };
}

async function membersOf(pgid: number): Promise<string[]> {
  const members: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [state, , pgrp] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (Number(pgrp) === pgid && state !== 'Z') members.push(pid);
  }
  return members;
}

async function until(check: () => Promise<boolean>, ms = 5000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe('exec', () => {
  it('ends a program at its deadline, with everything it started', async () => {
    let pgid = 0;
    const host = hostWith('never-ends', { spawned: async (group) => void (pgid = group.pgid) });
    const began = Date.now();
    await expect(host.exec(spec({ timeoutMs: 300 }))).rejects.toMatchObject({
      code: 'exec.timeout',
      retryable: true,
      message: 'gzip did not end within 300 ms (be tested)',
    });
    expect(Date.now() - began).toBeLessThan(3000);
    expect(await membersOf(pgid)).toEqual([]);
  });

  it('kills one that does not listen, after the grace', async () => {
    let pgid = 0;
    const host = hostWith('ignores-term', { spawned: async (group) => void (pgid = group.pgid) });
    const began = Date.now();
    await expect(host.exec(spec({ timeoutMs: 300, graceMs: 700 }))).rejects.toMatchObject({
      code: 'exec.timeout',
      details: { signal: 'SIGKILL' },
    });
    const took = Date.now() - began;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(4000);
    expect(await membersOf(pgid)).toEqual([]);
  });

  it('stops when the task is cancelled, and does not start when it was before', async () => {
    const stop = new AbortController();
    const host = hostWith('never-ends', { signal: stop.signal, where: { vm: 'web01', stage: 'CONVERT' } });
    setTimeout(() => stop.abort(), 200);
    await expect(host.exec(spec())).rejects.toMatchObject({
      code: 'exec.cancelled',
      where: { vm: 'web01', stage: 'CONVERT', tool: 'gzip' },
    });
    await expect(host.exec(spec())).rejects.toMatchObject({ code: 'exec.cancelled', message: /was not started/ });
    const inner = hostWith('never-ends')
      .within({ signal: stop.signal })
      .within({ signal: new AbortController().signal });
    await expect(inner.exec(spec())).rejects.toMatchObject({ code: 'exec.cancelled' });
  });

  it('reads standard error without letting the program wait, and keeps its end', async () => {
    const result = await hostWith('fills-stderr').exec(spec());
    expect(result.stdout).toBe('done\n');
    expect(result.stderr).toMatch(/^x{65536}$/);
  });

  it('does not wait for a grandchild that holds the pipes, and leaves none alive', async () => {
    const began = Date.now();
    const result = await hostWith('leaves-grandchild').exec(spec());
    expect(Date.now() - began).toBeLessThan(4000);
    const pid = Number(/grandchild (\d+)/.exec(result.stdout)?.[1]);
    expect(pid).toBeGreaterThan(1);
    await until(async () => (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')).includes(') Z'));
  });

  it('judges a program that reads no input by its exit code', async () => {
    const megabytes = 'y'.repeat(4_000_000);
    expect((await hostWith('ignores-stdin').exec(spec({ stdin: megabytes }))).exitCode).toBe(0);
    await expect(hostWith('ignores-stdin').exec(spec({ stdin: megabytes, args: ['4'] }))).rejects.toMatchObject({
      code: 'exec.failed',
      details: { exitCode: 4 },
    });
    expect((await hostWith('ignores-stdin').exec(spec({ args: ['4'], okExitCodes: [0, 4] }))).exitCode).toBe(4);
  });

  it('does not wait for a program that was gone before its input could be written', async () => {
    const isGone = async (group: ProcessGroup): Promise<void> =>
      until(
        async () => !(await readFile(`/proc/${group.pgid}/stat`, 'utf8').catch(() => '')).includes('ignores-stdin'),
      );
    // Long enough that the pipe is closed, too, when the waiting ends.
    const spawned = async (group: ProcessGroup): Promise<void> => {
      await isGone(group);
      await new Promise((done) => setTimeout(done, 50));
    };
    const result = await hostWith('ignores-stdin', { spawned }).exec(spec({ stdin: 'y'.repeat(4_000_000) }));
    expect(result.exitCode).toBe(0);
  }, 10_000);

  it('hands on a failure of what feeds it, instead of half the input', async () => {
    async function* halves(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the other half is lost');
    }
    await expect(hostWith('shows-itself').exec(spec({ stdin: halves() }))).rejects.toThrow('the other half is lost');
  });

  it('hands on what a reader of lines throws, and ends the program', async () => {
    const onStdoutLine = (): never => {
      throw new Error('I cannot read this');
    };
    await expect(hostWith('ignores-term').exec(spec({ onStdoutLine, graceMs: 100 }))).rejects.toThrow(
      'I cannot read this',
    );
  });

  it('gives a short environment, and no secret to anybody who looks', async () => {
    const canary = 'canary-7f3a91';
    const host = hostWith('shows-itself', undefined, {
      HOME: '/root',
      SECRET_TOKEN: canary,
      LIBGUESTFS_BACKEND: 'direct',
    });
    host.redactor.add(canary);
    const seen: string[] = [];
    const scanned: string[] = [];
    const result = await host
      .within({
        log: (_, message) => void seen.push(message),
        spawned: async () => {
          for (const pid of await readdir('/proc')) {
            scanned.push(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
          }
        },
      })
      .exec(spec({ args: ['a b', '$(id)', '--', "'"], stdin: new Secret(canary, 'test'), env: { ONE: 'two' } }));
    const lines = result.stdout.split('\n');
    expect(lines.slice(0, 4)).toEqual(['arg:a b', 'arg:$(id)', 'arg:--', "arg:'"]);
    const env = lines.filter((line) => line.startsWith('env:')).map((line) => line.slice(4).split('=')[0]);
    expect(env.filter((name) => !['_', 'PWD', 'SHLVL', 'OLDPWD'].includes(name ?? ''))).toEqual([
      'HOME',
      'LC_ALL',
      'LIBGUESTFS_BACKEND',
      'ONE',
      'PATH',
    ]);
    expect(result.stdout).toContain(canary);
    expect(scanned.join('\n')).not.toContain(canary);
    expect(seen.join('\n')).not.toContain(canary);
  });

  it('tells what went wrong in the words of the program, without secrets', async () => {
    const host = hostWith('fails-loudly');
    host.redactor.add('pass-word');
    const work = host.exec(spec({ args: ['pass-word'] }));
    await expect(work).rejects.toMatchObject({
      code: 'exec.failed',
      message: 'gzip ended with exit code 3 (be tested): disk is on fire: [secret]',
      details: { exitCode: 3, tail: 'first complaint\ndisk is on fire: [secret]' },
    });
    await expect(host.exec(spec({ args: ['a\0b'] }))).rejects.toMatchObject({ code: 'exec.unsafe-argument' });
    await expect(host.exec(spec({ cwd: '/nowhere' }))).rejects.toMatchObject({ code: 'exec.failed' });
  });

  it('does not let a program run that could not be put on record', async () => {
    let pgid = 0;
    const host = hostWith('never-ends', {
      spawned: async (group) => {
        pgid = group.pgid;
        throw new Error('the journal is broken');
      },
    });
    await expect(host.exec(spec())).rejects.toThrow('the journal is broken');
    await until(async () => (await membersOf(pgid)).length === 0);
  });

  it('keeps the whole output when asked, up to the limit', async () => {
    const host = createHost();
    const head = { tool: 'xz' as const, args: ['--help'], purpose: 'x', mutates: false, timeoutMs: 5000 };
    const all = await host.exec({ ...head, captureBytes: 1_000_000 });
    expect(all.truncated).toBe(false);
    const some = await host.exec({ ...head, captureBytes: 10 });
    expect([some.stdout, some.truncated]).toEqual([all.stdout.slice(0, 10), true]);
  });

  it('leaves nothing behind that keeps the process alive', () => {
    const script = `
      const { createHost } = await import(${JSON.stringify(new URL('../../src/host/index.ts', import.meta.url).href)});
      const said = { purpose: 'be tested', mutates: false, timeoutMs: 20000 };
      await createHost().exec({ ...said, tool: 'gzip', args: ['--version'] });
      const over = createHost().exec({ ...said, tool: 'gzip', args: ['--no-such-flag'] });
      await over.catch(() => undefined);
      console.log(JSON.stringify(process.getActiveResourcesInfo()));
    `;
    const loader = new URL('../support/ts-loader.mjs', import.meta.url).href;
    const out = execFileSync(process.execPath, ['--import', loader, '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(JSON.parse(out)).not.toContain('Timeout');
  });
});

describe('spawn', () => {
  it('gives the streams, stops with the task, and does not hang on unread complaints', async () => {
    const stop = new AbortController();
    const running = await hostWith('ignores-term', { signal: stop.signal }).spawn({
      tool: 'gzip',
      args: [],
      purpose: 'x',
    });
    const first = await new Promise<string>((done) =>
      running.stdout.once('data', (chunk: Buffer) => done(String(chunk))),
    );
    expect(first).toBe('ready\n');
    const stopping = running.stop(200);
    expect(await running.exited).toMatchObject({ signal: 'SIGKILL' });
    await stopping;
    await running.stop();

    await using noisy = await hostWith('fills-stderr').spawn({ tool: 'gzip', args: [], purpose: 'x' });
    expect(await noisy.exited).toEqual({ code: 0, signal: null });
  });

  it('sends nothing to a number that may belong to somebody else by now', async () => {
    const running = await hostWith('ignores-stdin').spawn({ tool: 'gzip', args: [], purpose: 'x' });
    await running.exited;
    await new Promise((done) => setTimeout(done, 700));
    const kill = process.kill.bind(process);
    const sent: number[] = [];
    process.kill = (pid: number, signal?: string | number) => {
      sent.push(pid);
      return kill(pid, signal);
    };
    try {
      await running.stop();
      running.kill('SIGKILL');
    } finally {
      process.kill = kill;
    }
    expect(sent).toEqual([]);
  });
});

describe('identities', () => {
  it('tell a living process from a dead one and from another with its number', async () => {
    const host = hostWith('never-ends');
    let group: { pgid: number; startTicks: string; bootId: string } | undefined;
    const running = await host
      .within({ spawned: async (started) => void (group = started) })
      .spawn({ tool: 'gzip', args: [], purpose: 'x' });
    if (group === undefined) throw new Error('not registered');
    const { pgid, startTicks, bootId } = group;
    expect(await host.isAlive({ pid: pgid, startTicks, bootId })).toBe(true);
    expect(await host.isAlive({ pid: pgid, startTicks: '1', bootId })).toBe(false);
    expect(await host.isAlive({ pid: pgid, startTicks, bootId: 'other' })).toBe(false);
    expect(await host.signalGroup({ pgid, startTicks: '1', bootId }, 'SIGKILL')).toBe(false);
    expect(await host.signalGroup(group, 'SIGKILL')).toBe(true);
    await running.exited;
    expect(await host.isGroupAlive(group)).toBe(false);
  });

  it('find a group whose leader is gone', async () => {
    const host = hostWith('leaves-grandchild');
    let group: { pgid: number; startTicks: string; bootId: string } | undefined;
    const running = await host
      .within({ spawned: async (started) => void (group = started) })
      .spawn({ tool: 'gzip', args: [], purpose: 'x' });
    await running.exited;
    if (group === undefined) throw new Error('not registered');
    expect(await host.isGroupAlive(group)).toBe(true);
    expect(await host.signalGroup(group, 'SIGKILL')).toBe(true);
    await until(async () => group !== undefined && !(await host.isGroupAlive(group)));
  });
});

describe('looking for programs', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drover-tools-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function install(sub: string, name = 'xz', mode = 0o755): Promise<string> {
    await mkdir(join(dir, sub), { recursive: true });
    const path = join(dir, sub, name);
    await writeFile(path, '#!/bin/sh\necho "xz 9.9.9"\n');
    await chmod(path, mode);
    return path;
  }
  const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

  it('finds the first in PATH, leaves out what is relative, no program or a folder, and obeys the override', async () => {
    const path = await install('b');
    await mkdir(join(dir, 'a/xz'), { recursive: true });
    await install('plain', 'xz', 0o644);
    const PATH = ['', '.', `${dir}/a`, `${dir}/plain`, `${dir}/b`, '/usr/bin'].join(':');
    expect(await createHost({ env: { PATH } }).resolveTool('xz')).toBe(path);
    const other = await install('c');
    expect(await createHost({ env: { PATH, DROVER_BIN_XZ: other } }).resolveTool('xz')).toBe(other);
    await expect(createHost({ env: { PATH, DROVER_BIN_XZ: 'xz' } }).resolveTool('xz')).rejects.toMatchObject({
      code: 'exec.missing-tool',
      message: /DROVER_BIN_XZ says xz, which is no program/,
    });
  });

  it('says what is missing and how to get it', async () => {
    const host = createHost({ env: { PATH: `${dir}:/nowhere` } });
    await expect(host.resolveTool('qemu-img')).rejects.toMatchObject({
      code: 'exec.missing-tool',
      message: 'qemu-img was not found (searched 2 folders of PATH); it serves reading and writing disk images',
      hint: /apt install qemu-utils/,
    });
    await expect(host.exec({ ...spec(), tool: 'qemu-img' })).rejects.toMatchObject({ code: 'exec.missing-tool' });
    expect(await host.toolVersion('qemu-img')).toBeUndefined();
  });

  it('notices within seconds that a program came, changed or went', async () => {
    const host = createHost({ env: { PATH: `${dir}/bin` } });
    await expect(host.resolveTool('xz')).rejects.toMatchObject({ code: 'exec.missing-tool' });
    const path = await install('bin');
    await until(async () => (await host.resolveTool('xz').catch(() => '')) === path);
    expect(await host.toolVersion('xz')).toBe('xz 9.9.9');
    await pause(1100);
    await writeFile(path, '#!/bin/sh\necho "xz 10.0.0"\n');
    await pause(1100);
    expect(await host.toolVersion('xz')).toBe('xz 10.0.0');
    await rm(path);
    await pause(1100);
    await expect(host.exec({ ...spec(), tool: 'xz' })).rejects.toMatchObject({ code: 'exec.missing-tool' });
  });

  it.skipIf(process.getuid?.() !== 0)('as root does not use what anybody may have put there', async () => {
    const warnings: string[] = [];
    await install('open');
    await chmod(join(dir, 'open'), 0o777);
    await install('linked');
    await rm(join(dir, 'linked/xz'));
    await symlink(join(dir, 'open/xz'), join(dir, 'linked/xz'));
    const good = await install('good');
    const host = createHost({
      env: { PATH: `${dir}/open:${dir}/linked:${dir}/good` },
      log: (level, message) => void warnings.push(`${level} ${message}`),
    });
    expect(await host.resolveTool('xz')).toBe(good);
    expect(warnings.filter((line) => line.startsWith('warn')).map((line) => line.replaceAll(dir, ''))).toEqual([
      'warn /open/xz is not used: everybody may write to /open',
      'warn /linked/xz is not used: everybody may write to /open',
    ]);
  });

  it('runs the very file it found, and scans PATH once for many calls', async () => {
    const host = createHost({
      env: { PATH: `${FIXTURES}:${process.env['PATH'] ?? ''}`, DROVER_BIN_XZ: join(FIXTURES, 'counts-calls') },
    });
    const log = join(dir, 'calls');
    for (let at = 0; at < 5; at += 1) {
      await host.exec({ tool: 'xz', args: [log], purpose: 'count', mutates: false, timeoutMs: 5000 });
    }
    expect(await readFile(log, 'utf8')).toBe('called\n'.repeat(5));
  });

  it('knows the version of everything that is installed here', async () => {
    const host = createHost();
    for (const tool of Object.keys(TOOLS) as (keyof typeof TOOLS)[]) {
      const version = await host.toolVersion(tool);
      if (version === undefined) continue;
      expect(`${tool}: ${version}`).toMatch(tool === 'hivexregedit' ? /: installed$/ : /: .*\d/);
    }
  }, 60_000);
});

describe('files', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drover-files-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('writes all or nothing, and leaves no scraps', async () => {
    const { files } = createHost();
    const path = join(dir, 'x.json');
    await files.writeAtomic(path, 'one');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const writers = Array.from({ length: 20 }, (_, at) => files.writeAtomic(path, String(at).repeat(100_000)));
    await Promise.all(writers);
    const text = await readFile(path, 'utf8');
    expect(Array.from({ length: 20 }, (_, at) => String(at).repeat(100_000))).toContain(text);
    await expect(files.writeAtomic(join(dir, 'none/x'), 'y')).rejects.toMatchObject({ code: 'file.not-found' });
    await mkdir(join(dir, 'folder'));
    await writeFile(join(dir, 'folder/keep'), '');
    await expect(files.writeAtomic(join(dir, 'folder'), 'y')).rejects.toThrow();
    expect((await readdir(dir)).sort()).toEqual(['folder', 'x.json']);
  });

  it('gives a name to one of many who want it', async () => {
    const { files } = createHost();
    const path = join(dir, 'lock');
    const wins = await Promise.all(Array.from({ length: 30 }, (_, at) => files.createNew(path, String(at))));
    expect(wins.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(String(wins.indexOf(true)));
    await symlink(join(dir, 'elsewhere'), join(dir, 'link'));
    expect(await files.createNew(join(dir, 'link'), 'x')).toBe(false);
    expect(await files.exists(join(dir, 'elsewhere'))).toBe(false);
    await expect(files.openAppend(join(dir, 'link'))).rejects.toMatchObject({ code: 'file.wrong-kind' });
  });

  it('removes an empty folder only', async () => {
    const { files } = createHost();
    await files.makeDir(join(dir, 'a/b'));
    expect(await files.removeEmptyDir(join(dir, 'a'))).toBe(false);
    expect(await files.removeEmptyDir(join(dir, 'a/b'))).toBe(true);
    expect(await files.removeEmptyDir(join(dir, 'a/b'))).toBe(false);
  });

  it('tells a full disk, a missing file and a refused one apart', async () => {
    const { files } = createHost();
    await expect(files.read(join(dir, 'none'))).rejects.toMatchObject({ code: 'file.not-found' });
    const full = await files.openAppend('/dev/full');
    await expect(full.append('x')).rejects.toMatchObject({ code: 'file.no-space', class: 'resource' });
    await full.close();
    await expect(files.read('/proc/1/mem', 10)).rejects.toMatchObject({
      code: expect.stringMatching(/^file\./) as string,
    });
  });
});
