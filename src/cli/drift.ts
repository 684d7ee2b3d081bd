import { resolve } from 'node:path';
import { sha256 } from '../lib/canonical-json.js';
import { DroverError } from '../lib/error.js';
import { YAML_LIMITS } from '../lib/yaml-limits.js';
import type { TaskGraph } from '../model/graph.js';
import { diskFiles } from '../model/vm.js';
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
      for (const file of diskFiles(disk)) {
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

/**
 * How the text of a playbook differs from what a stored plan was made of, a line for each file. A stored plan is not
 * changed by it.
 * @param cwd where the run was started
 */
export async function playbookDrift(cli: Cli, graph: TaskGraph, cwd = cli.host.cwd): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { file, sha256: digest } of graph.playbookDigests) {
    const path = resolve(cwd, file);
    if ((await cli.host.files.stat(path)) === undefined) lines.push(`${file} is not here any more`);
    else if (sha256(await cli.host.files.read(path, YAML_LIMITS.bytes)) !== digest)
      lines.push(`${file} was changed since the run started`);
  }
  return lines.length === 0 ? [] : [...lines, 'going on with the stored plan; `--replan` takes the new text'];
}
