import { expect, test } from 'vitest';
import type { WaitReason } from '../model/event.js';
import { waitText } from './wait-text.js';

test.each<[WaitReason, string, string]>([
  [{ kind: 'deps', ids: ['1f', '2f'] }, 'earlier tasks: p/w/a/FETCH, 2f', 'earlier tasks'],
  [
    { kind: 'pool', pool: 'local.disk', need: 2, free: 1, holders: ['a', 'b'] },
    'pool local.disk: needs 2, 1 free, held by a, b',
    'pool local.disk',
  ],
  [{ kind: 'pool', pool: 'cpu', need: 2, free: 0, holders: [] }, 'pool cpu: needs 2, 0 free', 'pool cpu'],
  [{ kind: 'retry', at: 'T', attempt: 2, cause: 'no answer' }, 'retry at T (try 2): no answer', 'retry'],
  [{ kind: 'draining', for: 'p/w/a/FETCH' }, 'draining for p/w/a/FETCH', 'draining for p/w/a/FETCH'],
  [{ kind: 'batch', batch: 2 }, 'batch 2', 'batch 2'],
  [{ kind: 'policy-halt', scope: 'wave w' }, 'halted: wave w', 'halted: wave w'],
  [{ kind: 'paused-by', user: 'ops' }, 'paused by ops', 'paused by ops'],
  [
    { kind: 'circuit', resource: 'source vc1', probeAt: 'T' },
    'source vc1 is left alone until T: the same failure came up again and again',
    'source vc1 is left alone until T: the same failure came up again and again',
  ],
  [{ kind: 'cancelling' }, 'the run is stopping', 'the run is stopping'],
])('%j is told in words', (reason, long, short) => {
  expect(waitText(reason, false, new Map([['1f', 'p/w/a/FETCH']]))).toBe(long);
  expect(waitText(reason, true)).toBe(short);
});
