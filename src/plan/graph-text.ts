import { plainText } from '../lib/text-table.js';
import type { TaskGraph } from '../model/graph.js';
import { graphView } from './graph-view.js';
import type { GraphEdge, GraphOptions, GraphVertex, GraphView } from './graph-view.js';

const FILL: Readonly<Record<GraphVertex['state'], string>> = {
  run: '#dbeafe',
  cached: '#f3f4f6',
  skipped: '#ffffff',
  none: '#ffffff',
};
const CRITICAL = '#c2410c';

/** The plan in Graphviz' language. */
export function graphDot(graph: TaskGraph, options: GraphOptions = {}): string {
  const view = graphView(graph, options);
  const lines = [
    `digraph ${quoted(view.playbook)} {`,
    '  rankdir=LR;',
    '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif", fontsize=11];',
    '  edge [color="#6b7280", fontname="sans-serif", fontsize=9];',
  ];
  if (view.note !== undefined) lines.push(`  label=${quoted(view.note)};`);
  for (const [wave, vertices] of byWave(view)) {
    const isCluster = wave !== '' && view.level !== 'wave';
    const indent = isCluster ? '    ' : '  ';
    if (isCluster)
      lines.push(
        `  subgraph ${quoted(`cluster_${wave}`)} {`,
        `    label=${quoted(`wave ${wave}`)};`,
        '    color="#d1d5db";',
      );
    for (const vertex of vertices) {
      const shape = vertex.kind === 'barrier' || vertex.kind === 'wave' ? ', shape=box, style=filled' : '';
      lines.push(`${indent}${vertex.id} [label=${quoted(vertex.label)}, fillcolor="${FILL[vertex.state]}"${shape}];`);
    }
    if (isCluster) lines.push('  }');
  }
  for (const edge of view.edges) lines.push(`  ${edge.from} -> ${edge.to}${dotAttributes(edge)};`);
  return `${lines.join('\n')}\n}\n`;
}

function dotAttributes(edge: GraphEdge): string {
  const attributes = [
    ...(edge.label === undefined ? [] : [`label=${quoted(edge.label)}`]),
    ...(edge.on === 'settled' ? ['style=dashed'] : []),
    ...(edge.critical ? [`color="${CRITICAL}"`, 'penwidth=2.5'] : []),
  ];
  return attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`;
}

/** A quoted string of Graphviz: backslashes would start escapes such as `\N`, so they are doubled. */
function quoted(text: string): string {
  return `"${plainText(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The plan in Mermaid's language. */
export function graphMermaid(graph: TaskGraph, options: GraphOptions = {}): string {
  const view = graphView(graph, options);
  const lines = ['flowchart LR'];
  if (view.note !== undefined) lines.push(`  %% ${plainText(view.note)}`);
  for (const [wave, vertices] of byWave(view)) {
    const isCluster = wave !== '' && view.level !== 'wave';
    const indent = isCluster ? '    ' : '  ';
    if (isCluster) lines.push(`  subgraph sg_${waveId(wave, view)}["${entities(`wave ${wave}`)}"]`);
    for (const vertex of vertices) lines.push(`${indent}${vertex.id}["${entities(vertex.label)}"]:::${vertex.state}`);
    if (isCluster) lines.push('  end');
  }
  for (const edge of view.edges) {
    const arrow = edge.critical ? '==>' : edge.on === 'settled' ? '-.->' : '-->';
    lines.push(`  ${edge.from} ${arrow}${edge.label === undefined ? '' : `|"${entities(edge.label)}"|`} ${edge.to}`);
  }
  lines.push(
    '  classDef run fill:#dbeafe,stroke:#3b82f6,color:#111827',
    '  classDef cached fill:#f3f4f6,stroke:#9ca3af,color:#111827',
    '  classDef skipped fill:#ffffff,stroke:#d1d5db,color:#6b7280,stroke-dasharray:3 3',
    '  classDef none fill:#ffffff,stroke:#6b7280,color:#111827',
  );
  return `${lines.join('\n')}\n`;
}

/** Mermaid reads `#NN;` as a character; everything but plain words is written that way. */
function entities(text: string): string {
  return plainText(text).replaceAll(
    /[^\p{L}\p{N} .:_\u25cf\u25cc\u21bb\u2298-]/gu,
    (char) => `#${char.codePointAt(0) ?? 63};`,
  );
}

function waveId(wave: string, view: GraphView): number {
  return [...byWave(view).keys()].indexOf(wave);
}

function byWave(view: GraphView): ReadonlyMap<string, readonly GraphVertex[]> {
  const waves = new Map<string, GraphVertex[]>();
  for (const vertex of view.vertices) {
    const wave = vertex.wave ?? '';
    waves.set(wave, [...(waves.get(wave) ?? []), vertex]);
  }
  return waves;
}

/** The plan as JSON, one vertex and one edge per line. */
export function graphJson(graph: TaskGraph, options: GraphOptions = {}): string {
  const { vertices, edges, ...head } = graphView(graph, options);
  const lines = (items: readonly unknown[]): string =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "vertices": ${lines(vertices)},\n  "edges": ${lines(edges)}\n}\n`;
}
