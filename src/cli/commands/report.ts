import { resolve } from 'node:path';
import { reportHtml, reportMarkdown } from '../../report/index.js';
import type { Cli } from '../context.js';
import { Exit } from '../exit-codes.js';
import { reportOf } from '../finish.js';
import { findRun } from '../runs.js';
import { readScreenshots } from '../screenshots.js';

/** `drover report`: made from the journal and the store, whether the run ended or not. */
export async function report(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { stateDir, run } = await findRun(cli, args[0]);
  const made = await reportOf(cli.host, stateDir, run.runId);
  const format = cli.options.json === true ? 'json' : options['format'];
  const text =
    format === 'json'
      ? `${JSON.stringify(made, null, 2)}\n`
      : format === 'html'
        ? reportHtml(made, { screenshots: await readScreenshots(cli.host, made) })
        : reportMarkdown(made);
  const output = options['output'] as string | undefined;
  if (output === undefined) cli.out(cli.host.redactor.redact(text));
  else {
    const path = resolve(cli.host.cwd, output);
    await cli.host.files.writeAtomic(path, cli.host.redactor.redact(text), 0o600);
    cli.err(`wrote ${path}\n`);
  }
  return Exit.ok;
}
