import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  description,
  disk,
  facts,
  planInput,
  playbook,
  settings,
  stageFacts,
} from '../../test/support/plan-fixture.js';
import type { ResolvedSettings } from '../model/settings.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { compilePlan } from './compile.js';
import type { PlanInput } from './facts.js';
import { fingerprintOf } from './fingerprint.js';

type Prints = Readonly<Record<StageName, string>>;

function printsOf(input: PlanInput): Prints {
  const { value, diagnostics } = compilePlan(input);
  if (value === undefined) throw new Error(diagnostics.map((d) => d.message).join());
  const own = value.nodes.filter((node) => node.vmKey === 'images:a');
  return Object.fromEntries(own.map((node) => [node.stage, node.fingerprint])) as Prints;
}

function inputOf(own: ResolvedSettings, over: Partial<PlanInput> = {}): PlanInput {
  return planInput(playbook([{ name: 'w', vms: [{ name: 'a', settings: own }, 'b'] }]), over);
}

/** First stage whose fingerprint differs; everything after it must differ too. */
function firstChange(one: Prints, two: Prints): StageName | undefined {
  const changed = STAGES.filter((stage) => one[stage] !== two[stage]);
  const [first] = changed;
  if (first !== undefined) expect(changed).toEqual(STAGES.slice(STAGES.indexOf(first)));
  return first;
}

/** Every leaf of the settings: how to change it, and the first stage that must notice. */
function leaves(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const keys = Object.keys(value);
  return keys.length === 0
    ? [path]
    : keys.flatMap((key) => leaves((value as Record<string, unknown>)[key], [...path, key]));
}

function changedAt(own: ResolvedSettings, path: readonly string[], value: unknown): ResolvedSettings {
  const copy = structuredClone(own) as unknown as Record<string, unknown>;
  let at = copy;
  for (const part of path.slice(0, -1)) at = at[part] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = value;
  return copy as unknown as ResolvedSettings;
}

function reader(path: readonly string[]): StageName | undefined {
  const pointer = `/${path.join('/')}`;
  const reads = stageFacts();
  return STAGES.find((stage) =>
    reads[stage].readsSettings.some((read) => pointer === read || pointer.startsWith(`${read}/`)),
  );
}

