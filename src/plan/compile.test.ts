import { describe, expect, it } from 'vitest';
import { description, disk, facts, GIB, MIB, planInput, playbook, settings } from '../../test/support/plan-fixture.js';
import type { WaveSketch } from '../../test/support/plan-fixture.js';
import type { TaskGraph, TaskNode } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import { compilePlan } from './compile.js';
import type { PlanInput } from './facts.js';

function compiled(input: PlanInput): TaskGraph {
  const { value, diagnostics } = compilePlan(input);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  if (value === undefined) throw new Error('no graph');
  return value;
}

function codes(input: PlanInput): string[] {
  return compilePlan(input).diagnostics.map((d) => d.code);
}

const waves = (...sketches: WaveSketch[]) => planInput(playbook(sketches));
const node = (graph: TaskGraph, key: string): TaskNode => {
  const found = graph.nodes.find((candidate) => candidate.key === key);
  if (found === undefined) throw new Error(`no node ${key}`);
  return found;
};
const depKeys = (graph: TaskGraph, key: string): string[] =>
  node(graph, key).deps.map((dep) => `${graph.nodes.find((n) => n.id === dep.id)?.key} ${dep.on}`);

describe('compilePlan: graph', () => {
  it('chains the seven stages of every machine between barriers', () => {
    const graph = compiled(waves({ name: 'all', vms: ['web01', 'web02'] }));
    expect(graph.nodes.map((n) => n.key)).toEqual([
      'first/preflight',
      'first/all/barrier:start',
      'first/all/barrier:batch-1',
      ...STAGES.map((stage) => `first/all/web01/${stage}`),
      ...STAGES.map((stage) => `first/all/web02/${stage}`),
      'first/all/barrier:end',
      'first/report',
    ]);
    expect(depKeys(graph, 'first/all/web01/FETCH')).toEqual(['first/all/barrier:batch-1 success']);
    for (const [at, stage] of STAGES.entries()) {
      if (at > 0)
        expect(depKeys(graph, `first/all/web02/${stage}`)).toEqual([`first/all/web02/${STAGES[at - 1]} success`]);
    }
    expect(depKeys(graph, 'first/all/barrier:end')).toEqual([
      'first/all/barrier:start settled',
      'first/all/web01/VALIDATE settled',
      'first/all/web02/VALIDATE settled',
    ]);
    expect(depKeys(graph, 'first/report')).toEqual(['first/all/barrier:end settled']);
  });

  it('opens a batch when the one before is settled', () => {
    const graph = compiled(waves({ name: 'w', vms: ['a', 'b', 'c'], batchEnds: [1, 3] }));
    expect(graph.vms.map((vm) => vm.batch)).toEqual([1, 2, 2]);
    expect(depKeys(graph, 'first/w/barrier:batch-2')).toEqual([
      'first/w/barrier:start success',
      'first/w/a/VALIDATE settled',
    ]);
    expect(depKeys(graph, 'first/w/c/FETCH')).toEqual(['first/w/barrier:batch-2 success']);
  });

  it('counts at a wave dependency instead of asking every machine', () => {
    const graph = compiled(
      waves(
        { name: 'pilot', vms: ['a', 'b', 'c'] },
        {
          name: 'main',
          vms: ['d'],
          dependsOn: [{ wave: 'pilot', require: { percent: 50 }, onUpstreamFailure: 'proceed' }],
        },
      ),
    );
    const after = node(graph, 'first/main/barrier:after-pilot');
    expect(after.deps).toEqual([{ id: node(graph, 'first/pilot/barrier:end').id, on: 'settled' }]);
    expect(after.quorum).toEqual({
      need: 2,
      of: ['a', 'b', 'c'].map((vm) => node(graph, `first/pilot/${vm}/VALIDATE`).id),
      onShortfall: 'proceed',
    });
    expect(depKeys(graph, 'first/main/barrier:start')).toEqual([
      'first/preflight success',
      'first/main/barrier:after-pilot success',
    ]);
  });

  it('holds a machine at its first stage until the other one has got as far as was asked', () => {
    const graph = compiled(
      waves({ name: 'w', vms: ['a', { name: 'b', dependsOn: [{ vm: 'a', reached: 'CONVERT' }] }] }),
    );
    expect(depKeys(graph, 'first/w/b/FETCH')).toEqual(['first/w/barrier:batch-1 success', 'first/w/a/CONVERT success']);
  });

  it('keeps the identity of tasks when a machine moves to another wave', () => {
    const one = compiled(waves({ name: 'x', vms: ['a'] }, { name: 'y', vms: ['b'] }));
    const two = compiled(waves({ name: 'y', vms: ['b', 'a'] }));
    expect(node(two, 'first/y/a/FIX').id).toBe(node(one, 'first/x/a/FIX').id);
  });

  it('ranks by the longest chain that follows, dependent waves included', () => {
    const graph = compiled(
      waves(
        { name: 'one', vms: ['a'] },
        { name: 'two', vms: ['b'], dependsOn: [{ wave: 'one' }] },
        { name: 'lone', vms: ['c'] },
      ),
    );
    const chain = (vm: string, wave: string): number =>
      STAGES.reduce((sum, stage) => sum + node(graph, `first/${wave}/${vm}/${stage}`).estimate.p50s, 0);
    expect(node(graph, 'first/two/b/FETCH').priority).toBeCloseTo(chain('b', 'two'), 2);
    expect(node(graph, 'first/one/a/FETCH').priority).toBeCloseTo(chain('a', 'one') + chain('b', 'two'), 2);
    expect(node(graph, 'first/lone/c/FETCH').priority).toBeCloseTo(chain('c', 'lone'), 2);
  });
});

