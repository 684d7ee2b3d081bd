import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { allVms } from '../model/effective.js';
import type { LoadedPlaybook } from '../model/effective.js';
import { STAGES } from '../model/stage.js';
import { memoryFiles } from '../../test/support/memory-playbook.js';
import { loadPlaybook, selectableOf, selectVms } from './index.js';
import type { SelectorInput } from './index.js';

const text = `
apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: p, labels: { site: dc1 } }
sources: { fast: { type: local, dir: ./a }, slow: { type: local, dir: ./b } }
targets: { here: { type: files, dir: ./out } }
defaults: { source: fast }
waves:
  - { name: pilot, labels: { tier: web }, vms: [web01, web02] }
  - name: main
    vms: [{ name: db01, source: slow, labels: { tier: db, "": x } }, { name: app 01 }, { name: web03, labels: { tier: web } }]
`;
let playbook: LoadedPlaybook;
beforeAll(async () => {
  const { value, diagnostics } = await loadPlaybook(
    ['p.yaml'],
    { cwd: '/w', env: () => undefined },
    memoryFiles({ '/w/p.yaml': text }),
  );
  expect(diagnostics).toEqual([]);
  playbook = value!;
});

function names(input: SelectorInput): string[] {
  const { value, diagnostics } = selectVms(selectableOf(playbook), input);
  expect(diagnostics).toEqual([]);
  const { vms } = value ?? {};
  return allVms(playbook)
    .map((vm) => vm.name)
    .filter((name) => vms === undefined || vms.has(name));
}

describe('machines', () => {
  const check = (name: string, input: SelectorInput, expected: string[]): void => {
    it(name, () => expect(names(input)).toEqual(expected));
  };
  const all = ['web01', 'web02', 'db01', 'app 01', 'web03'];
  check('all without selectors', {}, all);
  check('by wave', { only: ['wave:pilot'] }, ['web01', 'web02']);
  check('by name and by glob', { only: ['vm:db01', 'vm:web*'] }, ['web01', 'web02', 'db01', 'web03']);
  check('by label', { only: ['label:tier=web'] }, ['web01', 'web02', 'web03']);
  check('by source and host', { only: ['source:slow,host:local'] }, ['db01']);
  check('by all terms of an expression', { only: ['wave:main, label:tier=web'] }, ['web03']);
  check('by any expression', { only: ['wave:pilot', 'source:slow'] }, ['web01', 'web02', 'db01']);
  check('except those skipped', { skip: ['label:tier=web', 'vm:app*'] }, ['db01']);
  check(
    'the first of what is left, in the order of the playbook',
    { only: ['vm:web03', 'vm:web01', 'vm:db01'], limit: 2 },
    ['web01', 'db01'],
  );
  check(
    'by state',
    {
      only: ['state:failed'],
      states: new Map([
        ['db01', 'failed'],
        ['web01', 'succeeded'],
      ]),
    },
    ['db01'],
  );
  check(
    'by state, for those that never ran',
    { only: ['state:pending'], states: new Map([['db01', 'failed']]) },
    all.filter((n) => n !== 'db01'),
  );

  it('names none when all are meant, so that the plan stays the same', () => {
    expect(selectVms(selectableOf(playbook), { only: ['label:site=dc1'] }).value).toEqual({});
  });
});

describe('stages', () => {
  const check = (name: string, input: SelectorInput, expected: unknown): void => {
    it(name, () => expect(selectVms(selectableOf(playbook), input).value).toEqual(expected));
  };
  check('from and until, in any case', { from: 'fix', until: 'CONVERT' }, { from: 'FIX', until: 'CONVERT' });
  check('all', { from: 'FETCH', until: 'VALIDATE' }, {});
  check('only one', { only: ['stage:FIX'] }, { from: 'FIX', until: 'FIX' });
  check('only two that follow each other', { only: ['stage:fix', 'stage:convert'] }, { from: 'FIX', until: 'CONVERT' });
  check('all but the last', { skip: ['stage:VALIDATE'] }, { until: 'CONVERT' });
  check('of some machines', { only: ['vm:db01,stage:FIX'] }, { vms: new Set(['db01']), from: 'FIX', until: 'FIX' });
  check(
    'all of those that another expression takes whole',
    { only: ['vm:db01', 'vm:db01,stage:FIX'] },
    { vms: new Set(['db01']) },
  );
});

