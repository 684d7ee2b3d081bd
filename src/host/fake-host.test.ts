import { describe, expect, it } from 'vitest';
import { createFakeHost, createFakeProcess } from './index.js';

describe('fake host', () => {
  it('plays an expected program and keeps what it was given', async () => {
    const host = createFakeHost();
    host.programs.expect({ tool: 'qemu-img', args: ['info', /json$/, '/x'] }, { stdout: '{"a":1}', delayMs: 500 });
    const work = host.exec({
      tool: 'qemu-img',
      args: ['info', '--output=json', '/x'],
      purpose: 'look',
      mutates: false,
      timeoutMs: 1000,
      stdin: 'hello',
    });
    const result = await host.clock.run(work);
    expect(result.stdout).toBe('{"a":1}');
    expect(result.durationMs).toBe(500);
    expect(host.programs.calls[0]?.stdinText).toBe('hello');
    expect(host.programs.unused()).toEqual([]);
  });

  it('refuses an unexpected program, a second use and other arguments', async () => {
    const host = createFakeHost();
    host.programs.expect({ tool: 'xz', args: ['-t', '/x'] });
    const spec = { tool: 'xz' as const, purpose: 'test', mutates: false, timeoutMs: 1000 };
    await expect(host.exec({ ...spec, args: ['-t', '/y'] })).rejects.toThrow('unexpected program: xz -t /y');
    await host.exec({ ...spec, args: ['-t', '/x'] });
    await expect(host.exec({ ...spec, args: ['-t', '/x'] })).rejects.toThrow('unexpected program');
  });

  it('fails, times out and cancels like the real door', async () => {
    const host = createFakeHost();
    host.programs.expect({ tool: 'gzip' }, { exitCode: 2, stderr: 'bad\nvery bad\n' });
    host.programs.expect({ tool: 'gzip', times: 2 }, { delayMs: 5000 });
    const spec = { tool: 'gzip' as const, args: [], purpose: 'test', mutates: false, timeoutMs: 1000 };
    await expect(host.exec(spec)).rejects.toMatchObject({ code: 'exec.failed', message: /very bad$/ });
    await expect(host.clock.run(host.exec(spec))).rejects.toMatchObject({ code: 'exec.timeout' });
    const stop = new AbortController();
    const work = host.within({ signal: stop.signal }).exec({ ...spec, timeoutMs: 10_000 });
    host.clock.setTimer(100, () => stop.abort(new Error('stop')));
    await expect(host.clock.run(work)).rejects.toMatchObject({ code: 'exec.cancelled' });
  });

  it('registers process groups with the scope', async () => {
    const host = createFakeHost();
    host.programs.expect({ tool: 'zstd' });
    const groups: string[] = [];
    await host
      .within({ spawned: async (group) => void groups.push(group.tool) })
      .exec({ tool: 'zstd', args: [], purpose: 'test', mutates: false, timeoutMs: 1 });
    expect(groups).toEqual(['zstd']);
  });

  it('lets a test play a process that runs beside', async () => {
    const host = createFakeHost();
    const played = createFakeProcess();
    host.programs.expectSpawn({ tool: 'qemu-nbd' }, () => played);
    const running = await host.spawn({ tool: 'qemu-nbd', args: [], purpose: 'serve' });
    played.stdout.write('ready\n');
    expect(String(running.stdout.read())).toBe('ready\n');
    await running.stop();
    expect(played.signals).toEqual(['SIGTERM']);
    expect(await running.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('loses what was not synced in a crash, and nothing else', async () => {
    const { files } = createFakeHost();
    files.put('/d/x', '');
    const log = await files.openAppend('/d/log');
    await log.append('one\n');
    await log.sync();
    await log.append('two\n');
    files.crash(() => 0.5);
    expect(files.peek('/d/log')?.toString()).toBe('one\ntw');
    await expect(files.openAppend('/none/log')).rejects.toMatchObject({ code: 'file.not-found' });
  });

  it('follows links, keeps exclusive names and fails when told to', async () => {
    const { files } = createFakeHost();
    files.put('/real/x', 'data');
    await files.symlink('/real', '/link');
    expect(await files.readText('/link/x')).toBe('data');
    expect(await files.realpath('/link/x')).toBe('/real/x');
    expect((await files.lstat('/link'))?.kind).toBe('symlink');
    expect(await files.createNew('/link/x', 'other')).toBe(false);
    expect(await files.removeEmptyDir('/real')).toBe(false);
    await files.rename('/link/x', '/real/y');
    expect(await files.list('/real')).toEqual(['y']);
    files.fault = (act, path) => (act === 'write' && path.endsWith('z') ? 'ENOSPC' : undefined);
    await expect(files.writeAtomic('/real/z', 'x')).rejects.toMatchObject({ code: 'file.no-space' });
  });

  it('finds work that can never go on', async () => {
    const host = createFakeHost();
    await expect(host.clock.run(new Promise(() => undefined))).rejects.toThrow('nothing is scheduled');
  });
});
