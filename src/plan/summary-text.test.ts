import { describe, expect, it } from 'vitest';
import { facts, planInput, playbook, settings } from '../../test/support/plan-fixture.js';
import { planFromJson, planToJson } from '../model/plan-json.js';
import {
  compilePlan,
  forecast,
  planDiff,
  planDiffText,
  planSummaryMarkdown,
  planSummaryText,
  preflight,
  readSavedPlan,
} from './index.js';
import type { PlanInput } from './index.js';

function graphOf(input: PlanInput) {
  const { value } = compilePlan(input);
  if (value === undefined) throw new Error('no graph');
  return value;
}

const PLAYBOOK = playbook([
  { name: 'pilot', vms: ['web01', 'db01'] },
  { name: 'main', vms: ['app-1'], dependsOn: [{ wave: 'pilot' }] },
]);

describe('plan summary', () => {
  it('prints header, waves, machines, capacity, chain and what to do next', () => {
    const graph = graphOf(planInput(PLAYBOOK));
    expect(planSummaryText(graph)).toBe(
      `plan ${graph.planHash.slice(0, 12)}  first  3 machines, 21 stages: 21 to run, 0 cached
made by drover 0.1.0 from first.yaml

wave   VMs   to move  expected  cautious  limited by
pilot    2  4.00 GiB     4m44s     6m32s  its longest machine
main     1  2.00 GiB     4m44s     6m32s  its longest machine
all      3  6.00 GiB     9m28s    13m03s

● run   ↻ run again   ◌ cached   ⊘ skipped   ✖ blocked
pilot
  web01  ●●●●●●●   2.00 GiB
  db01   ●●●●●●●   2.00 GiB
main
  app-1  ●●●●●●●   2.00 GiB

pool                   peak    limit  busy
here.ingest               2        4    1%
images.connections        2        4    0%
light                     2       64    0%
local.appliance           2        2   72%
local.cpu                 4        4   39%
local.disk                4        4   39%
local.net                 2        4    0%
local.scratch       640 MiB  900 GiB    0%
vmsInFlight               2       16    9%

longest chain (9m28s): web01 FETCH–VALIDATE → app-1 FETCH–VALIDATE

Next:
  drover run first.yaml
  drover graph first.yaml --format mermaid
`,
    );
  });

  it('says why a machine runs again and which one is blocked', () => {
    const input = planInput(PLAYBOOK, {
      facts: facts({ lockedVms: { 'images:db01': { runId: 'r7', host: 'kvm1', user: 'ops' } } }),
      selection: { until: 'FIX' },
    });
    const first = graphOf(input);
    const failed = first.nodes.find((node) => node.key.endsWith('web01/FIX'));
    const previous = {
      [failed?.id ?? '']: {
        taskId: failed?.id ?? '',
        vmKey: 'images:web01',
        stage: 'FIX' as const,
        last: { state: 'failed' as const, run: 'r1', endedAt: '' },
      },
    };
    const graph = graphOf({ ...input, previous });
    const text = planSummaryText(graph, { concerns: preflight(input.facts, graph, input.loaded.waivers) });
    expect(text).toContain('web01  ●●●●↻⊘⊘   2.00 GiB  FIX: failed last time\n');
    expect(text).toContain('db01   ✖✖✖✖✖✖✖   2.00 GiB  preflight.vm-locked: another run is working on this machine\n');
    expect(text).toContain('✖ blocker preflight.vm-locked  db01:');
    expect(planSummaryMarkdown(graph)).toContain('| pilot | web01 | ●●●●↻⊘⊘ | 2.00 GiB | FIX: failed last time |');
  });

  it('folds what is too much to list', () => {
    const names = Array.from({ length: 100 }, (_, i) => `vm${i}`);
    const text = planSummaryText(graphOf(planInput(playbook([{ name: 'w', vms: names }]))), { maxVms: 5 });
    expect(text).toContain('  … and 95 more: 95 × ●●●●●●●\n');
    expect(text).not.toContain('vm17');
  });

  it('keeps hostile names from steering the terminal', () => {
    const text = planSummaryText(graphOf(planInput(playbook([{ name: 'w', vms: ['a\u001b[2Jb'] }]))));
    expect(text).not.toContain('\u001b');
  });
});

describe('forecast', () => {
  it('knows what limits a plan and is never below the longest chain or the load of a pool', () => {
    const names = Array.from({ length: 12 }, (_, i) => `vm${i}`);
    const graph = graphOf(planInput(playbook([{ name: 'w', vms: names }])));
    const cast = forecast(graph);
    const load = (12 * (60 + 1 + 120 + 90)) / (graph.pools['local.appliance'] ?? 1);
    expect(cast.p50s).toBeGreaterThanOrEqual(load);
    expect(cast.p50s).toBeLessThan(1.15 * load);
    expect(cast.p90s).toBeGreaterThan(cast.p50s);
    expect(cast.limitedBy).toBe('local.appliance');
    for (const pool of cast.pools) {
      expect(pool.peak).toBeLessThanOrEqual(pool.limit);
      expect(pool.busy).toBeLessThanOrEqual(1 + 1e-9);
    }
  });
});

describe('plan diff', () => {
  it('names what came, went, moved and has to run again', () => {
    const zstd = settings({ disk: { ...settings().disk, compress: 'zstd' } });
    const old = graphOf(planInput(PLAYBOOK));
    const now = graphOf(
      planInput(
        playbook([
          {
            name: 'pilot',
            vms: [{ name: 'web01', settings: zstd, origins: { '/disk/compress': 'p.yaml:31:14' } }, 'new01'],
          },
          { name: 'main', vms: ['db01'] },
        ]),
      ),
    );
    const lines = planDiffText(planDiff(old, now)).split('\n');
    expect(lines.slice(1, 4)).toEqual([
      '+ new01  added to wave pilot',
      '- app-1  no longer in the plan (was in wave main)',
      '> db01  moved from wave pilot to main; its work still counts',
    ]);
    expect(lines).toContain('↻ web01 CONVERT  /disk/compress "none" → "zstd" at p.yaml:31:14');
    expect(lines).toContain('↻ web01 VALIDATE  CONVERT runs again');
  });
});

describe('saved plan', () => {
  it('is taken back only as it was written', () => {
    const graph = graphOf(planInput(PLAYBOOK));
    const text = planToJson(graph);
    expect(readSavedPlan(text)).toEqual(graph);
    const altered = text.replace('"keepIntermediates":"failed"', '"keepIntermediates":"none"');
    expect(planFromJson(altered).vms[0]?.settings.keepIntermediates).toBe('none');
    expect(() => readSavedPlan(altered)).toThrow(expect.objectContaining({ code: 'plan.file-altered' }));
  });
});