describe('compilePlan: mistakes', () => {
  it('prints the shortest circle with the place of every dependency', () => {
    const { value, diagnostics } = compilePlan(
      waves(
        { name: 'one', vms: [{ name: 'a', dependsOn: [{ vm: 'b' }] }], dependsOn: [{ wave: 'three' }] },
        { name: 'two', vms: [{ name: 'b', dependsOn: [{ vm: 'a' }] }], dependsOn: [{ wave: 'one' }] },
        { name: 'three', vms: ['c'], dependsOn: [{ wave: 'two' }] },
      ),
    );
    expect(value).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.message).toBe('these wait for each other and could never start: b → a → b');
    const places = [diagnostics[0]?.location, ...(diagnostics[0]?.origins ?? [])];
    expect(places.map((place) => place?.line).sort()).toEqual([12, 14]);
  });

  it('sees a circle that leads through waves', () => {
    const { diagnostics } = compilePlan(
      waves(
        { name: 'one', vms: [{ name: 'a', dependsOn: [{ vm: 'b' }] }] },
        { name: 'two', vms: ['b'], dependsOn: [{ wave: 'one' }] },
      ),
    );
    expect(diagnostics[0]?.code).toBe('plan.cycle');
    expect(diagnostics[0]?.message).toMatch(/wave two/);
    expect(diagnostics[0]?.message).toMatch(/a → b|b → wave two/);
  });

  it('gathers every mistake in one pass', () => {
    const loaded = playbook([
      { name: 'w', vms: ['a', 'b', { name: 'c', folder: 'a' }, { name: 'd', dependsOn: [{ vm: 'zz' }] }] },
    ]);
    const input = planInput(loaded, {
      described: {
        b: description('b', { vmKey: 'images:a' }),
        c: description('c', {
          nics: [
            { index: 0, network: 'VM Network' },
            { index: 1, network: 'Storage' },
          ],
        }),
        d: description('d', { nics: [{ index: 1, network: 'Storage' }] }),
      },
    });
    const { diagnostics, value } = compilePlan(input);
    expect(value).toBeUndefined();
    expect(diagnostics.map((d) => d.code).sort()).toEqual([
      'plan.duplicate-vm',
      'plan.network-unmapped',
      'plan.output-collision',
      'plan.unknown-dependency',
    ]);
    expect(diagnostics.find((d) => d.code === 'plan.network-unmapped')?.message).toBe(
      'network "Storage" of c, d has no mapping in mappings.networks.default',
    );
  });

  it('refuses products beside their sources and machines nobody described', () => {
    const loaded = playbook([{ name: 'w', vms: ['a', 'b'] }], {
      targets: [{ name: 'here', type: 'files', dir: '/', ingest: 1, location: { file: 'p', line: 5, column: 1 } }],
    });
    const input = planInput(loaded, { described: { a: description('a', { disks: [disk(0, {}, '/a/a.vmdk')] }) } });
    expect(codes({ ...input, descriptions: new Map([...input.descriptions].slice(0, 1)) })).toEqual([
      'plan.no-description',
      'plan.output-in-source',
    ]);
  });

  it('refuses a machine that no amount of waiting would give enough scratch space', () => {
    const copied = settings({ flatten: { mode: 'copy', verify: 'none', ignoreCid: false } });
    const input = planInput(
      playbook([{ name: 'w', vms: ['small', { name: 'big', settings: copied }] }], {
        host: { capacity: { net: 4, disk: 4, scratchBytes: GIB } },
      }),
    );
    const { diagnostics, value } = compilePlan(input);
    expect(value).toBeUndefined();
    expect(diagnostics.map((d) => d.code)).toEqual(['plan.scratch-too-small']);
    expect(diagnostics[0]?.message).toMatch(/"big" needs 2\.\d+ GiB \(\d+ bytes\).*has 1\.00 GiB \(1073741824 bytes\)/);
  });
});

