import { sha256 } from '../lib/canonical-json.js';
import type { OnDependency, TaskGraph, TaskNode } from '../model/graph.js';
import { forecast, willRun } from './forecast.js';
import { stageMark } from './marks.js';

type GraphLevel = 'wave' | 'vm' | 'task';

/** Viewers choke on more; what has more vertices is shown one level up. */
const MAX_VERTICES = 400;

export interface GraphVertex {
  readonly id: string;
  readonly label: string;
  readonly kind: 'preflight' | 'wave' | 'vm' | 'stage' | 'barrier' | 'report';
  /** Wave that the vertex is drawn in. */
  readonly wave?: string;
  readonly state: 'run' | 'cached' | 'skipped' | 'none';
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly on: OnDependency;
  /** What a barrier counts, such as `2 of 3`. */
  readonly label?: string;
  readonly critical: boolean;
}

/** A plan drawn at one level of detail; the same in every format. */
export interface GraphView {
  readonly playbook: string;
  readonly planHash: string;
  readonly level: GraphLevel;
  /** Why the level is not the one that was asked for. */
  readonly note?: string;
  readonly vertices: readonly GraphVertex[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphOptions {
  /** @default 'vm' */
  readonly level?: GraphLevel;
  /** Mark the edges of the longest chain. @default false */
  readonly criticalPath?: boolean;
}

/** Projects the tasks of a plan onto vertices of a level. Deterministic; waves, machines and stages in plan order. */
export function graphView(graph: TaskGraph, options: GraphOptions = {}): GraphView {
  const asked = options.level ?? 'vm';
  const counts: Record<GraphLevel, number> = {
    task: graph.nodes.length,
    vm: graph.vms.length + graph.waves.length + 2,
    wave: graph.waves.length + 2,
  };
  const level: GraphLevel = asked === 'task' && counts.task > MAX_VERTICES ? 'vm' : asked;
  const shown: GraphLevel = level === 'vm' && counts.vm > MAX_VERTICES ? 'wave' : level;
  const names = new Map(graph.vms.map((vm) => [vm.vmKey, vm.name]));
  const vertices = new Map<string, GraphVertex>();
  const vertexOf = new Map<string, string>();
  for (const node of graph.nodes) {
    const vertex = vertexFor(node, shown, names);
    vertexOf.set(node.id, vertex.id);
    const known = vertices.get(vertex.id);
    vertices.set(vertex.id, known === undefined ? vertex : { ...known, state: joined(known.state, vertex.state) });
  }
  const critical = options.criticalPath === true ? criticalEdges(graph) : new Set<string>();
  const edges = new Map<string, GraphEdge>();
  for (const node of graph.nodes) {
    const to = vertexOf.get(node.id) ?? '';
    for (const dep of node.deps) {
      const from = vertexOf.get(dep.id) ?? '';
      if (from === to || isInnerEdge(vertices.get(from), vertices.get(to))) continue;
      const key = `${from} ${to}`;
      const known = edges.get(key);
      const label = node.quorum === undefined ? known?.label : `${node.quorum.need} of ${node.quorum.of.length}`;
      edges.set(key, {
        from,
        to,
        on: known === undefined || known.on === dep.on ? dep.on : 'success',
        ...(label === undefined ? {} : { label }),
        critical: (known?.critical ?? false) || critical.has(`${dep.id} ${node.id}`),
      });
    }
  }
  return {
    playbook: graph.playbook,
    planHash: graph.planHash,
    level: shown,
    ...(shown === asked
      ? {}
      : { note: `${counts[asked]} vertices at level ${asked} are too many to draw; shown at level ${shown}` }),
    vertices: [...vertices.values()],
    edges: [...edges.values()],
  };
}

/** A machine leads back to the barrier that ends its own wave; drawn, that would be a circle. */
function isInnerEdge(from: GraphVertex | undefined, to: GraphVertex | undefined): boolean {
  return from?.kind === 'vm' && to?.kind === 'wave' && from.wave === to.wave;
}

function vertexFor(node: TaskNode, level: GraphLevel, names: ReadonlyMap<string, string>): GraphVertex {
  if (node.kind === 'preflight' || node.kind === 'report') {
    return { id: `t_${node.id}`, label: node.kind, kind: node.kind, state: 'none' };
  }
  const state = node.kind !== 'stage' ? 'none' : node.skip !== undefined ? 'skipped' : willRun(node) ? 'run' : 'cached';
  if (level === 'task') {
    const name = names.get(node.vmKey ?? '');
    const label =
      name === undefined ? node.key.split('/').slice(1).join('/') : `${stageMark(node)} ${name} ${node.stage ?? ''}`;
    return { id: `t_${node.id}`, label, kind: name === undefined ? 'barrier' : 'stage', wave: node.wave, state };
  }
  if (level === 'vm' && node.vmKey !== undefined) {
    const id = `v_${sha256(node.vmKey).slice(0, 12)}`;
    return { id, label: names.get(node.vmKey) ?? node.vmKey, kind: 'vm', wave: node.wave, state };
  }
  return {
    id: `w_${sha256(node.wave).slice(0, 12)}`,
    label: `wave ${node.wave}`,
    kind: 'wave',
    wave: node.wave,
    state,
  };
}

const STATES = ['none', 'skipped', 'cached', 'run'] as const;

function joined(one: GraphVertex['state'], other: GraphVertex['state']): GraphVertex['state'] {
  return STATES.indexOf(one) >= STATES.indexOf(other) ? one : other;
}

/** The dependencies by which the longest chain gets from each of its tasks to the next, barriers in between included. */
function criticalEdges(graph: TaskGraph): ReadonlySet<string> {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const edges = new Set<string>();
  let before: string | undefined;
  for (const id of forecast(graph).criticalPath) {
    if (before !== undefined) markRoute(before, id, byId, edges, new Map());
    before = id;
  }
  return edges;
}

/** Marks the way from one task to another: the direct dependency, else every way that leads through barriers only. */
function markRoute(
  from: string,
  to: string,
  byId: ReadonlyMap<string, TaskNode>,
  edges: Set<string>,
  seen: Map<string, boolean>,
): boolean {
  const known = seen.get(to);
  if (known !== undefined) return known;
  const deps = byId.get(to)?.deps ?? [];
  if (deps.some((dep) => dep.id === from)) {
    edges.add(`${from} ${to}`);
    return true;
  }
  let any = false;
  for (const dep of deps) {
    if (byId.get(dep.id)?.kind !== 'barrier' || !markRoute(from, dep.id, byId, edges, seen)) continue;
    edges.add(`${dep.id} ${to}`);
    any = true;
  }
  seen.set(to, any);
  return any;
}
