import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-playbook.js';
import { sha256 } from '../lib/canonical-json.js';
import { formatText } from '../lib/diagnostic-format.js';
import { DroverError } from '../lib/error.js';
import { allVms } from '../model/effective.js';
import type { LoadedPlaybook } from '../model/effective.js';
import { diskSettings } from '../model/settings.js';
import { loadPlaybook } from './index.js';
import type { LoadOptions, LoadResult } from './index.js';

const options: LoadOptions = { cwd: '/w', env: () => undefined };

/** A valid playbook with more lines. */
function playbook(more: string): string {
  return `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: p }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
${more}`;
}

const oneVm = 'waves: [{ name: all, vms: [web01] }]\n';

async function load(
  contents: Record<string, string | Uint8Array>,
  more: Partial<LoadOptions> = {},
): Promise<LoadResult> {
  return loadPlaybook(['p.yaml'], { ...options, ...more }, memoryFiles(contents));
}

async function loaded(contents: Record<string, string>, more: Partial<LoadOptions> = {}): Promise<LoadedPlaybook> {
  const { value, diagnostics } = await load(contents, more);
  expect(formatText(diagnostics)).toBe('');
  return value!;
}

describe('files', () => {
  it('are listed with digests of what was read, the playbook first', async () => {
    const contents = {
      '/w/p.yaml': playbook(`include: [f.yaml]\nwaves: [{ name: all, vmsFrom: { file: l.csv } }]\n`),
      '/w/f.yaml': 'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\n',
      '/w/l.csv': 'name\nweb01\n',
    };
    const { files, root } = await loaded(contents);
    expect(root).toBe('/w');
    expect(files).toEqual([
      { path: '/w/p.yaml', shown: 'p.yaml', role: 'playbook', sha256: sha256(contents['/w/p.yaml']) },
      { path: '/w/f.yaml', shown: 'f.yaml', role: 'fragment', sha256: sha256(contents['/w/f.yaml']) },
      { path: '/w/l.csv', shown: 'l.csv', role: 'list', sha256: sha256(contents['/w/l.csv']) },
    ]);
  });

  it('that do not exist are reported without a place', async () => {
    const { value, diagnostics } = await loadPlaybook(['nope.yaml'], options, memoryFiles({}));
    expect(value).toBeUndefined();
    expect(formatText(diagnostics)).toMatch(
      /^error playbook\.unreadable nope\.yaml does not exist\n {2}hint: .*\n\n1 error\n$/,
    );
  });

  it('that cannot be read say why', async () => {
    const files = memoryFiles({});
    const denied = {
      ...files,
      read: () => Promise.reject(new DroverError({ code: 'file.denied', message: 'no permission for /w/p.yaml' })),
    };
    const { diagnostics } = await loadPlaybook(['p.yaml'], options, denied);
    expect(diagnostics[0]?.message).toBe('p.yaml cannot be read: no permission for /w/p.yaml');
  });

  it('outside the working directory are shown with their whole path', async () => {
    const { diagnostics } = await loadPlaybook(['/x/p.yaml'], options, memoryFiles({ '/x/p.yaml': 'a: 1\n' }));
    expect(diagnostics[0]?.location?.file).toBe('/x/p.yaml');
  });

  it('may be several: a playbook and fragments that apply after its own', async () => {
    const fragment = (cpus: number): string =>
      `apiVersion: drover/v1alpha1\nkind: PlaybookFragment\ndefaults: { cpus: ${cpus} }\n`;
    const files = memoryFiles({
      '/w/p.yaml': playbook(`include: [a.yaml]\n${oneVm}`),
      '/w/a.yaml': fragment(1),
      '/w/b.yaml': fragment(2),
    });
    const { value } = await loadPlaybook(['p.yaml', 'b.yaml'], options, files);
    expect(allVms(value!)[0]?.settings.cpus).toBe(2);
    const twice = await loadPlaybook(['p.yaml', 'p.yaml'], options, files);
    expect(twice.diagnostics[0]?.code).toBe('playbook.wrong-kind');
  });

  it('included twice on different ways are read once', async () => {
    const include = (names: string): string =>
      `apiVersion: drover/v1alpha1\nkind: PlaybookFragment\ninclude: [${names}]\n`;
    const { files } = await loaded({
      '/w/p.yaml': playbook(`include: [a.yaml, b.yaml]\n${oneVm}`),
      '/w/a.yaml': include('c.yaml'),
      '/w/b.yaml': include('c.yaml, link.yaml'),
      '/w/c.yaml': 'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\nvars: { a: 1 }\n',
      '/w/link.yaml': 'link:c.yaml',
    });
    expect(files.map((file) => file.shown)).toEqual(['p.yaml', 'c.yaml', 'a.yaml', 'b.yaml']);
  });

  it('may lie anywhere below the folder of the project file, and elsewhere when that is allowed', async () => {
    const contents = {
      '/w/plays/p.yaml': playbook(`include: [../common/f.yaml]\n${oneVm}`),
      '/w/common/f.yaml': 'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\n',
    };
    const attempt = (more: Record<string, string>, extra: Partial<LoadOptions> = {}): Promise<LoadResult> =>
      loadPlaybook(['plays/p.yaml'], { ...options, ...extra }, memoryFiles({ ...contents, ...more }));
    expect((await attempt({})).diagnostics[0]?.code).toBe('playbook.outside-root');
    expect((await attempt({ '/w/drover.config.yaml': '' })).value?.root).toBe('/w');
    expect((await attempt({}, { allowOutsideRoot: true })).diagnostics).toEqual([]);
  });

  it('with a project root that is a link are inside it', async () => {
    const files = memoryFiles({
      '/real/p.yaml': playbook(`include: [f.yaml]\n${oneVm}`),
      '/real/f.yaml': 'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\n',
    });
    const linked = {
      ...files,
      read: (path: string) => files.read(path.replace('/w/', '/real/')),
      exists: (path: string) => files.exists(path.replace('/w/', '/real/')),
      realpath: (path: string) => files.realpath(path.replace(/^\/w(?=\/|$)/, '/real')),
    };
    expect((await loadPlaybook(['p.yaml'], options, linked)).diagnostics).toEqual([]);
  });
});