describe('compilePlan: pools and demands', () => {
  const demandsOf = (graph: TaskGraph, stage: string): Record<string, string> =>
    Object.fromEntries(
      node(graph, `first/w/a/${stage}`).demand.map((d) => [
        d.pool,
        `${d.units}${d.hold === undefined ? '' : ` held as ${d.hold}`}`,
      ]),
    );

  it('measures what the playbook leaves open', () => {
    const graph = compiled(waves({ name: 'w', vms: ['a'] }));
    expect(graph.pools).toEqual({
      'here.ingest': 4,
      'images.connections': 4,
      light: 64,
      'local.appliance': 2,
      'local.cpu': 4,
      'local.disk': 4,
      'local.net': 4,
      'local.scratch': Math.floor(900 * GIB),
      vmsInFlight: 16,
    });
  });

  it('asks per stage for what it uses, and holds place, scratch and one appliance for the machine', () => {
    const graph = compiled(waves({ name: 'w', vms: ['a'] }));
    const scratch = (stage: string): string => demandsOf(graph, stage)['local.scratch'] ?? '';
    expect(demandsOf(graph, 'FETCH')).toEqual({
      'images.connections': '1',
      'local.disk': '1',
      'local.net': '1',
      'local.scratch': scratch('FETCH'),
      vmsInFlight: '1 held as vm',
    });
    expect(demandsOf(graph, 'FLATTEN')).toMatchObject({ 'local.disk': '2', 'local.cpu': '1' });
    for (const stage of ['INSPECT', 'PLAN', 'FIX']) {
      expect(demandsOf(graph, stage)['local.appliance']).toBe('1 held as appliance');
    }
    expect(demandsOf(graph, 'PLAN')['light']).toBe('1');
    expect(demandsOf(graph, 'CONVERT')).toMatchObject({ 'local.disk': '2', 'local.cpu': '2', 'here.ingest': '1' });
    expect(demandsOf(graph, 'VALIDATE')).toMatchObject({ 'local.disk': '1', 'local.cpu': '1', 'local.appliance': '1' });
  });

  it('tells once of all machines without an adapter, but for disks without a system', () => {
    const bare = settings({ nics: {} });
    const data = settings({ nics: {}, guest: { family: 'none' } });
    const { diagnostics } = compilePlan(
      planInput(
        playbook([
          {
            name: 'w',
            vms: [
              { name: 'a', settings: bare },
              { name: 'b', settings: bare },
              { name: 'c', settings: data },
            ],
          },
        ]),
      ),
    );
    expect(diagnostics.filter(({ code }) => code === 'plan.no-network-adapter').map(({ message }) => message)).toEqual([
      '"a" and 1 other machine will have no network adapter: nothing says which ones they have',
    ]);
  });

  it('asks for no appliance where there is no system to look into', () => {
    const none = settings({
      guest: { family: 'none' },
      validate: { level: 'image', required: true, instrument: true, timeout: '5m' },
    });
    const graph = compiled(waves({ name: 'w', vms: [{ name: 'a', settings: none }] }));
    for (const stage of STAGES) expect(Object.keys(demandsOf(graph, stage)), stage).not.toContain('local.appliance');
    expect(node(graph, 'first/w/a/INSPECT').estimate.p50s).toBeLessThan(10);
  });

  it('reserves scratch for the peak of what is still ahead', () => {
    const graph = compiled(waves({ name: 'w', vms: ['a'] }));
    const units = STAGES.map(
      (stage) => node(graph, `first/w/a/${stage}`).demand.find((d) => d.pool === 'local.scratch')?.units ?? 0,
    );
    for (const [at, value] of units.entries()) expect(value).toBeLessThanOrEqual(units[at - 1] ?? Infinity);
    // 3 % of 10 GiB for FIX, an overlay and some room for documents.
    expect(units[0]).toBeGreaterThan(0.03 * 10 * GIB);
    expect(units[0]).toBeLessThan(0.03 * 10 * GIB * 1.1);
    expect(units.at(-1)).toBe(MIB);
  });

  it('cuts a demand that exceeds its pool and says so once', () => {
    const zstd = settings({ disk: { ...settings().disk, compress: 'zstd' } });
    const input = planInput(
      playbook([
        {
          name: 'w',
          vms: [
            { name: 'a', settings: zstd },
            { name: 'b', settings: zstd },
          ],
        },
      ]),
      { facts: facts({ host: { ...facts().host, cpus: 2 } }) },
    );
    const { value, diagnostics } = compilePlan(input);
    expect(diagnostics.map((d) => d.message)).toEqual([
      'CONVERT of 2 machines asks for 4 units of local.cpu, which has 2: it gets all of them and runs alone',
    ]);
    expect(value?.nodes.every((n) => n.demand.every((d) => d.units <= (value.pools[d.pool] ?? 0)))).toBe(true);
  });
});

