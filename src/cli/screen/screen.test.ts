import { describe, expect, test } from 'vitest';
import type { EventData, EventType, RunEvent } from '../../model/event.js';
import type { TaskGraph } from '../../model/graph.js';
import { createProgressView } from '../../report/index.js';
import type { ProgressView } from '../../report/index.js';
import { bar, bodyRows, fit, footer, stageStrip, vmLine, waveBody, waveLine } from './lines.js';
import { plainLine } from './plain.js';

const NOW = Date.parse('2026-05-02T22:01:00Z');

function graph(count: number): TaskGraph {
  const vms = Array.from({ length: count }, (_, index) => ({ vmKey: `s:vm${index}`, name: `vm${index}`, wave: 'all' }));
  return {
    playbook: 'p',
    vms,
    waves: [{ name: 'all', vms: vms.map((vm) => vm.vmKey) }],
    nodes: [],
  } as unknown as TaskGraph;
}

let seq = 0;
function event<T extends EventType>(type: T, data: EventData[T], more: Partial<RunEvent> = {}): RunEvent {
  seq += 1;
  return { v: 1, seq, ts: '2026-05-02T22:00:00.000Z', run: 'r', type, data, ...more } as RunEvent;
}

function running(count: number): ProgressView {
  const view = createProgressView('r', graph(count));
  for (let index = 0; index < count; index += 1) {
    view.apply(
      event('task.state', { from: 'ready', to: 'running' }, { vm: `s:vm${index}`, stage: 'FETCH', attempt: 2 }),
    );
  }
  return view;
}

describe('lines', () => {
  test('a bar is never full before the end', () => {
    expect(bar(0)).toBe('▕░░░░░░░░░░▏');
    expect(bar(0.999)).toBe('▕█████████░▏');
    expect(bar(1)).toBe('▕██████████▏');
  });

  test('a machine line holds stage, bar, bytes, rate, time left and the try', () => {
    const view = running(1);
    view.apply(
      event(
        'task.progress',
        {
          phase: 'copy',
          doneBytes: 71 * 2 ** 30,
          totalBytes: 100 * 2 ** 30,
          totalKind: 'upper-bound',
          rateBps: 2 ** 28,
          etaS: 240,
        },
        { vm: 's:vm0', stage: 'FETCH' },
      ),
    );
    const [vm] = view.vms.values();
    expect(vm).toBeDefined();
    if (vm !== undefined) {
      expect(vmLine(vm, 5, NOW)).toBe(
        'vm0   ▶······ FETCH    ▕███████░░░▏  71% 71.0 GiB/≤100 GiB 256 MiB/s ETA 4m00s (try 2)',
      );
      expect(stageStrip(vm)).toBe('▶······');
    }
  });

  test('the row budget holds whatever the number of machines', () => {
    const view = running(500);
    const [wave] = view.waves;
    for (const rows of [10, 24, 50, 200]) {
      const budget = bodyRows(rows, 1);
      expect(budget).toBeLessThanOrEqual(24);
      expect(wave === undefined ? 0 : waveBody(wave, budget, 80, NOW).length).toBeLessThanOrEqual(Math.max(2, budget));
    }
    expect(wave === undefined ? '' : waveLine(wave)).toBe('all  ▶ 500');
  });

  test('lines never exceed the width', () => {
    expect(fit('abcdef', 4)).toBe('abc…');
    const [wave] = running(3).waves;
    for (const line of wave === undefined ? [] : waveBody(wave, 5, 20, NOW))
      expect([...line].length).toBeLessThanOrEqual(20);
  });

  test('counts follow the states of machines', () => {
    const view = running(3);
    view.apply(
      event(
        'task.state',
        {
          from: 'running',
          to: 'failed',
          error: { code: 'file.no-space', class: 'resource', message: 'full', hint: 'free some', retryable: false },
        },
        { vm: 's:vm1', stage: 'FETCH' },
      ),
    );
    view.apply(event('vm.state', { to: 'failed' }, { vm: 's:vm1' }));
    view.apply(event('vm.state', { to: 'degraded' }, { vm: 's:vm2' }));
    expect(view.counts).toMatchObject({ running: 1, failed: 1, degraded: 1, waiting: 0 });
    expect(view.waves[0] === undefined ? '' : waveLine(view.waves[0])).toBe('all  ✔ 1  (1 with warnings)  ▶ 1  ✖ 1');
  });

  test('the footer adds rates and shows pools in use', () => {
    const view = running(2);
    view.apply(
      event('run.start', {
        playbook: 'p',
        planHash: 'h',
        vms: 2,
        tasks: 14,
        host: 'h',
        user: 'u',
        version: '0',
        pools: {},
      }),
    );
    view.apply(event('pool.usage', { pools: { cpu: [2, 4], net: [0, 4] } }));
    expect(footer(view, NOW)).toBe('1m00s   cpu 2/4');
  });

  test('the footer says when the run will end, what limits it, and counts a cancelled one down', () => {
    const view = running(1);
    view.apply(event('eta', { p50s: 600, p90s: 1200, limitedBy: 'local.disk' }));
    expect(footer(view, NOW)).toBe('ETA 10m00s–20m00s, at 22:10–22:20 UTC, limited by local.disk');
    const ending = running(1);
    ending.apply(event('run.cancelling', { by: 'SIGINT', graceS: 60 }));
    expect(footer(ending, NOW - 18_500)).toBe('stopping, 19 s left; press Ctrl-C again to force');
    expect(footer(ending, NOW + 5000)).toBe('stopping, 0 s left; press Ctrl-C again to force');
    ending.apply(event('run.resumed', { by: 'u', pid: 1 }));
    expect(footer(ending, NOW)).not.toContain('stopping');
  });
});

describe('the plain screen', () => {
  test('a failure prints code, cause, hint and where the log is', () => {
    const view = running(1);
    const line = plainLine(
      event(
        'task.state',
        {
          from: 'running',
          to: 'failed',
          seconds: 2,
          error: {
            code: 'file.no-space',
            class: 'resource',
            message: 'disk full',
            hint: 'free some',
            retryable: false,
          },
        },
        { vm: 's:vm0', stage: 'CONVERT' },
      ),
      view,
    );
    expect(line).toBe(
      '22:00:00 vm0 CONVERT FAILED in 2.0s: file.no-space disk full\n         hint: free some\n         log: drover logs r --vm vm0 --stage CONVERT',
    );
  });

  test('progress is no line', () => {
    const view = running(1);
    expect(
      plainLine(
        event('task.progress', { phase: 'copy', doneBytes: 1, totalBytes: 2, totalKind: 'exact' }, { vm: 's:vm0' }),
        view,
      ),
    ).toBeUndefined();
  });

  test('an event of a newer Drover is passed over by view and screen', () => {
    const view = running(1);
    const strange = { ...event('warning', { code: 'x', message: 'y' }), type: 'something.new' } as unknown as RunEvent;
    view.apply(strange);
    expect(plainLine(strange, view)).toBeUndefined();
  });
});