describe('what is loaded', () => {
  it('is complete: every setting has its built-in value', async () => {
    const [vm] = allVms(await loaded({ '/w/p.yaml': playbook(oneVm) }));
    expect(vm?.settings).toMatchObject({
      firmware: 'auto',
      networkMap: 'default',
      disk: { format: 'qcow2', compress: 'none', preallocation: 'off', bus: 'auto' },
      disks: {},
      nics: {},
      guest: { family: 'auto' },
      fix: { mode: 'auto', initramfs: { when: 'auto', method: 'auto' }, boot: { serialConsole: false } },
      validate: { level: 'auto', required: true, instrument: true, timeout: '5m' },
      retries: { FETCH: 5, default: 2 },
      timeouts: {},
    });
    expect(vm?.settings).not.toHaveProperty('source');
    expect(vm?.settings).not.toHaveProperty('memory');
    expect(vm?.origins).toEqual({});
  });

  it('is frozen through and through', async () => {
    const value = await loaded({
      '/w/p.yaml': playbook('waves: [{ name: all, vms: [{ name: a, overrides: { cpus: 1 } }] }]\n'),
    });
    const walk = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      expect(Object.isFrozen(node), path).toBe(true);
      for (const [key, item] of Object.entries(node)) walk(item, `${path}/${key}`);
    };
    walk(value, '');
  });

  it('shares the settings of machines that have none of their own', async () => {
    const [a, b, c] = allVms(
      await loaded({
        '/w/p.yaml': playbook('waves: [{ name: all, vms: [a, b, { name: c, overrides: { cpus: 1 } }] }]\n'),
      }),
    );
    expect(a?.settings).toBe(b?.settings);
    expect(a?.origins).toBe(b?.origins);
    expect(c?.settings).not.toBe(a?.settings);
    expect(c?.settings.disk).toBe(a?.settings.disk);
  });

  it('resolves folders against the file in which they stand', async () => {
    const value = await loaded({
      '/w/p.yaml': `apiVersion: drover/v1alpha1\nkind: Playbook\nmetadata: { name: p }\ninclude: [sub/f.yaml]\n${oneVm}`,
      '/w/sub/f.yaml': `apiVersion: drover/v1alpha1
kind: PlaybookFragment
sources: { images: { type: local, dir: images, allowDirs: [../golden, /srv/x] } }
targets: { here: { type: files, dir: ../out/. } }
hosts: { local: { scratch: tmp } }
`,
    });
    expect(value.sources[0]).toMatchObject({ dir: '/w/sub/images', allowDirs: ['/w/golden', '/srv/x'] });
    expect(value.targets[0]?.dir).toBe('/w/out');
    expect(value.host.scratch).toBe('/w/sub/tmp');
  });

  it('lays the settings of a disk over those of all disks', async () => {
    const [vm] = allVms(
      await loaded({
        '/w/p.yaml': playbook(
          'waves: [{ name: all, vms: [{ name: a, disks: [x, y], overrides: { disk: { compress: zstd }, disks: { "1": { format: raw } } } }] }]\n',
        ),
      }),
    );
    expect(diskSettings(vm!.settings, 0)).toMatchObject({ format: 'qcow2', compress: 'zstd' });
    expect(diskSettings(vm!.settings, 1)).toMatchObject({ format: 'raw', compress: 'zstd' });
  });

  it('lets the playbook itself win over its fragments in single values', async () => {
    const value = await loaded({
      '/w/p.yaml': playbook(`include: [f.yaml]\nlimits: { maxVmsInFlight: 3 }\n${oneVm}`),
      '/w/f.yaml':
        'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\nlimits: { maxVmsInFlight: 9 }\npolicies: { onFailure: halt }\n',
    });
    expect(value.maxVmsInFlight).toBe(3);
    expect(value.policies).toEqual({ onFailure: 'halt', maxFailures: null });
    expect(value.waves[0]?.policies.onFailure).toBe('halt');
  });

  it('keeps the texts for excerpts, also of files that are broken', async () => {
    const { texts } = await load({ '/w/p.yaml': 'a: [\n' });
    expect(texts.get('p.yaml')).toBe('a: [\n');
  });

  it('is the same whatever the order of keys', async () => {
    const a = await loaded({ '/w/p.yaml': playbook(`defaults: { cpus: 1, memory: 1GiB }\n${oneVm}`) });
    const b = await loaded({ '/w/p.yaml': playbook(`defaults: { memory: 1GiB, cpus: 1 }\n${oneVm}`) });
    expect(allVms(a)[0]?.settings).toEqual(allVms(b)[0]?.settings);
  });
});

