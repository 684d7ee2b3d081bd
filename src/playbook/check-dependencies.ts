/** Machines, batches and waves that wait for each other: the shortest circle, with the places where it is written. */
import type { Location, Origin } from '../lib/diagnostic.js';
import { shortestCycle } from '../lib/graph.js';
import type { LoadedWave } from '../model/effective.js';
import type { Problems } from './problems.js';

interface Waiting {
  readonly what: string;
  /** What comes first, and where it is written that it does; nothing for what follows from waves and batches. */
  readonly after: { readonly vertex: number; readonly at?: Location }[];
}

/**
 * Reports the shortest circle among the dependencies of waves and machines. A wave waits as a whole: its machines start
 * after everything it depends on, and a batch starts after the batch before it.
 */
export function checkCycles(waves: readonly LoadedWave[], problems: Problems): void {
  const vertices: Waiting[] = [];
  const add = (what: string): number => vertices.push({ what, after: [] }) - 1;
  const wait = (later: number | undefined, earlier: number | undefined, at?: Location): void => {
    if (later === undefined || earlier === undefined) return;
    vertices[later]?.after.push({ vertex: earlier, ...(at === undefined ? {} : { at }) });
  };
  const starts = new Map(waves.map((wave) => [wave.name, add(`wave ${wave.name}`)]));
  const ends = new Map(waves.map((wave) => [wave.name, add(`wave ${wave.name}`)]));
  const vms = new Map(waves.flatMap((wave) => wave.vms.map((vm) => [vm.name, add(vm.name)] as const)));
  for (const wave of waves) {
    for (const { wave: other, location } of wave.dependsOn) wait(starts.get(wave.name), ends.get(other), location);
    let before = starts.get(wave.name);
    let from = 0;
    for (const end of wave.batchEnds) {
      const after = add(`wave ${wave.name}`);
      for (const vm of wave.vms.slice(from, end)) {
        wait(vms.get(vm.name), before);
        wait(after, vms.get(vm.name));
        for (const { vm: other, location } of vm.dependsOn) wait(vms.get(vm.name), vms.get(other), location);
      }
      before = after;
      from = end;
    }
    wait(ends.get(wave.name), before);
  }
  const cycle = shortestCycle(vertices.map((vertex) => vertex.after.map((edge) => edge.vertex)));
  if (cycle !== undefined) report(cycle, vertices, problems);
}

function report(cycle: readonly number[], vertices: readonly Waiting[], problems: Problems): void {
  const origins: Origin[] = [];
  const names = shortened(cycle.map((vertex) => vertices[vertex]?.what ?? ''));
  for (const [i, vertex] of cycle.entries()) {
    const { what = '', after = [] } = vertices[vertex] ?? {};
    const next = cycle[(i + 1) % cycle.length];
    const at = after.find((edge) => edge.vertex === next && edge.at !== undefined)?.at;
    const other = vertices[next ?? 0]?.what ?? '';
    if (at !== undefined) origins.push({ ...at, note: `${what} waits for ${other}` });
  }
  const message = `these wait for each other: ${[...names, names[0]].join(' -> ')}`;
  const [first, ...rest] = origins;
  const place = first === undefined ? undefined : withoutNote(first);
  problems.error('playbook.dependency-cycle', message, place, rest.length > 0 ? { origins: rest } : {});
}

/** The names around a circle without repetitions; a machine through which a wave only waits for itself is left out. */
function shortened(names: readonly string[]): string[] {
  const kept = names.filter((name, i) => {
    const before = names.at(i - 1);
    return names.length < 3 || name.startsWith('wave ') || before !== names[(i + 1) % names.length];
  });
  const distinct = kept.filter((name, i) => i === 0 || name !== kept[i - 1]);
  if (distinct.length > 1 && distinct.at(-1) === distinct[0]) distinct.pop();
  return distinct;
}

function withoutNote({ note: _note, ...location }: Origin): Location {
  return location;
}
