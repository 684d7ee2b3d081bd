import { expect, test } from 'vitest';
import { createFakeHost } from '../../host/fake-host.js';
import type { FakeHost } from '../../host/fake-host.js';
import { createFakeProcess } from '../../host/fake-exec.js';
import type { DiskImage } from '../../model/results.js';
import { openGuest } from './session.js';

const DISKS: readonly DiskImage[] = [
  { id: 'disk0', index: 0, path: '/flat/disk0.vmdk', format: 'vmdk', virtualSizeBytes: 1024 },
  { id: 'disk1', index: 1, path: '/flat/disk1.img', format: 'raw', virtualSizeBytes: 2048 },
];

interface Scene {
  readonly host: FakeHost;
  readonly lines: string[];
  readonly process: ReturnType<typeof createFakeProcess>;
}

/** A host with qemu-img and a guestfish that says yes to everything but what `answers` knows better. */
function scene(answers: Readonly<Record<string, { readonly stdout?: string; readonly stderr?: string }>> = {}): Scene {
  const host = createFakeHost();
  host.files.put('/work/vm/.keep', '');
  host.programs.expect({ tool: 'qemu-img', times: 2 }, (spec) => ({
    effect: () => host.files.put(spec.args.at(-1) ?? '', 'overlay'),
  }));
  const process = createFakeProcess();
  const lines: string[] = [];
  let rest = '';
  process.stdin.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      const echo = /^-echo (\S+)$/.exec(line);
      const unknown = /^-([a-z0-9]{16}-\d+)$/.exec(line);
      if (echo !== null) process.stdout.write(`${echo[1]}\n`);
      else if (unknown !== null) process.stderr.write(`${unknown[1]}: unknown command\n`);
      else {
        lines.push(line.slice(1));
        const said = answers[line.slice(1).split(' ')[0] ?? ''];
        if (said?.stdout !== undefined) process.stdout.write(said.stdout);
        if (said?.stderr !== undefined) process.stderr.write(said.stderr);
      }
    }
  });
  process.stdin.on('finish', () => process.exit(0));
  host.programs.expectSpawn({ tool: 'guestfish' }, () => process);
  return { host, lines, process };
}

test('works on overlays whose base formats are said, in bus order', async () => {
  const { host, lines } = scene();
  const session = await openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'tcg' });
  expect(host.programs.calls.map((call) => call.args.slice(1))).toEqual([
    ['-q', '-f', 'qcow2', '-F', 'vmdk', '-b', '/flat/disk0.vmdk', '/work/vm/guest-0.qcow2'],
    ['-q', '-f', 'qcow2', '-F', 'raw', '-b', '/flat/disk1.img', '/work/vm/guest-1.qcow2'],
  ]);
  expect(lines.filter((line) => line.startsWith('add-drive')).map((line) => line.split(' ').slice(1, 3))).toEqual([
    ['"/work/vm/guest-0.qcow2"', '"format:qcow2"'],
    ['"/work/vm/guest-1.qcow2"', '"format:qcow2"'],
  ]);
  expect(host.programs.spawned[0]?.env).toMatchObject({
    LIBGUESTFS_BACKEND: 'direct',
    LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
    LIBGUESTFS_CACHEDIR: '/var/tmp',
  });
  expect(session.rpcs).toBe(0);
  await session[Symbol.asyncDispose]();
});

test('throws the overlays and the scratch folder away when it is disposed of', async () => {
  const { host, process } = scene();
  const session = await openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'kvm' });
  await session[Symbol.asyncDispose]();
  await session[Symbol.asyncDispose]();
  expect(process.signals).toEqual(['SIGTERM']);
  expect(host.files.tree('/work/vm')).toEqual(['/work/vm/.keep']);
  expect(host.files.tree('/tmp').filter((path) => path.includes('drover-gf-'))).toEqual([]);
});

test('an appliance that does not start leaves nothing behind and says why', async () => {
  const { host } = scene({ run: { stderr: '*stdin*:9: libguestfs: error: guestfs_launch failed\n' } });
  await expect(openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'tcg' })).rejects.toMatchObject({
    code: 'guest.appliance',
    message: expect.stringContaining('guestfs_launch failed') as string,
  });
  expect(host.files.tree('/work/vm')).toEqual(['/work/vm/.keep']);
});

test('finishing unmounts, shuts down and hands the overlays over', async () => {
  const { host, lines } = scene();
  const session = await openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'kvm' });
  host.files.put('/work/fix/.keep', '');
  const kept = await session.finish('/work/fix');
  expect(lines.slice(-2)).toEqual(['umount-all', 'shutdown']);
  expect(kept.map(({ path, format }) => [path, format])).toEqual([
    ['/work/fix/guest-0.qcow2', 'qcow2'],
    ['/work/fix/guest-1.qcow2', 'qcow2'],
  ]);
  await session[Symbol.asyncDispose]();
  expect(host.files.tree('/work')).toContain('/work/fix/guest-1.qcow2');
});

test('a shutdown that fails is no finish', async () => {
  const { host } = scene({ shutdown: { stderr: 'libguestfs: error: shutdown: sync failed\n' } });
  const session = await openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'kvm' });
  await expect(session.finish('/work/vm')).rejects.toMatchObject({ code: 'guest.call' });
  expect(host.files.tree('/work/vm')).toEqual(['/work/vm/.keep']);
});

test('a script and its answer pass through unharmed', async () => {
  const answer = Buffer.from([0, 1, 2, 10, 255]);
  const { host, lines } = scene({ debug: { stdout: `${answer.toString('base64')}\n` } });
  const session = await openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'kvm' });
  const text = `printf 'a "b" $c\n' | cat\n`;
  expect((await session.script(text)).equals(answer)).toBe(true);
  const packed = /echo (\S+) \| base64 -d/.exec(lines.at(-1) ?? '')?.[1];
  expect(Buffer.from(packed ?? '', 'base64').toString()).toBe(text);
  await session[Symbol.asyncDispose]();
});

test('a dead appliance is not taken for a refused call', async () => {
  const { host } = scene({ cat: { stderr: 'libguestfs: error: appliance closed the connection unexpectedly.\n' } });
  const session = await openGuest(host, { disks: DISKS, workDir: '/work/vm', accelerator: 'kvm' });
  await expect(session.tryCall(['cat', '/x'])).rejects.toMatchObject({ code: 'guest.appliance-lost', retryable: true });
  await session[Symbol.asyncDispose]();
});
