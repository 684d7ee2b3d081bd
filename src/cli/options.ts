/** Options of the command line as the rooms want them: what was not said is absent. */
import type { VerifyLevel } from '../engine/index.js';
import type { ComposeOptions } from './compose.js';
import type { PlaybookOptions } from './playbook-files.js';
import { stageOption, stageOptions } from './runs.js';
import type { RendererName } from './screen/index.js';
import type { SelectionOptions } from './select.js';

export type Options = Readonly<Record<string, unknown>>;

/** Options that say which machines and stages are meant. */
export const SELECTORS = [
  'only',
  'skip',
  'from',
  'until',
  'limit',
] as const satisfies readonly (keyof SelectionOptions)[];
/** Options that decide what a plan is; kept with the run, so that it can be planned again. */
export const PLAN_OPTIONS: readonly string[] = ['set', 'strict', 'allowOutsideRoot', ...SELECTORS, 'skipBlocked'];

export function playbookOptions(options: Options): PlaybookOptions {
  const set = options['set'] as readonly string[] | undefined;
  return {
    ...(set === undefined ? {} : { set }),
    strict: options['strict'] === true,
    allowOutsideRoot: options['allowOutsideRoot'] === true,
  };
}

export function selectionOptions(options: Options): SelectionOptions {
  const from = stageOption(options['from'], '--from');
  const until = stageOption(options['until'], '--until');
  const only = options['only'] as readonly string[] | undefined;
  const skip = options['skip'] as readonly string[] | undefined;
  const limit = options['limit'] as number | undefined;
  return {
    ...(only === undefined ? {} : { only }),
    ...(skip === undefined ? {} : { skip }),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    ...(limit === undefined ? {} : { limit }),
  };
}

export function verifyOption(options: Options): VerifyLevel {
  return (options['verify'] as VerifyLevel | undefined) ?? 'sampled';
}

export function composeOptions(options: Options): ComposeOptions {
  const force = stageOptions(options['force'], '--force');
  return {
    ...playbookOptions(options),
    ...selectionOptions(options),
    ...(force.length === 0 ? {} : { force }),
    verify: verifyOption(options),
    skipBlocked: options['skipBlocked'] === true,
  };
}

/** How progress is shown, and where else events go. */
export function screenOptions(options: Options): { readonly renderer: RendererName; readonly events?: string } {
  const events = options['events'] as string | undefined;
  return {
    renderer: (options['renderer'] as RendererName | undefined) ?? 'auto',
    ...(events === undefined ? {} : { events }),
  };
}
