import type { Diagnostic, Location, Origin } from '../lib/diagnostic.js';
import { shortestCycle } from '../lib/graph.js';
import { allVms } from '../model/effective.js';
import type { LoadedPlaybook } from '../model/effective.js';
import type { VmEntry } from './planned-vms.js';

interface Edge {
  readonly from: number;
  readonly to: number;
  /** Where the dependency is written; absent for what follows from waves and batches. */
  readonly location?: Location;
}

/**
 * Finds machines and waves that wait for each other, and dependencies on what is not there. Waves, batches and machines
 * are enough to decide: every dependency holds a machine's first stage, so a circle of tasks is a circle of machines.
 */
export function checkDependencies(loaded: LoadedPlaybook, entries: readonly VmEntry[], problems: Diagnostic[]): void {
  const names: string[] = [];
  const vertex = (name: string): number => names.push(name) - 1;
  const waveStart = new Map(loaded.waves.map((wave) => [wave.name, vertex(`wave ${wave.name}`)]));
  const waveEnd = new Map(loaded.waves.map((wave) => [wave.name, vertex(`wave ${wave.name}`)]));
  const batchStart = new Map(
    loaded.waves.flatMap((wave) =>
      wave.batchEnds.map((_, batch) => [`${wave.name}/${batch + 1}`, vertex(`wave ${wave.name}`)] as const),
    ),
  );
  const known = new Set(allVms(loaded).map((vm) => vm.name));
  const vmVertex = new Map(entries.map(({ loaded: vm }) => [vm.name, vertex(vm.name)]));
  const edges: Edge[] = [];
  const connect = (from: number | undefined, to: number | undefined, location?: Location): void => {
    if (from !== undefined && to !== undefined)
      edges.push({ from, to, ...(location === undefined ? {} : { location }) });
  };
  for (const wave of loaded.waves) {
    for (const [batch] of wave.batchEnds.entries()) {
      connect(waveStart.get(wave.name), batchStart.get(`${wave.name}/${batch + 1}`));
    }
    for (const dependency of wave.dependsOn) {
      const upstream = waveEnd.get(dependency.wave);
      if (upstream === undefined)
        problems.push(unknownDependency(`wave "${wave.name}"`, dependency.wave, dependency.location));
      connect(upstream, waveStart.get(wave.name), dependency.location);
    }
  }
  for (const { vm, loaded: written } of entries) {
    const self = vmVertex.get(written.name);
    connect(batchStart.get(`${vm.wave}/${vm.batch}`), self);
    connect(self, batchStart.get(`${vm.wave}/${vm.batch + 1}`));
    connect(self, waveEnd.get(vm.wave));
    for (const dependency of written.dependsOn) {
      const upstream = vmVertex.get(dependency.vm);
      if (upstream === undefined && !known.has(dependency.vm)) {
        problems.push(unknownDependency(`"${vm.name}"`, dependency.vm, dependency.location));
      }
      connect(upstream, self, dependency.location);
    }
  }
  const successors: number[][] = names.map(() => []);
  for (const { from, to } of edges) successors[from]?.push(to);
  const cycle = shortestCycle(successors);
  if (cycle !== undefined) problems.push(cycleProblem(cycle, names, edges));
}

function unknownDependency(whose: string, what: string, location: Location): Diagnostic {
  return {
    code: 'plan.unknown-dependency',
    severity: 'error',
    message: `${whose} depends on "${what}", which is not part of the plan`,
    location,
  };
}

function cycleProblem(cycle: readonly number[], names: readonly string[], edges: readonly Edge[]): Diagnostic {
  const origins: Origin[] = [];
  // Edges lead from what comes first to what waits for it; people read "a waits for b".
  const waits = [...cycle].reverse();
  const steps: string[] = [];
  for (const [at, from] of waits.entries()) {
    const to = waits[(at + 1) % waits.length];
    const name = names[from] ?? '';
    if (steps.at(-1) !== name) steps.push(name);
    const edge = edges.find((candidate) => candidate.from === to && candidate.to === from);
    if (edge?.location !== undefined) {
      origins.push({ ...edge.location, note: `${name} waits for ${names[edge.from] ?? ''}` });
    }
  }
  if (steps.length > 1 && steps.at(-1) === steps[0]) steps.pop();
  const [first, ...others] = origins;
  return {
    code: 'plan.cycle',
    severity: 'error',
    message: `these wait for each other and could never start: ${[...steps, steps[0] ?? ''].join(' → ')}`,
    ...(first === undefined ? {} : { location: first }),
    ...(others.length === 0 ? {} : { origins: others }),
  };
}
