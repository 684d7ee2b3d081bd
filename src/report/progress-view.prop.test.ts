import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventMaker } from '../../test/support/event-maker.js';
import { planInput, playbook } from '../../test/support/plan-fixture.js';
import type { RunEvent } from '../model/event.js';
import { STAGES } from '../model/stage.js';
import { compilePlan } from '../plan/index.js';
import { createProgressView } from './progress-view.js';

function graphOf() {
  const { value } = compilePlan(
    planInput(
      playbook([
        { name: 'one', vms: ['a', 'b'] },
        { name: 'two', vms: ['c'] },
      ]),
    ),
  );
  if (value === undefined) throw new Error('no graph');
  return value;
}

const GRAPH = graphOf();
const vm = fc.constantFrom('a', 'b', 'c', 'nobody');
const stage = fc.constantFrom(...STAGES);
const taskState = fc.constantFrom(
  'ready',
  'running',
  'succeeded',
  'failed',
  'cached',
  'skipped',
  'retry_wait' as const,
);
const vmState = fc.constantFrom('running', 'succeeded', 'degraded', 'failed', 'cancelled', 'skipped' as const);
const step = fc.oneof(
  fc.record({ kind: fc.constant('task' as const), vm, stage, to: taskState }),
  fc.record({ kind: fc.constant('vm' as const), vm, to: vmState }),
  fc.record({ kind: fc.constant('alien' as const), vm }),
);

describe('progress view', () => {
  it('counts every machine exactly once, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const view = createProgressView('r', GRAPH);
        const make = eventMaker(GRAPH);
        for (const [at, entry] of steps.entries()) {
          if (entry.kind === 'task') make.task(at, entry.vm, entry.stage, { from: 'pending', to: entry.to });
          else if (entry.kind === 'vm') make.vm(at, entry.vm, { to: entry.to });
          else make.run(at, 'gate.opened' as 'run.resumed', { by: entry.vm, pid: 1 });
        }
        for (const event of make.events) view.apply(event);
        const sum = (counts: Readonly<Record<string, number>>): number =>
          Object.values(counts).reduce((a, b) => a + b, 0);
        expect(sum(view.counts)).toBe(3);
        expect(view.waves.map((wave) => sum(wave.counts))).toEqual([2, 1]);
        for (const [phase, count] of Object.entries(view.counts)) {
          expect([...view.vms.values()].filter((one) => one.phase === phase)).toHaveLength(count);
          expect(count).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe('progress view: one run', () => {
  const fold = (events: readonly RunEvent[]) => {
    const view = createProgressView('r', GRAPH);
    for (const event of events) view.apply(event);
    return view;
  };

  it('shows what runs with its progress, and forgets it when it is over', () => {
    const make = eventMaker(GRAPH);
    make.run(0, 'run.resumed', { by: 'alice', pid: 1 });
    make.task(1, 'a', 'FETCH', { from: 'ready', to: 'running' }, 2);
    make.progress(2, 'a', 'FETCH', { phase: 'copy', doneBytes: 5, totalBytes: 10, totalKind: 'exact' });
    const running = fold(make.events).vms.get('images:a');
    expect(running).toMatchObject({ phase: 'running', stage: 'FETCH', progress: { doneBytes: 5 } });
    expect(running?.stages.FETCH?.attempt).toBe(2);
    make.task(3, 'a', 'FETCH', { from: 'running', to: 'succeeded', seconds: 2 }, 2);
    make.task(4, 'a', 'FLATTEN', { from: 'ready', to: 'running' }, 1);
    const next = fold(make.events).vms.get('images:a');
    expect(next?.stage).toBe('FLATTEN');
    expect(next?.progress).toBeUndefined();
  });

  it('knows a machine that had nothing to do from one that was moved', () => {
    const make = eventMaker(GRAPH);
    for (const name of STAGES) make.task(1, 'a', name, { from: 'pending', to: 'cached' });
    make.vm(1, 'a', { to: 'succeeded' });
    for (const name of STAGES) make.task(1, 'b', name, { from: 'running', to: 'succeeded' });
    make.vm(2, 'b', { to: 'succeeded' });
    expect(fold(make.events).counts).toMatchObject({ cached: 1, succeeded: 1, waiting: 1 });
  });

  it('keeps the error of a failure and the end of the run', () => {
    const make = eventMaker(GRAPH);
    const error = { code: 'x', class: 'tool' as const, message: 'm', hint: 'h', retryable: false };
    make.task(1, 'c', 'FIX', { from: 'running', to: 'failed', error });
    make.vm(1, 'c', { to: 'failed', error });
    make.run(2, 'run.end', { outcome: 'failed', exitCode: 1 });
    const view = fold(make.events);
    expect(view.vms.get('images:c')).toMatchObject({ phase: 'failed', failedStage: 'FIX', error: { code: 'x' } });
    expect([view.outcome, view.counts.failed]).toEqual(['failed', 1]);
  });
});
