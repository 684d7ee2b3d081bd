import { cleanState } from '../../engine/index.js';
import { DroverError } from '../../lib/error.js';
import { formatSize, parseDuration } from '../../lib/units.js';
import type { Cli } from '../context.js';
import { printResult, stateDirOf } from '../context.js';
import { Exit } from '../exit-codes.js';
import { findRun } from '../runs.js';

/** `drover clean`: frees space in the state folder. Products are never touched. */
export async function clean(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const stateDir = args[0] === undefined ? await stateDirOf(cli) : (await findRun(cli, args[0])).stateDir;
  const runId = args[0] === undefined ? undefined : (await findRun(cli, args[0])).run.runId;
  const age = options['olderThan'] as string | undefined;
  const olderThanMs = age === undefined ? undefined : parseDuration(age);
  if (age !== undefined && olderThanMs === undefined) {
    throw new DroverError({
      code: 'cli.usage',
      message: `--older-than: ${age} is no time span`,
      hint: 'write 12h, 30d or the like',
    });
  }
  const dryRun = options['dryRun'] === true;
  const result = await cleanState({
    host: cli.host,
    stateDir,
    what: options['all'] === true ? 'all' : 'intermediates',
    dryRun,
    ...(runId === undefined ? {} : { runId }),
    ...(olderThanMs === undefined ? {} : { olderThanMs }),
  });
  printResult(cli, result, () =>
    [
      ...result.removed.map(
        (item) => `${dryRun ? 'would remove' : 'removed'} ${item.path} (${formatSize(item.bytes)})`,
      ),
      ...result.kept.map((item) => `kept ${item.path}: ${item.why}`),
      `${dryRun ? 'would free' : 'freed'} ${formatSize(result.bytes)}`,
      '',
    ].join('\n'),
  );
  return Exit.ok;
}
