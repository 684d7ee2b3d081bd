import { extname, resolve } from 'node:path';
import { runPlan } from '../../engine/index.js';
import { hasErrors, Severity } from '../../lib/diagnostic.js';
import type { TaskGraph } from '../../model/graph.js';
import { blockers, concernsText, planSummaryText, willRun } from '../../plan/index.js';
import type { Concern } from '../../plan/index.js';
import { confirmed } from '../ask.js';
import { checkSavedPlan, compose, readPlan } from '../compose.js';
import type { LeftOut } from '../compose.js';
import type { Cli } from '../context.js';
import { printResult, stateDirOf } from '../context.js';
import { exitForDiagnostics, printDiagnostics } from '../diagnostics.js';
import { checkDrift } from '../drift.js';
import { execute } from '../execute.js';
import { Exit } from '../exit-codes.js';
import { composeOptions, PLAN_OPTIONS, screenOptions, verifyOption } from '../options.js';
import type { Options } from '../options.js';
import { stageRunners } from '../stages.js';
import { storeDirOf } from '../store-dir.js';
import { VERSION } from '../version.js';

/** What is to be run, or the exit code of what is in its way. */
interface ToRun {
  readonly graph: TaskGraph;
  readonly texts: ReadonlyMap<string, string>;
  readonly concerns: readonly Concern[];
  readonly blocked: readonly LeftOut[];
}

async function fromPlaybook(cli: Cli, paths: readonly string[], options: Options): Promise<ToRun | number> {
  const composition = await compose(cli, paths, composeOptions(options));
  printDiagnostics(cli, composition.diagnostics, composition.texts, { all: options['allErrors'] === true });
  const strict = options['strict'] === true && composition.diagnostics.some((d) => d.severity === Severity.warning);
  const { graph } = composition;
  const isUsable = !hasErrors(composition.diagnostics) || options['skipBlocked'] === true;
  if (graph === undefined || !isUsable || strict)
    return exitForDiagnostics(composition.diagnostics, options['strict'] === true) || Exit.preflight;
  return { ...composition, graph };
}

async function fromSavedPlan(cli: Cli, path: string, options: Options): Promise<ToRun> {
  const graph = await readPlan(cli.host, resolve(cli.host.cwd, path));
  await checkDrift(cli, graph, options['acceptDrift'] === true);
  const checked = await checkSavedPlan(cli, graph, { skipBlocked: options['skipBlocked'] === true });
  return { ...checked, texts: new Map() };
}

/** Says what preflight found. Returns the exit code when it stops the run. */
function stoppedBy(cli: Cli, { concerns, blocked }: ToRun, options: Options): number | undefined {
  for (const { name, why } of blocked) cli.err(`left out: ${name}: ${why}\n`);
  const blocking = blockers(concerns);
  // What stops the run is said even to those who want to hear little.
  cli.err(concernsText(cli.options.quiet === true ? blocking : concerns));
  if (blocking.length === 0) return undefined;
  // The lock itself speaks when nothing else is wrong: `--break-lock` is for it, and it may be free by now.
  if (blocking.every((concern) => concern.id === 'preflight.vm-locked'))
    return options['breakLock'] === true ? undefined : Exit.locked;
  return Exit.preflight;
}

/** `drover run`: compile, check, ask, execute, report. */
export async function run(cli: Cli, args: readonly string[], options: Options): Promise<number> {
  const isSaved = args.length === 1 && extname(args[0] ?? '') === '.json';
  const toRun = isSaved ? await fromSavedPlan(cli, args[0] ?? '', options) : await fromPlaybook(cli, args, options);
  if (typeof toRun === 'number') return toRun;
  const stop = stoppedBy(cli, toRun, options);
  if (stop !== undefined) return stop;
  const { graph, texts } = toRun;
  const stateDir = await stateDirOf(cli);
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
  return execute(cli, {
    stateDir,
    graph,
    ...screenOptions(options),
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
          invocation: {
            cwd: cli.host.cwd,
            playbooks: isSaved ? [] : args.map((path) => resolve(cli.host.cwd, path)),
            options: Object.fromEntries(
              PLAN_OPTIONS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
            ),
          },
          scratchDir: storeDirOf(stateDir, graph.scratchDir),
          snapshot: [...texts].map(([name, text]) => ({ name, text })),
        },
      }),
  });
}
