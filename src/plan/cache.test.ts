import { describe, expect, it } from 'vitest';
import { facts, planInput, playbook, settings, stageFacts } from '../../test/support/plan-fixture.js';
import type { TaskGraph, TaskNode } from '../model/graph.js';
import type { OutputsVerdict, PreviousRecord, PreviousRecords } from '../model/history.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { compilePlan } from './compile.js';
import type { PlanInput } from './facts.js';
import { reasonText } from './reasons.js';

const loadedWith = (own = settings(), origins = {}) =>
  playbook([{ name: 'w', vms: [{ name: 'a', settings: own, origins }] }]);

function plan(input: PlanInput): TaskGraph {
  const { value } = compilePlan(input);
  if (value === undefined) throw new Error('no graph');
  return value;
}

const stageNodes = (graph: TaskGraph): TaskNode[] => graph.nodes.filter((node) => node.kind === 'stage');

/** What a run of a plan in which everything succeeded leaves behind. */
function afterSuccess(graph: TaskGraph, verdicts: Partial<Record<StageName, OutputsVerdict>> = {}): PreviousRecords {
  const records: Record<string, PreviousRecord> = {};
  for (const node of stageNodes(graph)) {
    if (node.stage === undefined || node.fingerprint === null || node.fingerprintParts === undefined) continue;
    records[node.id] = {
      taskId: node.id,
      vmKey: node.vmKey ?? '',
      stage: node.stage,
      last: { state: 'succeeded', run: 'r1', endedAt: '2026-01-01T00:00:00.000Z' },
      artefact: {
        fingerprint: node.fingerprint,
        parts: node.fingerprintParts,
        outputs: verdicts[node.stage] ?? { kind: 'ok' },
        run: 'r1',
        attempt: 1,
        endedAt: '2026-01-01T00:00:00.000Z',
      },
    };
  }
  return records;
}

/** `STAGE: reasons` of everything that has to run. */
const runs = (graph: TaskGraph): string[] =>
  stageNodes(graph)
    .filter((node) => node.cacheState !== 'hit')
    .map((node) => `${node.stage}: ${node.cacheReasons.map(reasonText).join('; ')}`);

const DROPPED: Partial<Record<StageName, OutputsVerdict>> = {
  FLATTEN: { kind: 'dropped', paths: ['/store/a/flat.qcow2'] },
  FIX: { kind: 'dropped', paths: ['/store/a/fix.qcow2'] },
};

describe('cache decisions', () => {
  it('finds nothing to do after a success, dropped intermediates included', () => {
    const first = plan(planInput(loadedWith()));
    expect(runs(first)).toEqual(STAGES.map((stage) => `${stage}: never ran`));
    const second = plan(planInput(loadedWith(), { previous: afterSuccess(first, DROPPED) }));
    expect(runs(second)).toEqual([]);
    expect(second.planHash).toBe(first.planHash);
  });

  it('names the setting, its values and its place, and reruns what follows', () => {
    const previous = afterSuccess(plan(planInput(loadedWith())));
    const changed = settings({ validate: { ...settings().validate, level: 'boot' } });
    const again = plan(planInput(loadedWith(changed, { '/validate/level': 'p.yaml:31:14' }), { previous }));
    expect(runs(again)).toEqual(['VALIDATE: /validate/level "auto" → "boot" at p.yaml:31:14']);
  });

  it('makes dropped intermediates anew when CONVERT has to run, and keeps the facts in between', () => {
    const previous = afterSuccess(plan(planInput(loadedWith())), DROPPED);
    const zstd = settings({ disk: { ...settings().disk, compress: 'zstd' } });
    expect(runs(plan(planInput(loadedWith(zstd), { previous })))).toEqual([
      'FLATTEN: /store/a/flat.qcow2 is gone',
      'FIX: /store/a/fix.qcow2 is gone',
      'CONVERT: /disk/compress "none" → "zstd"',
      'VALIDATE: CONVERT runs again',
    ]);
  });

  it('reruns from the first output that is gone or altered', () => {
    const first = plan(planInput(loadedWith()));
    const gone = afterSuccess(first, { INSPECT: { kind: 'missing', path: 'inspection.json' } });
    expect(runs(plan(planInput(loadedWith(), { previous: gone })))).toEqual([
      'INSPECT: inspection.json is gone',
      'PLAN: INSPECT runs again',
      'FIX: PLAN runs again',
      'CONVERT: FIX runs again',
      'VALIDATE: CONVERT runs again',
    ]);
    const altered = afterSuccess(first, {
      ...DROPPED,
      CONVERT: { kind: 'altered', path: 'a.qcow2', how: 'size 5 → 6' },
    });
    expect(runs(plan(planInput(loadedWith(), { previous: altered }))).slice(2)).toEqual([
      'CONVERT: a.qcow2 was altered: size 5 → 6',
      'VALIDATE: CONVERT runs again',
    ]);
  });

  it('tells a changed tool, a changed implementation and a changed source apart', () => {
    const previous = afterSuccess(plan(planInput(loadedWith())));
    const newer = facts({ tools: { ...facts().tools, 'qemu-system-x86_64': '8.0' } });
    expect(runs(plan(planInput(loadedWith(), { previous, facts: newer })))).toEqual([
      'VALIDATE: qemu-system-x86_64 7.2.9 → 8.0',
    ]);
    const stages = { ...stageFacts(), VALIDATE: { ...stageFacts().VALIDATE, implVersion: 2 } };
    expect(runs(plan(planInput(loadedWith(), { previous, facts: facts({ stages }) })))).toEqual([
      'VALIDATE: this version of Drover does it differently (1 → 2)',
    ]);
    const input = planInput(loadedWith());
    const known = input.descriptions.get('a');
    if (known === undefined) throw new Error('fixture');
    const touched = { ...known, cpus: 8 };
    const [fetch] = runs(plan({ ...input, previous, descriptions: new Map([['a', touched]]) }));
    expect(fetch).toMatch(/^FETCH: source changed: machine: [0-9a-f]{16} → [0-9a-f]{16}$/);
  });

  it('knows a failed attempt from one that never was, and a forced one from both', () => {
    const first = plan(planInput(loadedWith()));
    const previous: Record<string, PreviousRecord> = { ...afterSuccess(first) };
    const validate = stageNodes(first).at(-1);
    if (validate === undefined) throw new Error('fixture');
    previous[validate.id] = {
      taskId: validate.id,
      vmKey: 'images:a',
      stage: 'VALIDATE',
      last: { state: 'failed', run: 'r1', endedAt: '' },
    };
    expect(runs(plan(planInput(loadedWith(), { previous })))).toEqual(['VALIDATE: failed last time']);
    const forced = plan(planInput(loadedWith(), { previous, selection: { force: ['FIX'] } }));
    expect(runs(forced)).toEqual([
      'FIX: forced',
      'CONVERT: FIX runs again',
      'VALIDATE: failed last time; CONVERT runs again',
    ]);
  });

  it('lets a run start at a stage whose forerunners are cached', () => {
    const first = plan(planInput(loadedWith()));
    const selection = { from: 'CONVERT' as const };
    expect(compilePlan(planInput(loadedWith(), { previous: afterSuccess(first), selection })).value).toBeDefined();
    const changed = settings({ fix: { ...settings().fix, fstab: 'off' } });
    const { diagnostics } = compilePlan(planInput(loadedWith(changed), { previous: afterSuccess(first), selection }));
    expect(diagnostics[0]?.message).toBe(
      '"a" cannot start at CONVERT: FIX has no valid result (/fix/fstab "stabilize" → "off")',
    );
  });
});
