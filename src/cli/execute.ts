/** Runs or resumes a plan with a screen, signals and reports around it: what `run` and `resume` share. */
import { createRunControl } from '../engine/index.js';
import type { RunControl, RunResult } from '../engine/index.js';
import { DroverError } from '../lib/error.js';
import type { RunEvent } from '../model/event.js';
import type { TaskGraph } from '../model/graph.js';
import type { RunReport } from '../model/report.js';
import { createProgressView, runSummaryText } from '../report/index.js';
import type { Cli } from './context.js';
import { printResult } from './context.js';
import { openEventSink } from './event-sink.js';
import { reportOf, writeReports } from './finish.js';
import { openScreen } from './screen/index.js';
import type { RendererName } from './screen/index.js';
import { bindSignals } from './signals.js';

export interface ExecuteOptions {
  readonly stateDir: string;
  readonly graph: TaskGraph;
  readonly renderer: RendererName;
  /** Value of `--events`. */
  readonly events?: string;
  /** Earlier events of the run, so that a resumed run shows what is done already. */
  readonly earlier?: readonly RunEvent[];
  start(control: RunControl, onEvent: (event: RunEvent) => void): Promise<RunResult>;
}

/** Returns the exit code. The engine does the same whatever the screen is. */
export async function execute(cli: Cli, options: ExecuteOptions): Promise<number> {
  const control = createRunControl();
  const view = createProgressView('', options.graph);
  for (const event of options.earlier ?? []) view.apply(event);
  const screen = openScreen(cli, options.renderer, view);
  const sink = await openEventSink(cli, options.events);
  let isRunning = true;
  const signals = bindSignals(
    control,
    (text) => {
      if (isRunning) screen.notice(text);
    },
    () => {
      screen.drop();
      control.hangup();
    },
  );
  try {
    const result = await options.start(control, (event) => {
      view.apply(event);
      sink.write(event);
      screen.onEvent(event);
    });
    isRunning = false;
    await screen.end();
    // A second Ctrl-C that comes now must not end the process before the report tells how the run ended.
    return await conclude(cli, options.stateDir, result);
  } finally {
    if (isRunning) await screen.end();
    await sink.close();
    signals.release();
  }
}

/** Writes the reports of a run that has ended and says how it went. Returns the exit code. */
async function conclude(cli: Cli, stateDir: string, result: RunResult): Promise<number> {
  if (result.error !== undefined) {
    cli.err(
      `error ${result.error.code}: ${result.error.message}\n  hint: ${result.error.hint}\n  journal: ${result.runDir}/journal.ndjson\n`,
    );
  }
  let report: RunReport | undefined;
  try {
    report = await reportOf(cli.host, stateDir, result.runId);
    await writeReports(cli.host, report);
  } catch (error) {
    // A full disk must not hide how the run itself ended.
    const text = error instanceof DroverError ? `${error.code}: ${error.message}` : String(error);
    cli.err(`the report could not be written: ${text}\n`);
  }
  if (report !== undefined && cli.options.quiet !== true) cli.err(runSummaryText(report));
  if (cli.options.json === true) {
    printResult(
      cli,
      report ?? { run: { id: result.runId, dir: result.runDir, outcome: result.outcome, exitCode: result.exitCode } },
      () => '',
    );
  }
  return result.exitCode;
}
