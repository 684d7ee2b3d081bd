import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeHost } from '../host/index.js';
import { makePlan, playStages } from '../../test/support/engine-fixture.js';
import type { Played, PlanSpec } from '../../test/support/engine-fixture.js';
import { resumeRun, runPlan, sendControl } from './index.js';
import type { RunResult } from './index.js';
import type { ControlCommand } from './control.js';

interface Ran {
  readonly host: FakeHost;
  readonly played: Played;
  readonly result: RunResult;
  /** What the journal says of commands, in order. */
  readonly answers: readonly string[];
}

/** Runs a plan whose stages take a second each; commands are left in the control folder at their time, in seconds. */
async function run(
  spec: PlanSpec,
  commands: readonly (readonly [number, ControlCommand | string, number?])[],
): Promise<Ran> {
  const host = createFakeHost();
  const played = playStages(host);
  const send = async (command: ControlCommand | string, mode: number): Promise<void> => {
    const dir = `/state/runs/${(await host.files.list('/state/runs'))[0] ?? ''}`;
    if (typeof command === 'string') host.files.put(`${dir}/control/zz.json`, command, mode);
    else await sendControl(host, dir, command);
  };
  for (const [seconds, command, mode = 0o600] of commands) {
    host.clock.setTimer(seconds * 1000, () => void send(command, mode));
  }
  const result = await host.clock.run(
    runPlan({ graph: makePlan(spec), runners: played.runners, host, stateDir: '/state', options: { version: '0' } }),
  );
  const journal = host.files.peek(`${result.runDir}/journal.ndjson`)?.toString() ?? '';
  const answers = journal
    .split('\n')
    .filter((line) => line.includes('"control.ack"'))
    .map((line) => (JSON.parse(line.slice(9)) as { answer: string }).answer);
  return { host, played, result, answers };
}

/** Position of a line in what happened. */
const when = (ran: Ran, line: string): number => {
  const at = ran.played.trace.indexOf(line);
  if (at < 0) throw new Error(`${line} did not happen`);
  return at;
};

describe('commands to a running run', () => {
  const three: PlanSpec = { vms: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], pools: { slots: 1 } };

  it('are acknowledged in the journal and removed', async () => {
    const ran = await run(three, [[1.5, { command: 'priority.bump', vm: 'c' }]]);
    expect(ran.answers).toEqual(['c goes first']);
    expect(await ran.host.files.list(`${ran.result.runDir}/control`)).toEqual([]);
  });

  it('pause and resume the run, a wave, a machine and a pool', async () => {
    const scopes = [
      { kind: 'run' },
      { kind: 'wave', wave: 'all' },
      { kind: 'vm', vm: 'b' },
      { kind: 'pool', pool: 'slots' },
    ] as const;
    for (const scope of scopes) {
      const ran = await run({ ...three, pools: { slots: 3 } }, [
        [0.5, { command: 'pause', scope }],
        [60, { command: 'resume', scope }],
      ]);
      expect(ran.result.outcome, scope.kind).toBe('succeeded');
      expect(ran.answers[0], scope.kind).toMatch(/^paused /);
      expect(ran.answers[1], scope.kind).toMatch(/^resumed /);
      // What ran when it came went on; nothing new began in that scope for a minute.
      expect(ran.host.clock.monotonic(), scope.kind).toBeGreaterThan(60_000);
      if (scope.kind === 'vm') expect(when(ran, '-c VALIDATE')).toBeLessThan(when(ran, '+b FLATTEN'));
    }
  });

  it('change the size of a pool without ending what runs', async () => {
    const wide: PlanSpec = { ...three, pools: { slots: 3 } };
    const ran = await run(wide, [[0.5, { command: 'limits.set', pool: 'slots', units: 1 }]]);
    expect(ran.answers).toEqual(['slots is 1 now']);
    expect(ran.result.counts.cancelled).toBe(0);
    // Three began together; from then on one at a time.
    expect(ran.played.trace.slice(0, 3)).toEqual(['+a FETCH', '+b FETCH', '+c FETCH']);
    const later = ran.played.trace.slice(ran.played.trace.indexOf('-c FETCH') + 1);
    for (const [at, line] of later.entries()) {
      if (line.startsWith('+')) expect(later[at + 1]).toBe(line.replace('+', '-'));
    }
  });

  it('move a machine before the others', async () => {
    const ran = await run(three, [[0.2, { command: 'priority.bump', vm: 'c' }]]);
    expect(when(ran, '-c VALIDATE')).toBeLessThan(when(ran, '+b FETCH'));
  });

  it('cancel one machine or all', async () => {
    const one = await run(three, [[1.5, { command: 'cancel', vms: ['b', 'zz'] }]]);
    expect(one.answers).toEqual(['unknown: zz']);
    expect(one.result.vms.map((vm) => vm.state)).toEqual(['succeeded', 'cancelled', 'succeeded']);
    const all = await run(three, [[1.5, { command: 'cancel' }]]);
    expect(all.result).toMatchObject({ outcome: 'cancelled', exitCode: 130 });
  });

  it('are refused when they are none, or when somebody else could have written them', async () => {
    for (const [text, mode, answer] of [
      ['{"command":"format-disks"}', 0o600, /not a known command/],
      ['not json', 0o600, /not readable as JSON/],
      ['{"command":"cancel"}', 0o666, /others may write/],
      [JSON.stringify({ command: 'limits.set', pool: 'nope', units: 1 }), 0o600, /unknown pool nope/],
      [JSON.stringify({ command: 'pause', scope: { kind: 'wave', wave: 'nope' } }), 0o600, /unknown wave nope/],
    ] as const) {
      const ran = await run(three, [[1, text, mode]]);
      expect(ran.result.outcome, text).toBe('succeeded');
      expect(ran.answers.join(), text).toMatch(answer);
    }
  });
});

describe('a disk that is full', () => {
  it('under the journal stops the run in order with 5, and everything can be resumed', async () => {
    const host = createFakeHost();
    const played = playStages(host);
    let isFull = false;
    host.files.fault = (act, path) => (isFull && path.includes('journal') && act !== 'look at' ? 'ENOSPC' : undefined);
    host.clock.setTimer(2500, () => (isFull = true));
    const graph = makePlan({ vms: [{ name: 'a' }, { name: 'b' }], pools: { slots: 1 } });
    const result = await host.clock.run(
      runPlan({ graph, runners: played.runners, host, stateDir: '/state', options: { version: '0' } }),
    );
    expect(result).toMatchObject({ exitCode: 5, outcome: 'failed', error: { code: 'engine.journal-write' } });
    const started = played.trace.filter((line) => line.startsWith('+')).length;
    // What could not be recorded did not begin: at most the stage that was running is there without its end.
    expect(started).toBeLessThanOrEqual(4);
    expect(host.files.tree('/state').filter((path) => path.endsWith('/lock'))).toEqual([]);
    isFull = false;
    const again = await host.clock.run(
      resumeRun({ runners: played.runners, host, stateDir: '/state', options: { version: '0' } }),
    );
    expect(again).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  });
});