describe('mistakes', () => {
  const check = (name: string, input: SelectorInput, code: string, message: RegExp, suggestion?: string): void => {
    it(name, () => {
      const { value, diagnostics } = selectVms(selectableOf(playbook), input);
      expect(value).toBeUndefined();
      expect(diagnostics[0]?.code).toBe(code);
      expect(diagnostics[0]?.message).toMatch(message);
      expect(diagnostics[0]?.suggestions?.[0]).toBe(suggestion);
    });
  };
  check('an unknown wave', { only: ['wave:pilt'] }, 'select.unknown', /no wave "pilt"/, 'pilot');
  check('an unknown machine', { skip: ['vm:web1'] }, 'select.unknown', /no machine "web1"/, 'web01');
  check('a glob that matches nothing', { only: ['vm:zz*'] }, 'select.unknown', /no machine "zz\*"/);
  check('an unknown source', { only: ['source:fats'] }, 'select.unknown', /no source "fats"/, 'fast');
  check('an unknown label', { only: ['label:teir=web'] }, 'select.unknown', /no label "teir"/, 'tier');
  check('an unknown value of a label', { only: ['label:tier=wbe'] }, 'select.unknown', /with the value "wbe"/, 'web');
  check('an unknown host', { only: ['host:conv1'] }, 'select.unknown', /no host "conv1"/);
  check('an unknown stage', { until: 'CONVRET' }, 'select.unknown', /no stage "CONVRET"/, 'CONVERT');
  check('an unknown stage in an expression', { only: ['stage:FIXX'] }, 'select.unknown', /no stage/, 'FIX');
  check('an unknown state', { only: ['state:faild'], states: new Map() }, 'select.unknown', /no state/, 'failed');
  check('a state without a run', { only: ['state:failed'] }, 'select.bad-expression', /needs an earlier run/);
  check('an unknown key', { only: ['wav:pilot'] }, 'select.bad-expression', /"wav" is not a key/, 'wave:pilot');
  check('a bare name', { only: ['web01'] }, 'select.bad-expression', /write vm:web01/);
  check('an empty term', { only: ['wave:pilot,'] }, 'select.bad-expression', /a term is empty/);
  check('a term without a value', { only: ['vm:'] }, 'select.bad-expression', /has no value/);
  check('a label without a value', { only: ['label:tier'] }, 'select.bad-expression', /write label:tier=VALUE/);
  check('nothing left', { only: ['wave:pilot'], skip: ['vm:web*'] }, 'select.no-match', /no machine/);
  check('a limit of nothing', { limit: 0 }, 'select.no-match', /no machine/);
  check('stages the wrong way round', { from: 'CONVERT', until: 'FIX' }, 'select.stage-order', /comes after/);
  check('a hole in the chain', { skip: ['stage:FIX'] }, 'select.bad-expression', /into pieces/);
  check(
    'different stages for different machines',
    { only: ['vm:web01', 'vm:db01,stage:FIX'] },
    'select.bad-expression',
    /into pieces/,
  );
  check('no stage at all', { only: ['stage:FIX'], skip: ['stage:FIX'] }, 'select.bad-expression', /no stage/);
});

it('selections never reorder, and whatever --only takes and --skip names is gone', () => {
  const expression = fc.constantFrom('wave:pilot', 'wave:main', 'vm:web*', 'vm:db01', 'label:tier=web', 'source:slow');
  fc.assert(
    fc.property(
      fc.array(expression, { maxLength: 3 }),
      fc.array(expression, { maxLength: 2 }),
      fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      (only, skip, limit) => {
        const { value } = selectVms(selectableOf(playbook), { only, skip, ...(limit === undefined ? {} : { limit }) });
        if (value === undefined) return;
        const all = allVms(playbook).map((vm) => vm.name);
        const chosen = value.vms === undefined ? all : [...value.vms];
        expect(chosen).toEqual(all.filter((name) => chosen.includes(name)));
        if (limit !== undefined) expect(chosen.length).toBeLessThanOrEqual(limit);
        for (const one of skip) {
          const { value: skipped } = selectVms(selectableOf(playbook), { only: [one] });
          for (const name of skipped?.vms ?? []) expect(chosen).not.toContain(name);
        }
      },
    ),
  );
  expect(STAGES.length).toBe(7);
});
