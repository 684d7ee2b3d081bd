import { formatDuration, formatSize } from '../../lib/units.js';
import type { FileChange, StepReport } from '../../model/fix.js';
import { h } from './markup.js';
import type { Markup } from './markup.js';
import { badge, code, fold, plural, prose, table } from './parts.js';

/** Bytes of diffs shown for one machine; what exceeds it is in the JSON report. */
const DIFF_BUDGET = 512 * 1024;
const OPEN_LINES = 40;

/** Everything that was changed inside the guest, step by step, with the difference of every file. */
export function guestChanges(steps: readonly StepReport[]): Markup | undefined {
  const acted = steps.filter((step) => step.status !== 'unchanged' && step.status !== 'skipped');
  const idle = steps.filter((step) => step.status === 'unchanged' || step.status === 'skipped');
  if (steps.length === 0) return undefined;
  const files = steps.reduce((sum, step) => sum + step.changes.length, 0);
  let left = DIFF_BUDGET;
  const take = (bytes: number): boolean => {
    left -= bytes;
    return left >= 0;
  };
  const rest =
    idle.length === 0 ? undefined : h`<p class="soft">Nothing to do for ${idle.map((step) => step.id).join(', ')}.</p>`;
  return h`<section><h3>Changes inside the guest <span class="soft">${plural(files, 'file')}</span></h3>
<ol class="steps">
${acted.map((step) => stepItem(step, take))}</ol>${rest}</section>`;
}

function stepItem(step: StepReport, take: (bytes: number) => boolean): Markup {
  const notes = [...step.notes, ...step.warnings].join('; ');
  return h`<li><div class="step"><strong>${step.id}</strong> ${badge(step.status)} <span class="soft">${notes}</span></div>
${step.error === undefined ? undefined : h`<div class="error">${code(step.error.code)} ${step.error.message}<br><span class="soft">${prose(step.error.hint)}</span></div>`}
${step.mapped.length === 0 ? undefined : mapped(step)}
${step.changes.map((change) => changeFold(change, take))}
${step.commands.map(commandFold)}</li>
`;
}

function mapped(step: StepReport): Markup {
  return table(
    ['where', 'was', 'is now'],
    step.mapped.map((entry) => [entry.where, code(entry.from), code(entry.to)]),
  );
}

function changeFold(change: FileChange, take: (bytes: number) => boolean): Markup {
  const { added, removed } = lineCounts(change.diff);
  const count =
    added + removed === 0 ? '' : h` <span class="plus">+${added}</span> <span class="minus">−${removed}</span>`;
  const note = h`${change.kind}${count}`;
  const bytes = Buffer.byteLength(change.diff);
  const content = take(bytes)
    ? diffMarkup(change.diff)
    : h`<p class="soft">${formatSize(bytes)} of differences; see report.json.</p>`;
  return fold(code(change.path), note, content, added + removed > 0 && added + removed <= OPEN_LINES / 4);
}

function commandFold(command: StepReport['commands'][number]): Markup {
  const how = `exit ${command.exitCode}, ${formatDuration(command.seconds * 1000)}`;
  return fold(code(command.argv.join(' ')), how, h`<pre>${command.tail}</pre>`);
}

function lineCounts(diff: string): { readonly added: number; readonly removed: number } {
  let added = 0;
  let removed = 0;
  for (const line of diff.split('\n')) {
    if (isHead(line)) continue;
    if (line.startsWith('+')) added += 1;
    else if (line.startsWith('-')) removed += 1;
  }
  return { added, removed };
}

function isHead(line: string): boolean {
  return line.startsWith('--- ') || line.startsWith('+++ ');
}

/** A unified diff with coloured lines; the sign stays, so that it can be read without colour and copied as it is. */
function diffMarkup(diff: string): Markup {
  const lines = diff.replace(/\n$/, '').split('\n');
  return h`<pre class="diff">${lines.map((line) => h`<span${lineClass(line)}>${line}\n</span>`)}</pre>`;
}

function lineClass(line: string): Markup | undefined {
  if (isHead(line) || line.startsWith('@@')) return h` class="h"`;
  if (line.startsWith('+')) return h` class="a"`;
  return line.startsWith('-') ? h` class="d"` : undefined;
}
