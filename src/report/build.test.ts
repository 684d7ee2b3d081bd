import { describe, expect, it } from 'vitest';
import { eventMaker, instant, RUN } from '../../test/support/event-maker.js';
import { description, planInput, playbook } from '../../test/support/plan-fixture.js';
import type { TaskGraph } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import { compilePlan } from '../plan/index.js';
import { buildReport } from './build.js';
import type { ReportInput } from './build.js';
import { reportMarkdown } from './markdown.js';
import { runSummaryText } from './summary.js';

function graphOf(): TaskGraph {
  const loaded = playbook([
    { name: 'pilot', vms: ['web01', 'db01'] },
    { name: 'main', vms: ['app01'] },
  ]);
  const described = { db01: description('db01', { warnings: ['the manifest names a file that is not there'] }) };
  const { value } = compilePlan(planInput(loaded, { described }));
  if (value === undefined) throw new Error('no graph');
  return value;
}

const GRAPH = graphOf();
const ERROR = {
  code: 'file.no-space',
  class: 'resource' as const,
  message: 'no space on /out',
  hint: 'Free space, then `drover resume`.',
  retryable: true,
};

/** web01 runs through, db01 fails in CONVERT after a retry, app01 is cached. */
function story(): ReportInput {
  const make = eventMaker(GRAPH);
  make.run(0, 'pool.usage', { pools: { 'local.appliance': [2, 2], 'local.disk': [1, 4] } });
  let at = 0;
  for (const stage of STAGES) {
    make.task(at, 'web01', stage, { from: 'pending', to: 'ready' });
    at += stage === 'INSPECT' ? 7 : 0;
    make.task(at, 'web01', stage, { from: 'ready', to: 'running' }, 1);
    at += 10;
    make.task(
      at,
      'web01',
      stage,
      { from: 'running', to: 'succeeded', seconds: 10, bytes: stage === 'CONVERT' ? 1000 : 0 },
      1,
    );
  }
  make.vm(at, 'web01', { to: 'succeeded' });
  make.task(5, 'db01', 'CONVERT', { from: 'ready', to: 'running' }, 1);
  make.task(15, 'db01', 'CONVERT', { from: 'running', to: 'retry_wait', error: ERROR }, 1);
  make.task(20, 'db01', 'CONVERT', { from: 'retry_wait', to: 'running' }, 2);
  make.task(28, 'db01', 'CONVERT', { from: 'running', to: 'failed', error: ERROR }, 2);
  make.vm(28, 'db01', { to: 'failed', error: ERROR });
  for (const stage of STAGES) make.task(1, 'app01', stage, { from: 'pending', to: 'cached' });
  make.vm(1, 'app01', { to: 'succeeded' });
  make.run(30, 'warning', { code: 'engine.circuit', message: 'target here was held back' });
  return {
    graph: GRAPH,
    run: {
      id: RUN,
      playbook: 'first',
      planHash: GRAPH.planHash,
      startedAt: instant(0),
      endedAt: instant(80),
      outcome: 'failed',
      exitCode: 1,
      user: 'alice',
      host: 'conv1',
      version: '0.1.0',
      dir: '/state/runs/r',
    },
    host: { accelerator: 'tcg', acceleratorReason: 'no KVM', cpus: 2, memoryBytes: 1, tools: {} },
    events: make.events,
    results: new Map(),
    waivers: [
      { concern: 'preflight.no-kvm', reason: 'lab' },
      { concern: 'preflight.memory', vm: 'web*', reason: 'known' },
    ],
    leftBehind: ['/out/db01/db01-disk0.qcow2.part-1'],
    now: instant(999),
  };
}

const stageOf = (report: ReturnType<typeof buildReport>, vm: string, stage: string) =>
  report.vms.find((v) => v.name === vm)?.stages.find((s) => s.stage === stage);

describe('buildReport', () => {
  const report = buildReport(story());

  it('tells how every machine ended and counts them per wave', () => {
    expect(report.vms.map((vm) => [vm.name, vm.state, vm.cached])).toEqual([
      ['web01', 'succeeded', false],
      ['db01', 'failed', false],
      ['app01', 'succeeded', true],
    ]);
    expect(report.counts).toEqual({ cached: 1, failed: 1, succeeded: 1 });
    expect(report.waves).toEqual([
      { name: 'pilot', vms: 2, counts: { failed: 1, succeeded: 1 } },
      { name: 'main', vms: 1, counts: { cached: 1 } },
    ]);
  });

  it('takes apart working, waiting and trying again', () => {
    expect(stageOf(report, 'web01', 'INSPECT')).toMatchObject({ attempts: 1, seconds: 10, waitedSeconds: 7 });
    const convert = stageOf(report, 'db01', 'CONVERT');
    expect(
      convert?.spans.map((span) => [span.kind, span.attempt, Date.parse(span.endedAt) - Date.parse(span.startedAt)]),
    ).toEqual([
      ['run', 1, 10_000],
      ['retry', 1, 5000],
      ['run', 2, 8000],
    ]);
    expect(convert).toMatchObject({ state: 'failed', attempts: 2, seconds: 18, waitedSeconds: 5 });
    expect(stageOf(report, 'web01', 'CONVERT')).toMatchObject({
      bytes: 1000,
      estimatedSeconds: expect.closeTo(11.24, 1) as number,
    });
  });

  it('puts waiting down to the pool that was full', () => {
    expect(report.timeLost).toEqual([
      { reason: 'pool local.appliance', seconds: 7 },
      { reason: 'the next try', seconds: 5 },
    ]);
    expect(report.pools).toEqual([
      { pool: 'local.appliance', peak: 2, capacity: 2 },
      { pool: 'local.disk', peak: 1, capacity: 4 },
    ]);
  });

  it('keeps the error with its stage, groups failures, and says what to do', () => {
    const db = report.vms.find((vm) => vm.name === 'db01');
    expect([db?.failedStage, db?.error?.code]).toEqual(['CONVERT', 'file.no-space']);
    expect(report.failures).toEqual([{ code: 'file.no-space', count: 1, vms: ['db01'] }]);
    expect(report.next).toEqual([`drover logs ${RUN} --vm db01 --stage CONVERT`, `drover resume ${RUN}`]);
    expect(report.leftBehind).toEqual(['/out/db01/db01-disk0.qcow2.part-1']);
  });

  it('gives warnings and waivers to whom they belong', () => {
    expect(report.vms.map((vm) => vm.warnings)).toEqual([[], ['the manifest names a file that is not there'], []]);
    expect(report.warnings).toEqual(['target here was held back']);
    expect(report.vms.map((vm) => vm.waivers.map((w) => w.concern))).toEqual([
      ['preflight.no-kvm', 'preflight.memory'],
      ['preflight.no-kvm'],
      ['preflight.no-kvm'],
    ]);
  });

  it('is made of the journal alone, however far the run got', () => {
    const whole = story();
    for (let cut = 0; cut <= whole.events.length; cut += 1) {
      const { endedAt: _, ...run } = whole.run;
      const part = buildReport({
        ...whole,
        run: { ...run, outcome: 'interrupted' },
        events: whole.events.slice(0, cut),
      });
      expect(part.vms).toHaveLength(3);
      for (const vm of part.vms) {
        for (const stage of vm.stages) expect(stage.seconds).toBeGreaterThanOrEqual(0);
      }
      expect(() => reportMarkdown(part) + runSummaryText(part)).not.toThrow();
    }
  });

  it('is the same for the same input', () => {
    expect(JSON.stringify(buildReport(story()))).toBe(JSON.stringify(report));
  });
});
