/** The lines of the screen, as pure functions of the progress view. Widths count characters, not escape codes. */
import type { ProgressView, VmView, WaveView } from '../../report/index.js';
import { formatDuration, formatRate, formatSize } from '../../lib/units.js';
import { STAGES } from '../../model/stage.js';

const BAR_CELLS = 10;
/** At most this many machines get a line of their own; the others are counted. */
const VM_LINES = 24;

/** A bar such as `▕███████░░░▏`; never full before the stage really ended. */
export function bar(share: number): string {
  const filled = Math.max(0, Math.min(BAR_CELLS - (share < 1 ? 1 : 0), Math.round(share * BAR_CELLS)));
  return `▕${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}▏`;
}

/** Seven characters that say where a machine stands: done, cached, running, failed or still to come. */
export function stageStrip(vm: VmView): string {
  return STAGES.map((stage) => {
    const state = vm.stages[stage]?.state;
    if (state === 'running') return '▶';
    if (state === 'succeeded') return '●';
    if (state === 'cached') return '◌';
    if (state === 'failed') return '✖';
    if (state === 'skipped') return '⊘';
    return '·';
  }).join('');
}

/** Cuts a line to a width, marking the cut. */
export function fit(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Whether a machine's stage runs; between two stages it does not. */
function isWorking(vm: VmView): boolean {
  return vm.stage !== undefined && vm.stages[vm.stage]?.state === 'running';
}

/** `web01  ●●▶···· INSPECT ▕███░░░░░░░▏ 31% 142/200 GiB 212 MiB/s ETA 4m (try 2)` */
export function vmLine(vm: VmView, nameWidth: number, nowMs: number): string {
  const parts = [fit(vm.name, nameWidth).padEnd(nameWidth), stageStrip(vm)];
  if (vm.stage !== undefined && !isWorking(vm)) {
    const next = STAGES[STAGES.indexOf(vm.stage) + 1];
    return [...parts, next === undefined ? 'ending' : `… ${next} waits its turn`].join(' ');
  }
  parts.push((vm.stage ?? '').padEnd(8));
  const { progress } = vm;
  if (progress !== undefined && progress.totalBytes > 0) {
    const share = Math.min(0.999, progress.doneBytes / progress.totalBytes);
    parts.push(
      bar(share),
      `${Math.floor(share * 100)}%`.padStart(4),
      `${formatSize(progress.doneBytes)}/${progress.totalKind === 'upper-bound' ? '≤' : ''}${formatSize(progress.totalBytes)}`,
    );
    if (progress.rateBps !== undefined) parts.push(formatRate(progress.rateBps));
    if (progress.etaS !== undefined && progress.etaS >= 1) parts.push(`ETA ${formatDuration(progress.etaS * 1000)}`);
  } else {
    if (progress !== undefined) parts.push(progress.phase);
    const started = vm.stage === undefined ? undefined : vm.stages[vm.stage]?.startedMs;
    if (started !== undefined) parts.push(formatDuration(Math.max(0, nowMs - started)));
  }
  const attempt = vm.stage === undefined ? 1 : (vm.stages[vm.stage]?.attempt ?? 1);
  if (attempt > 1) parts.push(`(try ${attempt})`);
  return parts.join(' ');
}

/** `pilot  ✔ 3  ▶ 1  ◌ 2 cached  … 4 waiting  ✖ 1` */
export function waveLine(wave: WaveView): string {
  const { counts } = wave;
  const done = counts.succeeded + counts.degraded;
  const parts = [
    done > 0 ? `✔ ${done}` : '',
    counts.degraded > 0 ? `(${counts.degraded} with warnings)` : '',
    counts.running > 0 ? `▶ ${counts.running}` : '',
    counts.cached > 0 ? `◌ ${counts.cached} cached` : '',
    counts.waiting > 0 ? `… ${counts.waiting} waiting` : '',
    counts.failed > 0 ? `✖ ${counts.failed}` : '',
    counts.cancelled > 0 ? `■ ${counts.cancelled} cancelled` : '',
    counts.skipped > 0 ? `⊘ ${counts.skipped}` : '',
  ].filter((part) => part !== '');
  return `${wave.name}  ${parts.join('  ')}`;
}

/** How many lines of a wave's body fit. */
export function bodyRows(terminalRows: number, waves: number): number {
  return Math.max(1, Math.min(Math.min(terminalRows - 6, 40) - waves, VM_LINES));
}

/** The running machines of a wave, newest trouble last, cut to the rows there are. */
export function waveBody(wave: WaveView, rows: number, columns: number, nowMs: number): readonly string[] {
  const running = wave.vms.filter((vm) => vm.phase === 'running');
  const failed = wave.vms.filter((vm) => vm.phase === 'failed');
  const shown = running.slice(0, Math.max(1, rows - (failed.length > 0 ? 1 : 0) - (running.length > rows ? 1 : 0)));
  const nameWidth = Math.min(24, Math.max(0, ...shown.map((vm) => [...vm.name].length)));
  const lines = shown.map((vm) => vmLine(vm, nameWidth, nowMs));
  if (running.length > shown.length) lines.push(`… and ${running.length - shown.length} more running`);
  if (failed.length > 0) {
    lines.push(
      `✖ ${failed.map((vm) => `${vm.name}${vm.failedStage === undefined ? '' : ` (${vm.failedStage})`}`).join(', ')}`,
    );
  }
  return lines.map((line) => fit(line, columns));
}

/** `ETA 10m00s–20m00s, at 22:11–22:21 UTC, limited by local.disk`; empty when nothing is known. */
export function etaText(view: ProgressView): string {
  const { eta, etaAtMs } = view;
  if (eta === undefined || etaAtMs === undefined) return '';
  const clock = (seconds: number): string => new Date(etaAtMs + seconds * 1000).toISOString().slice(11, 16);
  const span = `ETA ${formatDuration(eta.p50s * 1000)}–${formatDuration(eta.p90s * 1000)}`;
  const limit = eta.limitedBy === undefined ? '' : `, limited by ${eta.limitedBy}`;
  return `${span}, at ${clock(eta.p50s)}–${clock(eta.p90s)} UTC${limit}`;
}

/** How long a cancelled run still waits for what runs, and what to press. */
function stoppingText(view: ProgressView, nowMs: number): string {
  if (!view.cancelling) return '';
  const left = Math.max(0, Math.ceil(((view.graceUntilMs ?? nowMs) - nowMs) / 1000));
  return `stopping, ${left} s left; press Ctrl-C again to force`;
}

/** Bytes under way, rate, pools in use, time left, and what to press. */
export function footer(view: ProgressView, nowMs: number): string {
  let rate = 0;
  for (const vm of view.vms.values()) {
    if (vm.phase === 'running' && isWorking(vm)) rate += vm.progress?.rateBps ?? 0;
  }
  const pools = Object.entries(view.pools)
    .filter(([, [used, capacity]]) => used > 0 && capacity > 0 && capacity < 1_000_000)
    .map(([name, [used, capacity]]) => `${name} ${used}/${capacity}`);
  const parts = [
    view.startedMs === undefined ? '' : formatDuration(nowMs - view.startedMs),
    rate > 0 ? formatRate(rate) : '',
    etaText(view),
    pools.join('  '),
    view.halted === undefined ? '' : `halted: ${view.halted}`,
    stoppingText(view, nowMs),
  ];
  return parts.filter((part) => part !== '').join('   ');
}