describe('compilePlan: settings that reach the nodes', () => {
  it('maps networks by the first rule that matches', () => {
    const rule = (from: string, to: string) => ({ from, to, location: { file: 'p.yaml', line: 7, column: 3 } });
    const loaded = playbook(
      [{ name: 'w', vms: [{ name: 'a', settings: settings({ nics: { '1': { mac: '00:50:56:00:00:01' } } }) }] }],
      {
        networks: { default: [rule('Prod-*', 'bridge:br-prod'), rule('*', 'default')] },
      },
    );
    const nics = [
      { index: 0, network: 'Prod-7', mac: '00:50:56:00:00:09' },
      { index: 1, network: 'Other' },
    ];
    const graph = compiled(planInput(loaded, { described: { a: description('a', { nics }) } }));
    expect(graph.vms[0]?.settings.nics).toEqual({
      '0': { network: 'bridge:br-prod' },
      '1': { mac: '00:50:56:00:00:01', network: 'default' },
    });
    expect(graph.vms[0]?.origins['/nics/0/network']).toBe('p.yaml:7:3');
  });

  it('takes limits of stages from the playbook, else from the estimate', () => {
    const own = settings({ timeouts: { FIX: '2h' }, retries: { FETCH: 7, default: 3 } });
    const graph = compiled(waves({ name: 'w', vms: [{ name: 'a', settings: own }, 'b'] }));
    expect(node(graph, 'first/w/a/FIX').timeout).toEqual({ wallS: 7200, stallS: null });
    expect(node(graph, 'first/w/b/CONVERT').timeout).toEqual({ wallS: 1800, stallS: 600 });
    expect(['FETCH', 'CONVERT'].map((s) => node(graph, `first/w/a/${s}`).retry.attempts)).toEqual([7, 3]);
    expect(['FETCH', 'CONVERT'].map((s) => node(graph, `first/w/b/${s}`).retry.attempts)).toEqual([5, 2]);
  });

  it('resolves failure limits per wave and, for percentages, per batch', () => {
    const graph = compiled(
      waves({
        name: 'w',
        vms: ['a', 'b', 'c', 'd'],
        batchEnds: [1, 4],
        policies: { onFailure: 'halt', maxFailures: { percent: 50 } },
        maxVmsInFlight: 2,
      }),
    );
    expect(graph.waves).toEqual([
      {
        name: 'w',
        batches: 2,
        vms: ['images:a', 'images:b', 'images:c', 'images:d'],
        onFailure: 'halt',
        maxFailures: 2,
        batchMaxFailures: [0, 1],
        maxVmsInFlight: 2,
      },
    ]);
  });

  it('estimates from history once there is enough of it', () => {
    const line = (seconds: number, bytes?: number) => ({
      v: 1 as const,
      task: 't',
      vm: 'v',
      stage: bytes === undefined ? ('FIX' as const) : ('CONVERT' as const),
      source: 'images',
      target: 'here',
      host: 'local',
      run: 'r',
      state: 'succeeded' as const,
      endedAt: '',
      seconds,
      attempt: 1,
      ...(bytes === undefined ? {} : { bytes }),
    });
    const history = [...[10, 20, 30, 40, 50].map((s) => line(s)), ...[1, 1, 1, 1, 2].map((s) => line(s, GIB))];
    const graph = compiled({ ...waves({ name: 'w', vms: ['a'] }), history });
    expect(node(graph, 'first/w/a/FIX').estimate).toEqual({ p50s: 30, p90s: 46, basis: 'history' });
    expect(node(graph, 'first/w/a/CONVERT').estimate).toEqual({ p50s: 2, p90s: 3.2, bytes: 2 * GIB, basis: 'history' });
    const few = compiled({ ...waves({ name: 'w', vms: ['a'] }), history: history.slice(1) });
    expect(node(few, 'first/w/a/FIX').estimate.basis).toBe('default');
  });
});