describe('ten thousand machines', () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => i);
  const mac = (i: number): string =>
    `00:50:56:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
  const cpuMs = (since: NodeJS.CpuUsage): number => {
    const { user, system } = process.cpuUsage(since);
    return (user + system) / 1000;
  };

  // The bounds are far above what it takes (1 s each), so that a busy machine does not fail them and a square law does.
  it('load from YAML', async () => {
    const entries = rows.map(
      (i) =>
        `      - name: vm${i}\n        disks: [vm${i}.vmdk]\n        overrides: { memory: 2GiB, nics: { "0": { mac: "${mac(i)}" } } }\n`,
    );
    const text = playbook(`waves:\n  - name: all\n    vms:\n${entries.join('')}`);
    const before = process.cpuUsage();
    const value = await loaded({ '/w/p.yaml': text });
    expect(allVms(value).length).toBe(10_000);
    expect(allVms(value)[9999]?.origins['/memory']).toBe(`p.yaml:${8 + 3 * 9999 + 3}:30`);
    expect(cpuMs(before)).toBeLessThan(12_000);
  });

  it('load from CSV', async () => {
    const text = `name,disks,overrides.memory,overrides.nics.0.mac\n${rows.map((i) => `vm${i},vm${i}.vmdk,2GiB,${mac(i)}\n`).join('')}`;
    const before = process.cpuUsage();
    const value = await loaded({
      '/w/p.yaml': playbook('waves: [{ name: all, vmsFrom: { file: l.csv } }]\n'),
      '/w/l.csv': text,
    });
    expect(allVms(value)[9999]?.origins['/memory']).toBe('l.csv:10001:20');
    expect(cpuMs(before)).toBeLessThan(12_000);
  });

  it('with one mistake in their defaults give one error with a count', async () => {
    const { diagnostics } = await load({
      '/w/p.yaml': playbook('defaults: { source: imags }\nwaves: [{ name: all, vmsFrom: { file: l.csv } }]\n'),
      '/w/l.csv': `name\n${rows.map((i) => `vm${i}\n`).join('')}`,
    });
    expect(diagnostics.length).toBe(1);
    expect(diagnostics[0]?.message).toBe('there is no source "imags" (used by 10000 machines)');
    expect(diagnostics[0]?.location).toMatchObject({ file: 'p.yaml', line: 6 });
    expect(diagnostics[0]?.origins?.length).toBe(3);
  });
});