function shuffled<T>(value: T, order: readonly number[]): T {
  if (Array.isArray(value)) return value.map((item: unknown) => shuffled(item, order)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort(
    (a, b) => (order[a.length % 7] ?? 0) - (order[b.length % 7] ?? 0) || (a < b ? 1 : -1),
  );
  return Object.fromEntries(keys.map((key) => [key, shuffled((value as Record<string, unknown>)[key], order)])) as T;
}

const BASE = settings();
const WORDS = fc.stringMatching(/^[a-z]{3,8}$/);

describe('fingerprints', () => {
  it('change from the first stage that reads a setting, and not at all when none does', () => {
    fc.assert(
      fc.property(fc.constantFrom(...leaves(BASE)), WORDS, (path, word) => {
        // Limits must stay limits; everything else may be any word here.
        const value =
          path[0] === 'timeouts'
            ? { FIX: '2h' }
            : path[0] === 'retries'
              ? { FIX: 4 }
              : path[0] === 'disks'
                ? { '0': { format: word } }
                : word;
        const change = firstChange(printsOf(inputOf(BASE)), printsOf(inputOf(changedAt(BASE, path, value))));
        expect(change).toBe(reader(path));
      }),
      { numRuns: 120 },
    );
  });

  it('do not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 7, maxLength: 7 }), (order) => {
        const own = settings({
          nics: { '0': { mac: '00:50:56:00:00:01', network: 'default' }, '1': { network: 'x' } },
        });
        expect(printsOf(inputOf(shuffled(own, order)))).toEqual(printsOf(inputOf(own)));
        const described = shuffled(description('a'), order);
        expect(
          printsOf(
            inputOf(own, {
              descriptions: new Map([
                ['a', described],
                ['b', description('b')],
              ]),
            }),
          ),
        ).toEqual(printsOf(inputOf(own)));
      }),
      { numRuns: 40 },
    );
  });

  it('ignore labels, waves, batches, limits, history, host figures, who plans, and other machines', () => {
    const plain = printsOf(inputOf(BASE));
    const elsewhere = playbook(
      [
        {
          name: 'other',
          vms: ['x', { name: 'a', labels: { tier: 'web' }, settings: settings({ timeouts: { FIX: '9h' } }) }],
          batchEnds: [1, 2],
        },
      ],
      { maxVmsInFlight: 1 },
    );
    const world = facts({
      createdBy: 'drover 9',
      today: '2030-01-01',
      host: { ...facts().host, cpus: 64, scratchDir: '/elsewhere', kvm: { usable: false, reason: '' } },
    });
    expect(printsOf(planInput(elsewhere, { facts: world }))).toEqual(plain);
  });

  it('change with the source, the code and the tools, from the stage that is concerned', () => {
    const plain = printsOf(inputOf(BASE));
    const withDisk = (over: Parameters<typeof disk>[1]) =>
      printsOf(
        inputOf(BASE, {
          descriptions: new Map([
            ['a', description('a', { disks: [disk(0, over, '/src/a.vmdk')] })],
            ['b', description('b')],
          ]),
        }),
      );
    const touched = disk(0, {}, '/src/a.vmdk').location;
    if (touched.kind !== 'file') throw new Error('fixture');
    const chain = touched.chain.map((file) => ({ ...file, mtimeNs: '1700000000000000001' }));
    expect(firstChange(plain, withDisk({ location: { ...touched, chain } }))).toBe('FETCH');
    expect(firstChange(plain, withDisk({ bus: 'ide' }))).toBe('FETCH');
    const moved = touched.chain.map((file) => ({ ...file, inode: '7' }));
    expect(firstChange(plain, withDisk({ location: { ...touched, chain: moved } }))).toBeUndefined();
    const tools = facts({ tools: { ...facts().tools, guestfish: '1.50.0' } });
    expect(firstChange(plain, printsOf(inputOf(BASE, { facts: tools })))).toBe('INSPECT');
    const stages = { ...stageFacts(), PLAN: { ...stageFacts().PLAN, implVersion: 2 } };
    expect(firstChange(plain, printsOf(inputOf(BASE, { facts: facts({ stages }) })))).toBe('PLAN');
    const target = playbook([{ name: 'w', vms: [{ name: 'a', settings: BASE }] }], {
      targets: [{ name: 'here', type: 'files', dir: '/out2', ingest: 4, location: { file: 'p', line: 1, column: 1 } }],
    });
    expect(firstChange(plain, printsOf(planInput(target)))).toBe('CONVERT');
  });

  it('are the digest of the parts that the plan keeps', () => {
    const { value } = compilePlan(inputOf(BASE));
    const stages = value?.nodes.filter((node) => node.stage !== undefined) ?? [];
    expect(stages).toHaveLength(14);
    for (const node of stages) {
      if (node.stage === undefined || node.fingerprintParts === undefined) throw new Error('a stage has no parts');
      expect(fingerprintOf(node.stage, node.fingerprintParts)).toBe(node.fingerprint);
    }
  });
});

describe('plan', () => {
  it('is the same, byte for byte, when it is made twice', () => {
    const vm = fc.record({ name: fc.stringMatching(/^[a-z]{1,6}$/), size: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.uniqueArray(vm, { selector: (v) => v.name, maxLength: 6 }), fc.boolean(), (vms, dependent) => {
        const make = (): string => {
          const waves = [
            { name: 'one', vms: vms.map((v) => v.name) },
            { name: 'two', vms: ['zzzzzzz'], dependsOn: dependent ? [{ wave: 'one' }] : [] },
          ];
          const described = Object.fromEntries(
            vms.map((v) => [
              v.name,
              description(v.name, { disks: [disk(0, { allocatedBytes: v.size * 2 ** 30 }, `/src/${v.name}`)] }),
            ]),
          );
          return JSON.stringify(compilePlan(planInput(playbook(waves), { described })));
        };
        expect(make()).toBe(make());
      }),
      { numRuns: 40 },
    );
  });
});
