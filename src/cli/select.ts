import { DroverError } from '../lib/error.js';
import type { LoadedPlaybook } from '../model/effective.js';
import { selectVms } from '../playbook/index.js';
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

/** What the selectors of the command line mean for this playbook. Throws `cli.usage` for what matches nothing. */
export async function selectionOf(
  cli: Cli,
  stateDir: string,
  loaded: LoadedPlaybook,
  options: SelectionOptions,
): Promise<Selection> {
  const asksForStates = [...(options.only ?? []), ...(options.skip ?? [])].some((text) => text.includes('state:'));
  const states = asksForStates ? await lastStates(cli.host, stateDir, loaded.name) : undefined;
  const checked = selectVms(loaded, {
    only: options.only ?? [],
    skip: options.skip ?? [],
    ...(states === undefined ? {} : { states }),
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.until === undefined ? {} : { until: options.until }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  });
  const [problem] = checked.diagnostics;
  if (checked.value === undefined) {
    throw new DroverError({
      code: 'cli.usage',
      message: problem?.message ?? 'the selection is not understood',
      ...(problem?.hint === undefined ? {} : { hint: problem.hint }),
    });
  }
  return checked.value;
}
