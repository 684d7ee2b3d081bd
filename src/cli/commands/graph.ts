import { extname, resolve } from 'node:path';
import { hasErrors } from '../../lib/diagnostic.js';
import type { TaskGraph } from '../../model/graph.js';
import { graphDot, graphJson, graphMermaid } from '../../plan/index.js';
import type { GraphOptions } from '../../plan/index.js';
import { compose, readPlan } from '../compose.js';
import type { Cli } from '../context.js';
import { exitForDiagnostics, printDiagnostics } from '../diagnostics.js';
import { Exit } from '../exit-codes.js';
import { composeOptions } from '../options.js';

/** `drover graph`: the tasks of a playbook or of a saved plan as DOT, Mermaid or JSON. */
export async function graph(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const path = args[0] ?? '';
  let plan: TaskGraph | undefined;
  if (extname(path) === '.json') plan = await readPlan(cli.host, resolve(cli.host.cwd, path));
  else {
    const composition = await compose(cli, [path], composeOptions(options));
    printDiagnostics(cli, composition.diagnostics, composition.texts, { all: options['allErrors'] === true });
    if (hasErrors(composition.diagnostics)) return exitForDiagnostics(composition.diagnostics, false);
    plan = composition.graph;
  }
  if (plan === undefined) return Exit.preflight;
  const drawing: GraphOptions = {
    level: options['level'] as NonNullable<GraphOptions['level']>,
    criticalPath: options['criticalPath'] === true,
  };
  const draw = { dot: graphDot, mermaid: graphMermaid, json: graphJson };
  const format = cli.options.json === true ? 'json' : (options['format'] as keyof typeof draw);
  cli.out(draw[format](plan, drawing));
  return Exit.ok;
}
