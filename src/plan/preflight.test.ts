import { describe, expect, it } from 'vitest';
import { description, disk, facts, GIB, planInput, playbook, settings } from '../../test/support/plan-fixture.js';
import type { WaveSketch } from '../../test/support/plan-fixture.js';
import type { Concern } from '../model/concern.js';
import type { LoadedWaiver } from '../model/effective.js';
import type { VmDescription } from '../model/vm.js';
import { blockers, compilePlan, preflight } from './index.js';
import type { PlanFacts, Selection } from './index.js';

interface Setup {
  readonly waves?: readonly WaveSketch[];
  readonly facts?: Partial<PlanFacts>;
  readonly host?: Partial<PlanFacts['host']>;
  readonly described?: Readonly<Record<string, VmDescription>>;
  readonly waivers?: readonly LoadedWaiver[];
  readonly selection?: Selection;
}

function concerns(setup: Setup): readonly Concern[] {
  const loaded = playbook(setup.waves ?? [{ name: 'w', vms: ['a', 'b'] }], { waivers: setup.waivers ?? [] });
  const input = planInput(loaded, {
    ...(setup.described === undefined ? {} : { described: setup.described }),
    ...(setup.selection === undefined ? {} : { selection: setup.selection }),
    facts: facts({ ...setup.facts, host: { ...facts().host, ...setup.host } }),
  });
  const { value, diagnostics } = compilePlan(input);
  if (value === undefined) throw new Error(diagnostics.map((d) => d.message).join());
  return preflight(input.facts, value, input.loaded.waivers);
}

const brief = (setup: Setup): string[] =>
  concerns(setup).map((c) => `${c.category} ${c.id} ${c.subject}: ${c.evidence}`);
const by = (runId: string) => ({ runId, host: 'kvm1', user: 'ops' });
const waiver = (concern: string, over: Partial<LoadedWaiver> = {}): LoadedWaiver => ({
  concern,
  reason: 'known',
  location: { file: 'p.yaml', line: 3, column: 5 },
  ...over,
});

