import { extname, resolve } from 'node:path';
import { runPlan } from '../../engine/index.js';
import { hasErrors, Severity } from '../../lib/diagnostic.js';
import type { TaskGraph } from '../../model/graph.js';
import { blockers, concernsText, planSummaryText, willRun } from '../../plan/index.js';
import { confirmed } from '../ask.js';
import { compose, readPlan } from '../compose.js';
import type { Composition } from '../compose.js';
import type { Cli } from '../context.js';
import { printResult, stateDirOf } from '../context.js';
import { exitForDiagnostics, printDiagnostics } from '../diagnostics.js';
import { checkDrift } from '../drift.js';
import { execute } from '../execute.js';
import { Exit } from '../exit-codes.js';
import { composeOptions, verifyOption } from '../options.js';
import type { RendererName } from '../screen/index.js';
import { stageRunners } from '../stages.js';
import { storeDirOf } from '../store-dir.js';
import { VERSION } from '../version.js';

type Options = Readonly<Record<string, unknown>>;

async function fromPlaybook(cli: Cli, path: string, options: Options): Promise<Composition | number> {
  const composition = await compose(cli, [path], composeOptions(options));
  printDiagnostics(cli, composition.diagnostics, composition.texts, { all: options['allErrors'] === true });
  const strict = options['strict'] === true && composition.diagnostics.some((d) => d.severity === Severity.warning);
  const usable =
    composition.graph !== undefined && (!hasErrors(composition.diagnostics) || options['skipBlocked'] === true);
  if (!usable || strict)
    return exitForDiagnostics(composition.diagnostics, options['strict'] === true) || Exit.preflight;
  const blocking = blockers(composition.concerns);
  // What stops the run is said even to those who want to hear little.
  cli.err(concernsText(cli.options.quiet === true ? blocking : composition.concerns));
  if (blocking.length === 0) return composition;
  // The lock itself speaks when nothing else is wrong: `--break-lock` is for it, and it may be free by now.
  if (blocking.every((concern) => concern.id === 'preflight.vm-locked'))
    return options['breakLock'] === true ? composition : Exit.locked;
  return Exit.preflight;
}

/** `drover run`: compile, check, ask, execute, report. */
export async function run(cli: Cli, args: readonly string[], options: Options): Promise<number> {
  const path = args[0] ?? '';
  let graph: TaskGraph;
  let texts: ReadonlyMap<string, string> = new Map();
  let stateDir = await stateDirOf(cli);
  if (extname(path) === '.json') {
    graph = await readPlan(cli.host, resolve(cli.host.cwd, path));
    await checkDrift(cli, graph, options['acceptDrift'] === true);
  } else {
    const composition = await fromPlaybook(cli, path, options);
    if (typeof composition === 'number') return composition;
    if (composition.graph === undefined) return Exit.preflight;
    ({ graph, texts, stateDir } = composition);
  }
  const work = graph.nodes.filter(willRun);
  if (options['dryRun'] === true) {
    printResult(cli, graph, () => planSummaryText(graph));
    return Exit.ok;
  }
  if (work.length > 0 && options['yes'] !== true) {
    cli.err(planSummaryText(graph));
    const machines = new Set(work.map((node) => node.vmKey)).size;
    if (!(await confirmed(cli, `Run ${work.length} stages of ${machines} VM${machines === 1 ? '' : 's'}?`, false)))
      return Exit.ok;
  }
  const events = options['events'] as string | undefined;
  return execute(cli, {
    stateDir,
    graph,
    renderer: (options['renderer'] as RendererName | undefined) ?? 'auto',
    ...(events === undefined ? {} : { events }),
    start: async (control, onEvent) =>
      runPlan({
        host: cli.host,
        runners: await stageRunners(cli.host),
        stateDir,
        graph,
        control,
        onEvent,
        options: {
          version: VERSION,
          verify: verifyOption(options),
          breakLock: options['breakLock'] === true,
          scratchDir: storeDirOf(stateDir, graph.scratchDir),
          snapshot: [...texts].map(([name, text]) => ({ name, text })),
        },
      }),
  });
}
