import { DroverError } from '../lib/error.js';
import type { LoadedPlaybook } from '../model/effective.js';
import type { TaskGraph } from '../model/graph.js';
import { selectableOf, selectVms } from '../playbook/index.js';
import type { Selectable, VmSelection } from '../playbook/index.js';
import type { Selection } from '../plan/index.js';
import type { Cli } from './context.js';
import { lastStates } from './vm-states.js';

export interface SelectionOptions {
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly from?: string;
  readonly until?: string;
  readonly limit?: number;
}

/** Throws `cli.usage` for what matches nothing. */
function select(
  from: Selectable,
  options: SelectionOptions,
  states: ReadonlyMap<string, string> | undefined,
): VmSelection {
  const checked = selectVms(from, {
    only: options.only ?? [],
    skip: options.skip ?? [],
    ...(states === undefined ? {} : { states }),
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.until === undefined ? {} : { until: options.until }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  });
  const [problem] = checked.diagnostics;
  if (checked.value !== undefined) return checked.value;
  throw new DroverError({
    code: 'cli.usage',
    message: problem?.message ?? 'the selection is not understood',
    ...(problem?.hint === undefined ? {} : { hint: problem.hint }),
  });
}

/** What the selectors of the command line mean for this playbook. Throws `cli.usage` for what matches nothing. */
export async function selectionOf(
  cli: Cli,
  stateDir: string,
  loaded: LoadedPlaybook,
  options: SelectionOptions,
): Promise<Selection> {
  const asksForStates = [...(options.only ?? []), ...(options.skip ?? [])].some((text) => text.includes('state:'));
  const states = asksForStates ? await lastStates(cli.host, stateDir, loaded.name) : undefined;
  return select(selectableOf(loaded), options, states);
}

/** What they mean for the stored plan of a run, whose machines are in these states. Throws like `selectionOf`. */
export function selectionOfRun(
  graph: TaskGraph,
  states: ReadonlyMap<string, string>,
  options: SelectionOptions,
): VmSelection {
  const from: Selectable = {
    what: 'run',
    waves: graph.waves.map((wave) => wave.name),
    sources: [...new Set(graph.vms.map((vm) => vm.source))],
    vms: graph.vms,
  };
  return select(from, options, states);
}
