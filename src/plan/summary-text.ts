import { markdownTable, markdownText, padText, plainText, textTable, truncateText } from '../lib/text-table.js';
import type { Column } from '../lib/text-table.js';
import { formatDuration, formatSize } from '../lib/units.js';
import type { Concern } from '../model/concern.js';
import type { TaskGraph } from '../model/graph.js';
import { MARK_LEGEND } from './marks.js';
import { planSummary } from './summary.js';
import type { PlanSummary, VmSummary } from './summary.js';

export interface SummaryOptions {
  readonly concerns?: readonly Concern[];
  /** Machines listed at most; those with something to say come first when there are more. @default 40 */
  readonly maxVms?: number;
  /** Columns of the terminal; longer lines are cut. @default 120 */
  readonly columns?: number;
}

const HASH_DIGITS = 12;
const MAX_PATH = 8;
const WAVE_COLUMNS: readonly Column[] = [
  { head: 'wave' },
  { head: 'VMs', align: 'right' },
  { head: 'to move', align: 'right' },
  { head: 'expected', align: 'right' },
  { head: 'cautious', align: 'right' },
  { head: 'limited by' },
];
const POOL_COLUMNS: readonly Column[] = [
  { head: 'pool' },
  { head: 'peak', align: 'right' },
  { head: 'limit', align: 'right' },
  { head: 'busy', align: 'right' },
];

/** The plan as a terminal shows it. */
export function planSummaryText(graph: TaskGraph, options: SummaryOptions = {}): string {
  const summary = planSummary(graph, options.concerns);
  const columns = options.columns ?? 120;
  const parts = [
    `plan ${summary.planHash.slice(0, HASH_DIGITS)}  ${plainText(summary.playbook)}  ${countsText(summary)}\n` +
      `made by ${plainText(summary.createdBy)} from ${summary.files.map(plainText).join(', ')}\n`,
    textTable(WAVE_COLUMNS, waveRows(summary)),
    vmLines(summary, options.maxVms ?? 40, columns),
  ];
  if (summary.counts.run > 0) {
    parts.push(textTable(POOL_COLUMNS, poolRows(summary)));
    parts.push(`longest chain (${seconds(chainSeconds(graph, summary))}): ${pathText(summary.criticalPath)}\n`);
  }
  if (summary.warnings.length > 0)
    parts.push(summary.warnings.map((d) => `warning ${d.code}: ${plainText(d.message)}\n`).join(''));
  if (summary.concerns.length > 0) parts.push(concernsText(summary.concerns));
  parts.push(`Next:\n${summary.next.map((command) => `  ${plainText(command)}\n`).join('')}`);
  return parts.join('\n');
}

function countsText({ counts }: PlanSummary): string {
  const { vms, stages, run, cached, skipped } = counts;
  const what = [`${run} to run`, `${cached} cached`, ...(skipped > 0 ? [`${skipped} skipped`] : [])].join(', ');
  return `${vms} machine${vms === 1 ? '' : 's'}, ${stages} stages: ${what}`;
}

function waveRows(summary: PlanSummary): string[][] {
  const rows = summary.forecast.waves.map((wave) => {
    const vms = summary.vms.filter((vm) => vm.wave === wave.wave).length;
    const limit = wave.limitedBy ?? (wave.p50s === 0 ? '' : 'its longest machine');
    return [wave.wave, String(vms), size(wave.bytes), seconds(wave.p50s), seconds(wave.p90s), limit];
  });
  if (rows.length < 2) return rows;
  const { p50s, p90s, limitedBy } = summary.forecast;
  const bytes = summary.forecast.waves.reduce((sum, wave) => sum + wave.bytes, 0);
  return [...rows, ['all', String(summary.counts.vms), size(bytes), seconds(p50s), seconds(p90s), limitedBy ?? '']];
}

function poolRows(summary: PlanSummary): string[][] {
  return summary.forecast.pools
    .filter(({ peak }) => peak > 0)
    .map(({ pool, peak, limit, busy }) => {
      const units = pool.endsWith('.scratch') ? size : String;
      return [pool, units(peak), units(limit), `${Math.round(busy * 100)}%`];
    });
}

