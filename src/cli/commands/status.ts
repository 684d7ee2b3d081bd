import { listRuns, readEvents, readRun } from '../../engine/index.js';
import type { RunView, WaitingTask } from '../../engine/index.js';
import { formatDuration } from '../../lib/units.js';
import { STAGES } from '../../model/stage.js';
import { createProgressView } from '../../report/index.js';
import type { ProgressView, VmView } from '../../report/index.js';
import type { Cli } from '../context.js';
import { printResult, stateDirOf } from '../context.js';
import { Exit } from '../exit-codes.js';
import { runListText } from '../run-list.js';
import { findRun, noVm } from '../runs.js';
import { etaText, stageStrip, vmLine, waveLine } from '../screen/lines.js';
import { waitText } from '../wait-text.js';

const WATCH_MS = 1000;
const SHOWN = 20;

async function load(
  cli: Cli,
  stateDir: string,
  runId: string,
): Promise<{ readonly run: RunView; readonly view: ProgressView }> {
  const run = await readRun(cli.host, stateDir, runId);
  const view = createProgressView(run.runId, run.graph);
  for (const event of await readEvents(cli.host, run.dir)) view.apply(event);
  return { run, view };
}

function failureLines(vm: VmView, runId: string): readonly string[] {
  return [
    `  ✖ ${vm.name} ${vm.failedStage ?? ''}  ${vm.error?.class ?? ''} ${vm.error?.code ?? ''} ${vm.error?.message ?? ''}`,
    `      hint: ${vm.error?.hint ?? 'see the log'}`,
    `      drover logs ${runId} --vm ${vm.name}${vm.failedStage === undefined ? '' : ` --stage ${vm.failedStage}`}`,
  ];
}

/** Waiting reasons with how many machines each holds back, most first. */
function waitingCounts(waiting: readonly WaitingTask[]): string {
  const counts = new Map<string, number>();
  for (const task of waiting)
    counts.set(waitText(task.reason, true), (counts.get(waitText(task.reason, true)) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([text, count]) => `${count} ${text}`)
    .join('   ');
}

function statusText(
  { run, view }: { readonly run: RunView; readonly view: ProgressView },
  now: number,
  why: boolean,
): string {
  const state = run.active ? (view.cancelling ? 'stopping' : 'running') : (run.outcome ?? 'interrupted');
  const end = run.endedAt === undefined ? now : Date.parse(run.endedAt);
  const eta = run.active ? etaText(view) : '';
  const vms = [...view.vms.values()];
  const running = run.active ? vms.filter((vm) => vm.phase === 'running') : [];
  const failed = vms.filter((vm) => vm.phase === 'failed');
  const isUndone = vms.some((vm) => vm.phase === 'failed' || vm.phase === 'cancelled');
  const keyOf = new Map(run.graph.nodes.map((node) => [node.id, node.key]));
  const width = Math.max(0, ...running.map((vm) => vm.name.length));
  return [
    `run ${run.runId}  ${run.playbook}  ${state} ${formatDuration(end - Date.parse(run.startedAt))}   plan ${run.planHash.slice(0, 8)}…${eta === '' ? '' : `  ${eta}`}`,
    ...view.waves.map((wave) => waveLine(wave)),
    ...running.slice(0, SHOWN).map((vm) => `  ▶ ${vmLine(vm, width, now)}`),
    ...(run.waiting.length > 0 && !why ? [`  waiting: ${waitingCounts(run.waiting)}`] : []),
    ...(why ? run.waiting.map((task) => `  … ${task.key}: ${waitText(task.reason, false, keyOf)}`) : []),
    ...failed.slice(0, SHOWN).flatMap((vm) => failureLines(vm, run.runId)),
    ...run.notices.map((notice) => `  note: ${notice}`),
    ...(!run.active && (isUndone || run.outcome === undefined || run.outcome === 'cancelled')
      ? [`  next: drover resume ${run.runId}`]
      : []),
    '',
  ].join('\n');
}

function vmText(vm: VmView, run: RunView): string {
  const rows = STAGES.map((stage) => {
    const known = vm.stages[stage];
    const took = known?.seconds === undefined ? '' : formatDuration(known.seconds * 1000);
    return `  ${stage.padEnd(9)} ${(known?.state ?? 'pending').padEnd(10)} ${took}${(known?.attempt ?? 1) > 1 ? ` (try ${known?.attempt})` : ''}`;
  });
  return [
    `${vm.name}  ${stageStrip(vm)}  ${vm.phase}  (run ${run.runId})`,
    ...rows,
    ...(vm.phase === 'failed' ? failureLines(vm, run.runId) : []),
    '',
  ].join('\n');
}

function findVm(view: ProgressView, name: string): VmView {
  const vms = [...view.vms.values()];
  const vm = vms.find((candidate) => candidate.name === name || candidate.vmKey === name);
  return (
    vm ??
    noVm(
      view.run,
      vms.map((candidate) => candidate.name),
      name,
    )
  );
}

/** `drover status`: drawn from the journal, so that it tells the same whether the run lives or not. */
export async function status(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  if (options['all'] === true) {
    const runs = await listRuns(cli.host, await stateDirOf(cli));
    printResult(cli, runs, () => runListText(runs));
    return Exit.ok;
  }
  const { stateDir, run } = await findRun(cli, args[0]);
  const vmName = options['vm'] as string | undefined;
  for (;;) {
    const loaded = await load(cli, stateDir, run.runId);
    const vm = vmName === undefined ? undefined : findVm(loaded.view, vmName);
    const json = {
      run: { ...loaded.run, graph: undefined, status: undefined },
      counts: loaded.view.counts,
      vms: vm === undefined ? [...loaded.view.vms.values()] : [vm],
    };
    const watching = options['watch'] === true && loaded.run.active;
    printResult(cli, json, () => {
      const text =
        vm === undefined ? statusText(loaded, cli.host.clock.now(), options['why'] === true) : vmText(vm, loaded.run);
      return watching && process.stdout.isTTY ? `\u001b[H\u001b[2J${text}` : text;
    });
    if (!watching) return Exit.ok;
    await cli.host.clock.sleep(WATCH_MS);
  }
}
