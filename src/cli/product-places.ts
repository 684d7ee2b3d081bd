/** Which machines of a plan would put their products where none may be. */
import { dirname } from 'node:path';
import type { Host } from '../host/index.js';
import type { PlannedVm, TaskGraph } from '../model/graph.js';
import { systemFolder } from '../playbook/index.js';
import { sourceFiles } from '../plan/index.js';
import { placeProblem } from '../stages/index.js';

/** Says for a machine why its products cannot go where they should; undefined when they can. */
export function placeCheck(host: Host, graph: TaskGraph): (vm: PlannedVm) => Promise<string | undefined> {
  const sources = new Set(graph.vms.flatMap((vm) => sourceFiles(vm.description)).map((file) => dirname(file)));
  const objection = (real: string): string | undefined => {
    const system = systemFolder(real);
    if (system !== undefined) return `lies in ${system}, which belongs to the operating system`;
    for (let dir = real; ; dir = dirname(dir)) {
      if (sources.has(dir)) return `lies in ${dir}, which holds source files`;
      if (dirname(dir) === dir) return undefined;
    }
  };
  return (vm) => placeProblem(host.files, vm.outDir, objection);
}