/** Machines in plan order; when there are too many, those that differ from the common case come before the others. */
function vmLines(summary: PlanSummary, max: number, columns: number): string {
  const all = summary.vms;
  const shown =
    all.length <= max ? all : [...all].sort((a, b) => Number(b.why !== '') - Number(a.why !== '')).slice(0, max);
  const width = Math.min(32, Math.max(0, ...shown.map((vm) => vm.name.length)));
  const lines = [`${MARK_LEGEND}\n`];
  let wave: string | undefined;
  for (const vm of shown) {
    if (vm.wave !== wave) lines.push(`${plainText(vm.wave)}\n`);
    wave = vm.wave;
    lines.push(`${truncateText(vmLine(vm, width), columns).trimEnd()}\n`);
  }
  if (shown.length < all.length) {
    const rest = all.filter((vm) => !shown.includes(vm));
    lines.push(`  … and ${rest.length} more: ${stripCounts(rest)}\n`);
  }
  return lines.join('');
}

function vmLine(vm: VmSummary, width: number): string {
  const name = padText(truncateText(plainText(vm.name), width), width);
  return `  ${name}  ${vm.strip}  ${padText(size(vm.bytes), 9, 'right')}  ${plainText(vm.why)}`;
}

function stripCounts(vms: readonly VmSummary[]): string {
  const counts = new Map<string, number>();
  for (const { strip } of vms) counts.set(strip, (counts.get(strip) ?? 0) + 1);
  return [...counts]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([strip, count]) => `${count} × ${strip}`)
    .join(', ');
}

/** Concerns for people, the worst first, each with what it is about, the evidence and the remedy. */
export function concernsText(concerns: readonly Concern[]): string {
  return concerns.map(concernLine).join('');
}

function concernLine(concern: Concern): string {
  const waived = concern.waived === undefined ? '' : ` (waived: ${plainText(concern.waived.reason)})`;
  const mark =
    concern.category === 'blocker' && concern.waived === undefined ? '✖' : concern.category === 'info' ? '·' : '!';
  return `${mark} ${concern.category} ${concern.id}  ${plainText(concern.subject)}: ${plainText(concern.assessment)}${waived}\n    ${plainText(concern.evidence)}\n    ${plainText(concern.remedy)}\n`;
}

function chainSeconds(graph: TaskGraph, summary: PlanSummary): number {
  const ids = new Set(summary.forecast.criticalPath);
  return graph.nodes.reduce((sum, node) => sum + (ids.has(node.id) ? node.estimate.p50s : 0), 0);
}

/** `web01 FETCH → … → web01 VALIDATE`, the middle of a long chain left out. */
function pathText(path: readonly string[]): string {
  const steps = path.map(plainText);
  if (steps.length <= MAX_PATH) return steps.join(' → ');
  const half = MAX_PATH / 2;
  return [...steps.slice(0, half), `… ${steps.length - MAX_PATH} more …`, ...steps.slice(-half)].join(' → ');
}

function seconds(value: number): string {
  return value === 0 ? '–' : formatDuration(value * 1000);
}

function size(bytes: number): string {
  return bytes === 0 ? '–' : formatSize(bytes);
}

/** The plan in Markdown, for a merge request or a ticket. */
export function planSummaryMarkdown(graph: TaskGraph, options: SummaryOptions = {}): string {
  const summary = planSummary(graph, options.concerns);
  const max = options.maxVms ?? 200;
  const vms = summary.vms.slice(0, max).map((vm) => [vm.wave, vm.name, vm.strip, size(vm.bytes), vm.why]);
  const parts = [
    `# Plan ${summary.planHash.slice(0, HASH_DIGITS)}: ${markdownText(summary.playbook)}\n`,
    `${countsText(summary)}. Made by ${markdownText(summary.createdBy)} from ${summary.files.map(markdownText).join(', ')}.\n`,
    `## Waves\n\n${markdownTable(WAVE_COLUMNS, waveRows(summary))}`,
    `## Machines\n\n${MARK_LEGEND}\n\n${markdownTable(
      [{ head: 'wave' }, { head: 'machine' }, { head: 'stages' }, { head: 'to move', align: 'right' }, { head: 'why' }],
      vms,
    )}${summary.vms.length > max ? `\n… and ${summary.vms.length - max} more.\n` : ''}`,
  ];
  if (summary.counts.run > 0) parts.push(`## Capacity\n\n${markdownTable(POOL_COLUMNS, poolRows(summary))}`);
  const notes = [
    ...summary.warnings.map((d) => `- **${d.code}** ${markdownText(d.message)}\n`),
    ...summary.concerns.map(
      (c) =>
        `- **${c.category} ${c.id}** ${markdownText(c.subject)}: ${markdownText(c.assessment)} (${markdownText(c.evidence)})\n`,
    ),
  ];
  if (notes.length > 0) parts.push(`## To read\n\n${notes.join('')}`);
  return parts.join('\n');
}
