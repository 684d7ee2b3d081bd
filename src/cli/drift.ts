import { DroverError } from '../lib/error.js';
import type { TaskGraph } from '../model/graph.js';
import { factsDrift } from '../plan/index.js';
import { TOOL_NAMES } from '../host/index.js';
import type { Cli } from './context.js';
import { acceleratorOf } from './host-facts.js';

/** Compares this machine and the sources with what a saved plan rests on. Throws `cli.drift` unless differences are accepted. */
export async function checkDrift(cli: Cli, graph: TaskGraph, accept: boolean): Promise<void> {
  const now: Record<string, string> = {};
  for (const fact of Object.keys(graph.factsUsed)) {
    const tool = TOOL_NAMES.find((name) => fact === `tool.${name}`);
    if (tool !== undefined) now[fact] = (await cli.host.toolVersion(tool)) ?? 'missing';
    else if (fact === 'host.kvm')
      now[fact] = (await acceleratorOf(cli.host)).accelerator === 'kvm' ? 'usable' : 'not usable';
    else now[fact] = graph.factsUsed[fact] ?? '';
  }
  const changed = factsDrift(graph.factsUsed, now).map(
    ({ fact, planned, now: found }) => `${fact}: planned ${planned}, now ${found}`,
  );
  for (const vm of graph.vms) {
    for (const disk of vm.description.disks) {
      const files =
        disk.location.kind === 'file'
          ? disk.location.chain
          : disk.location.kind === 'archive'
            ? disk.location.files
            : [];
      for (const file of files) {
        const facts = await cli.host.files.stat(file.path);
        if (facts === undefined) changed.push(`${vm.name}: ${file.path} is gone`);
        else if (facts.sizeBytes !== file.sizeBytes || facts.mtimeNs !== file.mtimeNs)
          changed.push(`${vm.name}: ${file.path} was changed`);
      }
    }
  }
  if (changed.length === 0) return;
  if (accept) {
    for (const line of changed) cli.err(`accepted: ${line}\n`);
    return;
  }
  throw new DroverError({
    code: 'cli.drift',
    message: `the saved plan no longer fits:\n  ${changed.slice(0, 20).join('\n  ')}`,
    details: { changed },
  });
}
