import { describe, expect, it } from 'vitest';
import { planInput, playbook } from '../../test/support/plan-fixture.js';
import type { WaveSketch } from '../../test/support/plan-fixture.js';
import type { TaskGraph } from '../model/graph.js';
import { compilePlan, graphDot, graphJson, graphMermaid, graphView } from './index.js';

function graphOf(...waves: WaveSketch[]): TaskGraph {
  const { value } = compilePlan(planInput(playbook(waves)));
  if (value === undefined) throw new Error('no graph');
  return value;
}

const TWO_WAVES = graphOf(
  { name: 'pilot', vms: ['a', 'b'] },
  {
    name: 'main',
    vms: ['c', { name: 'd', dependsOn: [{ vm: 'c', reached: 'FIX' }] }],
    dependsOn: [{ wave: 'pilot', require: { count: 1 } }],
  },
);
const labels = (graph: TaskGraph, options: Parameters<typeof graphView>[1]): string[] => {
  const view = graphView(graph, options);
  const label = new Map(view.vertices.map((vertex) => [vertex.id, vertex.label]));
  return view.edges.map(
    (edge) =>
      `${label.get(edge.from)} ${edge.critical ? '=' : '-'}> ${label.get(edge.to)}${edge.label === undefined ? '' : ` (${edge.label})`}`,
  );
};

describe('graph views', () => {
  it('show waves with what they count', () => {
    expect(labels(TWO_WAVES, { level: 'wave' })).toEqual([
      'preflight -> wave pilot',
      'preflight -> wave main',
      'wave pilot -> wave main (1 of 2)',
      'wave pilot -> report',
      'wave main -> report',
    ]);
  });

  it('show machines and their dependencies without circles', () => {
    expect(labels(TWO_WAVES, { level: 'vm' })).toEqual([
      'preflight -> wave pilot',
      'wave pilot -> a',
      'wave pilot -> b',
      'preflight -> wave main',
      'wave main -> c',
      'wave main -> d',
      'c -> d',
      'wave pilot -> wave main (1 of 2)',
      'wave pilot -> report',
      'wave main -> report',
    ]);
  });

  it('mark the longest chain from its first stage to its last', () => {
    const critical = labels(TWO_WAVES, { level: 'vm', criticalPath: true }).filter((edge) => edge.includes('=>'));
    expect(critical).toEqual(['wave main => c', 'c => d', 'wave pilot => wave main (1 of 2)']);
    const view = graphView(TWO_WAVES, { level: 'task', criticalPath: true });
    const onStages = view.edges.filter(
      (edge) => edge.critical && view.vertices.find((v) => v.id === edge.to)?.kind === 'stage',
    );
    // a's seven stages less the first, c up to FIX with the edge that lets it in, d with the edge from c.
    expect(onStages).toHaveLength(6 + 5 + 7);
  });

  it('go one level up, with a note, when there is too much to draw', () => {
    const many = (count: number) => graphOf({ name: 'w', vms: Array.from({ length: count }, (_, i) => `vm${i}`) });
    const some = graphView(many(60), { level: 'task' });
    expect([some.level, some.note]).toEqual([
      'vm',
      '425 vertices at level task are too many to draw; shown at level vm',
    ]);
    expect(graphView(many(450), { level: 'task' }).level).toBe('wave');
    expect(graphMermaid(many(450))).toContain('too many to draw');
  });

  it('cannot be broken out of by a name', () => {
    const hostile = graphOf({ name: 'w', vms: ['x"];\n evil [label="', 'y\\N</script>|`', 'z#quot;'] });
    const dot = graphDot(hostile);
    for (const line of dot.split('\n')) expect(line).not.toMatch(/^\s*evil/);
    // Outside quoted strings nothing of a name is left.
    expect(dot.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')).not.toMatch(/evil|script|quot/);
    const mermaid = graphMermaid(hostile);
    for (const line of mermaid.split('\n')) expect(line).not.toMatch(/^\s*evil/);
    expect(mermaid.replaceAll(/\["[^"]*"\]/g, '[]')).not.toMatch(/evil|script|`/);
    expect(mermaid).not.toMatch(/<|`/);
    expect(() => JSON.parse(graphJson(hostile)) as unknown).not.toThrow();
  });

  it('use the same ids in every format', () => {
    const ids = graphView(TWO_WAVES, { level: 'task' }).vertices.map((vertex) => vertex.id);
    for (const id of ids) {
      expect(graphDot(TWO_WAVES, { level: 'task' })).toContain(`${id} [label=`);
      expect(graphMermaid(TWO_WAVES, { level: 'task' })).toContain(`${id}["`);
    }
    expect(graphJson(TWO_WAVES)).toBe(graphJson(TWO_WAVES));
  });
});