describe('preflight', () => {
  it('has nothing to say when everything is there', () => {
    expect(concerns({})).toEqual([]);
  });

  it.each<[string, Setup, string[]]>([
    [
      'a missing program, with the stages that need it',
      { facts: { tools: { ...facts().tools, 'qemu-img': null } } },
      ['blocker preflight.tool-missing qemu-img: needed by FLATTEN, CONVERT, VALIDATE'],
    ],
    [
      'software emulation',
      { host: { kvm: { usable: false, reason: 'the probe aborted' } } },
      ['info preflight.no-kvm kvm: the probe aborted'],
    ],
    ['too little memory for what may run at once', { host: { freeMemoryBytes: 3 * GIB, cpus: 8 } }, []],
    [
      'too little memory for one',
      { host: { freeMemoryBytes: GIB } },
      ['warning preflight.memory memory: 1 at once need 2.00 GiB; 1.00 GiB of 16.0 GiB are free'],
    ],
    [
      'a boot proof that can never fit',
      {
        host: { freeMemoryBytes: GIB },
        waves: [
          {
            name: 'w',
            vms: [{ name: 'a', settings: settings({ validate: { ...settings().validate, memory: '32GiB' } }) }],
          },
        ],
      },
      ['blocker preflight.memory memory: 1 at once need 32.0 GiB; 1.00 GiB of 16.0 GiB are free'],
    ],
    [
      'a target without room',
      { facts: { targets: { here: { freeBytes: 3 * GIB, writable: true } } } },
      ['blocker preflight.target-space here: expected 4.00 GiB; 3.00 GiB are free'],
    ],
    [
      'a target that shares its filesystem with the scratch folder',
      {
        facts: { targets: { here: { freeBytes: 4.2 * GIB, writable: true, device: 'd1' } } },
        host: { scratchDevice: 'd1' },
      },
      [
        'blocker preflight.target-space here: expected 4.00 GiB and 320 MiB of scratch on the same filesystem; 4.20 GiB are free',
      ],
    ],
    [
      'a target that cannot be written',
      { facts: { targets: { here: { freeBytes: 3000 * GIB, writable: false, note: 'EROFS' } } } },
      ['blocker preflight.target-read-only here: EROFS'],
    ],
    [
      'scratch on a network filesystem',
      { host: { scratchFsType: 'nfs4' } },
      ['warning preflight.scratch-remote /scratch: /scratch is nfs4'],
    ],
    [
      'machines that wait for scratch space of each other',
      { host: { scratchFreeBytes: 0.5 * GIB } },
      ['info preflight.scratch-space wave w: up to 2 at once would need 640 MiB; 461 MiB may be used'],
    ],
    [
      'machines in the hands of another run, and foreign files in the way',
      { facts: { lockedVms: { 'images:a': by('r7') }, foreignOutputs: { 'images:b': ['/out/b/b-disk0.qcow2'] } } },
      [
        'blocker preflight.output-exists b: /out/b/b-disk0.qcow2',
        'blocker preflight.vm-locked a: run r7 of ops on kvm1',
      ],
    ],
    [
      'a place that cannot hold products',
      { facts: { badPlaces: { 'images:b': '/out/b is no folder (file)' } } },
      ['blocker preflight.output-place b: /out/b is no folder (file)'],
    ],
    [
      'systems that cannot be fixed',
      {
        described: {
          a: description('a', { guestId: 'windows9_64Guest' }),
          b: description('b', { guestId: 'debian12_64Guest' }),
        },
      },
      ['blocker preflight.guest-unsupported a: guest id windows9_64Guest'],
    ],
    [
      'equal MAC addresses',
      {
        described: {
          a: description('a', { nics: [{ index: 0, mac: '00:50:56:00:00:01' }] }),
          b: description('b', { nics: [{ index: 0, mac: '00:50:56:00:00:01' }] }),
        },
      },
      ['warning preflight.same-mac b: b adapter 0 on default; a adapter 0 on default'],
    ],
    [
      'what the source reported',
      { described: { a: description('a', { warnings: ['the manifest has no entry for x.vmdk'] }) } },
      ['info preflight.source-warning a: /src'],
    ],
  ])('tells %s', (_, setup, expected) => {
    expect(brief(setup)).toEqual(expected);
  });

  it('looks only at machines that will run', () => {
    const setup: Setup = { facts: { lockedVms: { 'images:a': by('r7') } }, selection: { vms: new Set(['b']) } };
    expect(brief(setup)).toEqual([]);
  });

  it('counts space for what is still to be written only', () => {
    const full: Setup = { facts: { targets: { here: { freeBytes: GIB, writable: true } } } };
    expect(brief({ ...full, selection: { until: 'FIX' } })).toEqual([]);
    const preallocated = settings({ disk: { ...settings().disk, preallocation: 'full' } });
    const [concern] = concerns({
      waves: [{ name: 'w', vms: [{ name: 'a', settings: preallocated }] }],
      described: { a: description('a', { disks: [disk(0, {}, '/src/a.vmdk')] }) },
      facts: { targets: { here: { freeBytes: 5 * GIB, writable: true } } },
    });
    expect(concern?.evidence).toBe('expected 10.0 GiB; 5.00 GiB are free');
  });
});

describe('waivers', () => {
  const locked: Setup = { facts: { lockedVms: { 'images:a': by('r7'), 'images:b': by('r8') } } };

  it('lift a blocker for the machines they name, and stay visible', () => {
    const found = concerns({ ...locked, waivers: [waiver('preflight.vm-locked', { vm: 'a*', until: '2026-05-02' })] });
    expect(blockers(found).map((c) => c.subject)).toEqual(['b']);
    expect(found.find((c) => c.subject === 'a')?.waived).toEqual({ reason: 'known', until: '2026-05-02' });
  });

  it('end with their last day and say so; unused ones are named too', () => {
    const found = concerns({
      ...locked,
      waivers: [waiver('preflight.vm-locked', { until: '2026-05-01' }), waiver('preflight.no-kvm')],
    });
    expect(blockers(found)).toHaveLength(2);
    expect(
      found.filter((c) => c.id.startsWith('preflight.waiver')).map((c) => `${c.id} ${c.subject} ${c.evidence}`),
    ).toEqual([
      'preflight.waiver-expired preflight.vm-locked p.yaml:3:5',
      'preflight.waiver-unused preflight.no-kvm p.yaml:3:5',
    ]);
  });
});
