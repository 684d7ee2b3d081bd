import { DroverError } from '../lib/error.js';
import { matchesGlob } from '../lib/glob.js';
import type { TaskGraph, TaskNode } from '../model/graph.js';
import { stageIndex } from '../model/stage.js';
import { stageOption } from './runs.js';

const KEYS = ['wave', 'vm', 'label', 'host', 'source', 'stage', 'state'];

/** One `--only` or `--skip` expression over the tasks of a stored plan: comma-joined terms that must all hold. */
function matcher(
  graph: TaskGraph,
  states: ReadonlyMap<string, string>,
  expression: string,
): (node: TaskNode) => boolean {
  const vms = new Map(graph.vms.map((vm) => [vm.vmKey, vm]));
  const terms = expression.split(',').map((term) => {
    const [key, value] = [term.slice(0, term.indexOf(':')), term.slice(term.indexOf(':') + 1)];
    if (!KEYS.includes(key) || value === '') {
      throw new DroverError({
        code: 'cli.usage',
        message: `${term} is no selector`,
        hint: `write one of ${KEYS.map((name) => `${name}:…`).join(', ')}`,
      });
    }
    return (node: TaskNode): boolean => {
      const vm = node.vmKey === undefined ? undefined : vms.get(node.vmKey);
      if (key === 'stage') return node.stage === value.toUpperCase();
      if (key === 'host') return node.host === value;
      if (vm === undefined) return false;
      if (key === 'state') return (states.get(vm.name) ?? 'pending') === value;
      if (key === 'wave') return vm.wave === value;
      if (key === 'vm') return matchesGlob(value, vm.name);
      if (key === 'source') return vm.source === value;
      const [label = '', want = ''] = value.split('=');
      return vm.labels[label] === want;
    };
  });
  return (node) => terms.every((term) => term(node));
}

/** Whether a task of a stored plan may run under the selectors of the command line. Tasks of no machine always may. */
export function allOf(
  graph: TaskGraph,
  states: ReadonlyMap<string, string>,
  options: Readonly<Record<string, unknown>>,
): (node: TaskNode) => boolean {
  const only = ((options['only'] as readonly string[] | undefined) ?? []).map((expression) =>
    matcher(graph, states, expression),
  );
  const skip = ((options['skip'] as readonly string[] | undefined) ?? []).map((expression) =>
    matcher(graph, states, expression),
  );
  const from = stageOption(options['from'], '--from');
  const until = stageOption(options['until'], '--until');
  const select = (node: TaskNode): boolean =>
    node.vmKey === undefined ||
    ((only.length === 0 || only.some((match) => match(node))) &&
      !skip.some((match) => match(node)) &&
      (node.stage === undefined ||
        ((from === undefined || stageIndex(node.stage) >= stageIndex(from)) &&
          (until === undefined || stageIndex(node.stage) <= stageIndex(until)))));
  if (only.length > 0 && !graph.nodes.some((node) => node.vmKey !== undefined && select(node))) {
    throw new DroverError({
      code: 'cli.usage',
      message: 'the selection matches nothing in this run',
      hint: '`drover status` names the machines',
    });
  }
  return select;
}
