/** The vertices and edges of the plan: what waits for what, before anything is known about cost and cache. */
import type { CountOrPercent, LoadedPlaybook } from '../model/effective.js';
import type { NodeKind, OnDependency } from '../model/graph.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { stageIdKey } from './identity.js';
import type { VmEntry } from './planned-vms.js';

export interface Vertex {
  readonly idKey: string;
  readonly key: string;
  readonly kind: NodeKind;
  readonly wave: string;
  readonly batch: number;
  readonly entry?: VmEntry;
  readonly stage?: StageName;
  readonly deps: { readonly vertex: number; readonly on: OnDependency }[];
  readonly quorum?: {
    readonly need: number;
    readonly of: readonly number[];
    readonly onShortfall: 'block' | 'proceed';
  };
}

/**
 * One preflight; for every wave a `barrier:start`, one `barrier:after-<wave>` per wave it depends on, one
 * `barrier:batch-<n>` that opens each batch, and a `barrier:end`; seven stages per machine; one report.
 *
 * `barrier:after-<wave>` carries the quorum: it waits until the other wave is over and counts how many of its machines
 * came through. A batch opens when every machine of the batch before it is settled; whether too many of them failed is the
 * failure policy's question.
 */
export function buildSkeleton(loaded: LoadedPlaybook, entries: readonly VmEntry[]): readonly Vertex[] {
  const vertices: Vertex[] = [];
  const add = (vertex: Vertex): number => vertices.push(vertex) - 1;
  const byWave = new Map<string, VmEntry[]>(loaded.waves.map((wave) => [wave.name, []]));
  for (const entry of entries) byWave.get(entry.vm.wave)?.push(entry);

  const preflight = add({
    idKey: `${loaded.name}/preflight`,
    key: `${loaded.name}/preflight`,
    kind: 'preflight',
    wave: '',
    batch: 0,
    deps: [],
  });
  const barrier = (
    wave: string,
    name: string,
    batch: number,
    deps: Vertex['deps'],
    quorum?: Vertex['quorum'],
  ): number =>
    add({
      idKey: `${loaded.name}/wave:${wave}/barrier:${name}`,
      key: `${loaded.name}/${wave}/barrier:${name}`,
      kind: 'barrier',
      wave,
      batch,
      deps,
      ...(quorum === undefined ? {} : { quorum }),
    });

  const firstStage = new Map<string, number>();
  const stageVertex = (vm: string, stage: StageName): number => (firstStage.get(vm) ?? 0) + STAGES.indexOf(stage);
  const ends = new Map<string, number>();
  const starts = new Map<string, number>();
  for (const wave of loaded.waves) {
    const start = barrier(wave.name, 'start', 0, [{ vertex: preflight, on: 'success' }]);
    starts.set(wave.name, start);
    let before: readonly VmEntry[] = [];
    const members = byWave.get(wave.name) ?? [];
    const batches: VmEntry[][] = wave.batchEnds.map(() => []);
    for (const entry of members) batches[entry.vm.batch - 1]?.push(entry);
    for (const [batch, inBatch] of batches.entries()) {
      const opener = barrier(wave.name, `batch-${batch + 1}`, batch + 1, [
        { vertex: start, on: 'success' },
        ...before.map(({ vm }) => ({ vertex: stageVertex(vm.name, 'VALIDATE'), on: 'settled' as const })),
      ]);
      for (const entry of inBatch) firstStage.set(entry.vm.name, addStages(loaded.name, entry, opener, add));
      before = inBatch;
    }
    const last = members.map(({ vm }) => ({ vertex: stageVertex(vm.name, 'VALIDATE'), on: 'settled' as const }));
    ends.set(wave.name, barrier(wave.name, 'end', 0, [{ vertex: start, on: 'settled' }, ...last]));
  }
  for (const wave of loaded.waves) {
    for (const dependency of wave.dependsOn) {
      const end = ends.get(dependency.wave);
      const start = starts.get(wave.name);
      if (end === undefined || start === undefined) continue;
      const upstream = byWave.get(dependency.wave) ?? [];
      const after = barrier(wave.name, `after-${dependency.wave}`, 0, [{ vertex: end, on: 'settled' }], {
        need: needed(dependency.require, upstream.length),
        of: upstream.map(({ vm }) => stageVertex(vm.name, 'VALIDATE')),
        onShortfall: dependency.onUpstreamFailure,
      });
      vertices[start]?.deps.push({ vertex: after, on: 'success' });
    }
  }
  for (const { vm, loaded: written } of entries) {
    const fetch = vertices[stageVertex(vm.name, 'FETCH')];
    for (const { vm: name, reached } of written.dependsOn) {
      if (firstStage.has(name)) fetch?.deps.push({ vertex: stageVertex(name, reached), on: 'success' });
    }
  }
  add({
    idKey: `${loaded.name}/report`,
    key: `${loaded.name}/report`,
    kind: 'report',
    wave: '',
    batch: 0,
    deps: [...ends.values()].map((vertex) => ({ vertex, on: 'settled' })),
  });
  return vertices;
}

function addStages(playbook: string, entry: VmEntry, opener: number, add: (vertex: Vertex) => number): number {
  let first = -1;
  let before = opener;
  for (const stage of STAGES) {
    before = add({
      idKey: stageIdKey(playbook, entry.vm.vmKey, stage),
      key: `${playbook}/${entry.vm.wave}/${entry.vm.name}/${stage}`,
      kind: 'stage',
      wave: entry.vm.wave,
      batch: entry.vm.batch,
      entry,
      stage,
      deps: [{ vertex: before, on: 'success' }],
    });
    if (first === -1) first = before;
  }
  return first;
}

/** How many of `total` a requirement asks for; a percentage is rounded up. */
function needed(require: CountOrPercent, total: number): number {
  if ('count' in require) return Math.min(require.count, total);
  return Math.min(total, Math.ceil((require.percent * total) / 100 - 1e-9));
}

/** How many of `total` may fail; a percentage is rounded down; null for any number. */
export function tolerated(limit: CountOrPercent | null, total: number): number | null {
  if (limit === null) return null;
  return 'count' in limit ? limit.count : Math.floor((limit.percent * total) / 100 + 1e-9);
}
