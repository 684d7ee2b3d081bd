import { resolve } from 'node:path';
import { listRuns, readRun } from '../../engine/index.js';
import { hasErrors, Severity } from '../../lib/diagnostic.js';
import type { TaskGraph } from '../../model/graph.js';
import { planToJson } from '../../model/plan-json.js';
import { blockers, planDiff, planDiffText, planSummaryMarkdown, planSummaryText, willRun } from '../../plan/index.js';
import { compose, readPlan } from '../compose.js';
import type { Cli } from '../context.js';
import { exitForDiagnostics, printDiagnostics } from '../diagnostics.js';
import { Exit } from '../exit-codes.js';
import { composeOptions } from '../options.js';
import { findRun } from '../runs.js';

/** The plan to compare with: a saved one, a run, or the newest run. */
async function oldPlan(cli: Cli, stateDir: string, name: string): Promise<TaskGraph | undefined> {
  if (name.endsWith('.json')) return readPlan(cli.host, resolve(cli.host.cwd, name));
  if (name !== 'last') return (await readRun(cli.host, stateDir, (await findRun(cli, name)).run.runId)).graph;
  const newest = (await listRuns(cli.host, stateDir)).at(-1);
  return newest === undefined ? undefined : (await readRun(cli.host, stateDir, newest.runId)).graph;
}

/** `drover plan`: what would run, and why. Changes nothing but the file named with `-o`. */
export async function plan(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const composition = await compose(cli, [args[0] ?? ''], composeOptions(options));
  const strict = options['strict'] === true;
  printDiagnostics(cli, composition.diagnostics, composition.texts, { all: options['allErrors'] === true });
  const { graph } = composition;
  if (
    graph === undefined ||
    hasErrors(composition.diagnostics) ||
    (strict && composition.diagnostics.some((d) => d.severity === Severity.warning))
  ) {
    return exitForDiagnostics(composition.diagnostics, strict) || Exit.preflight;
  }
  // A file or a pipe takes lines of any length: only a terminal cuts what it could not show.
  const columns = process.stdout.isTTY ? process.stdout.columns || 80 : Number.MAX_SAFE_INTEGER;
  const summary = { concerns: composition.concerns, columns };
  const output = options['output'] as string | undefined;
  if (output !== undefined) {
    const path = resolve(cli.host.cwd, output);
    await cli.host.files.writeAtomic(path, planToJson(graph), 0o600);
    cli.err(`wrote ${path}\n`);
  }
  const diff = options['diff'] as string | undefined;
  if (diff !== undefined) {
    const old = await oldPlan(cli, composition.stateDir, diff);
    if (old === undefined) cli.err('there is no earlier run to compare with\n');
    else if (cli.options.json === true) cli.out(`${JSON.stringify(planDiff(old, graph), null, 2)}\n`);
    else cli.out(planDiffText(planDiff(old, graph)));
  } else if (cli.options.json === true || options['format'] === 'json') cli.out(planToJson(graph));
  else cli.out(options['format'] === 'md' ? planSummaryMarkdown(graph, summary) : planSummaryText(graph, summary));
  if (blockers(composition.concerns).length > 0) return Exit.preflight;
  return options['detailedExitcode'] === true && graph.nodes.some(willRun) ? Exit.workToDo : Exit.ok;
}
