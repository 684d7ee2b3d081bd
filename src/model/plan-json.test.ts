import { describe, expect, it } from 'vitest';
import { planInput, playbook, settings } from '../../test/support/plan-fixture.js';
import { compilePlan } from '../plan/index.js';
import { planFromJson, planToJson } from './plan-json.js';

function graph() {
  const zstd = settings({ disk: { ...settings().disk, compress: 'zstd' } });
  const loaded = playbook([
    {
      name: 'pilot',
      vms: ['a', { name: 'b', settings: zstd, origins: { '/disk/compress': 'p:1:1' } }],
      batchEnds: [1, 2],
    },
    { name: 'main', vms: [{ name: 'c', dependsOn: [{ vm: 'a', reached: 'FIX' }] }], dependsOn: [{ wave: 'pilot' }] },
  ]);
  const { value } = compilePlan(planInput(loaded, { selection: { until: 'CONVERT' } }));
  if (value === undefined) throw new Error('no graph');
  return value;
}

describe('plan file', () => {
  it('reads back what was written', () => {
    const made = graph();
    expect(planFromJson(planToJson(made))).toEqual(made);
    expect(planToJson(planFromJson(planToJson(made)))).toBe(planToJson(made));
  });

  it('shares settings between machines', () => {
    const text = planToJson(graph());
    expect(text.match(/"keepIntermediates"/g)).toHaveLength(2);
  });

  it.each([
    ['not JSON', '{'],
    ['not a plan', '{"kind":"Other"}'],
    ['null', 'null'],
    ['another version', '{"kind":"Plan","apiVersion":"drover/v2","format":1}'],
    ['damaged', planToJson(graph()).replace('"columns":["id"', '"columns":["di"')],
    ['shared values gone', planToJson(graph()).replace(/"shared":\[[^]*?\n\],/, '"shared":[],')],
  ])('refuses what is %s', (_, text) => {
    expect(() => planFromJson(text)).toThrow(expect.objectContaining({ code: 'plan.file-invalid' }));
  });
});