describe('compilePlan: selection', () => {
  it('marks what is left out and keeps the graph whole', () => {
    const graph = compiled({
      ...waves({ name: 'w', vms: ['a', 'b'] }),
      selection: { vms: new Set(['a']), until: 'CONVERT' },
    });
    expect(node(graph, 'first/w/b/FETCH').skip).toBe('selected-out');
    expect(node(graph, 'first/w/a/CONVERT').skip).toBeUndefined();
    expect(node(graph, 'first/w/a/VALIDATE').skip).toBe('until');
  });

  it('leaves machines out that nobody looked at, and what waits for them does not wait', () => {
    const input = waves({ name: 'w', vms: ['a', { name: 'b', dependsOn: [{ vm: 'a' }] }] });
    const graph = compiled({
      ...input,
      descriptions: new Map([...input.descriptions].slice(1)),
      selection: { vms: new Set(['b']) },
    });
    expect(graph.vms.map((vm) => vm.name)).toEqual(['b']);
    expect(depKeys(graph, 'first/w/b/FETCH')).toEqual(['first/w/barrier:batch-1 success']);
  });

  it('refuses an empty selection and a start that nothing leads to', () => {
    const input = waves({ name: 'w', vms: ['a', 'b'] });
    expect(codes({ ...input, selection: { vms: new Set(['zz']) } })).toContain('plan.empty-selection');
    expect(codes({ ...input, selection: { from: 'FIX', until: 'FETCH' } })).toContain('plan.empty-selection');
    const { diagnostics } = compilePlan({ ...input, selection: { from: 'FIX', vms: new Set(['b']) } });
    expect(diagnostics.map((d) => d.message)).toEqual([
      '"b" cannot start at FIX: FETCH has no valid result (never ran)',
    ]);
  });
});
