import { formatDuration, formatSize } from '../../lib/units.js';
import type { RunReport, VmReport } from '../../model/report.js';
import { h } from './markup.js';
import type { Markup } from './markup.js';
import { badge, plural, tone } from './parts.js';

const WORDS: Readonly<Record<string, string>> = {
  succeeded: 'moved',
  degraded: 'moved, with something to read',
  cached: 'had nothing to do',
  failed: 'failed',
  cancelled: 'cancelled',
  skipped: 'left out',
  running: 'under way',
  waiting: 'waiting',
};
const ORDER = ['succeeded', 'degraded', 'cached', 'running', 'waiting', 'skipped', 'cancelled', 'failed'];

/** What a reader wants to know first: how it ended, for how many, how long, and whether it is proven. */
export function overview(report: RunReport): Markup {
  const { run } = report;
  return h`<header>
<p class="over">Drover report</p>
<h1>${run.playbook} ${badge(run.outcome)}</h1>
<p class="lead">${leadText(report)}</p>
${stateBar(report)}
<dl class="tiles">
${tile('Machines', counts(report))}
${tile('Proven by evidence', ...proven(report))}
${tile('Took', formatDuration(run.seconds * 1000), lostText(report))}
${tile('Written', formatSize(written(report)), 'products on disk')}
${tile('Started', time(run.startedAt), `by ${run.user} on ${run.host}`)}
${tile('Accelerator', report.host.accelerator.toUpperCase(), report.host.acceleratorReason)}
</dl>
<p class="soft ids">Run <code>${run.id}</code> · plan <code>${run.planHash.slice(0, 12)}</code> · Drover ${run.version}</p>
</header>`;
}

function leadText(report: RunReport): string {
  const [only] = report.vms;
  if (report.vms.length === 1 && only !== undefined) {
    const what = WORDS[only.cached ? 'cached' : only.state] ?? only.state;
    return `${only.name}: ${what}${hasBooted(only) ? ', and proven by booting it' : ''}.`;
  }
  const parts = ORDER.flatMap((state) => {
    const count = report.counts[state] ?? 0;
    return count === 0 ? [] : [`${count} ${WORDS[state] ?? state}`];
  });
  return `${plural(report.vms.length, 'machine')}: ${parts.join(', ')}.`;
}

/** The shares of the states as one line. */
function stateBar(report: RunReport): Markup {
  const total = Math.max(1, report.vms.length);
  const parts = ORDER.flatMap((state) => {
    const count = report.counts[state] ?? 0;
    if (count === 0) return [];
    return [
      h`<span class="${tone(state)}" style="flex-grow:${Math.max(1, Math.round((1000 * count) / total))}" title="${count} ${state}"></span>`,
    ];
  });
  return h`<div class="states" aria-hidden="true">${parts}</div>`;
}

function tile(name: string, value: Markup | string, note = ''): Markup {
  return h`<div><dt>${name}</dt><dd>${value}</dd>${note === '' ? undefined : h`<dd class="soft">${note}</dd>`}</div>`;
}

function counts(report: RunReport): Markup {
  const parts = ORDER.flatMap((state) => {
    const count = report.counts[state] ?? 0;
    return count === 0 ? [] : [badge(state, `${count} ${state}`)];
  });
  return h`${parts.map((part) => h`${part} `)}`;
}

function proven(report: RunReport): readonly [value: string, note: string] {
  const tried = report.vms.filter((vm) => vm.validation !== undefined && vm.validation.verdict !== 'skipped');
  const passed = tried.filter((vm) => vm.validation?.verdict === 'pass');
  if (tried.length === 0) return ['none', 'no proof was asked for or reached'];
  return [`${passed.length} of ${report.vms.length}`, `${passed.filter(hasBooted).length} of them by booting`];
}

function hasBooted(vm: VmReport): boolean {
  return vm.validation?.checks.some((check) => check.level === 'boot' && check.status === 'pass') ?? false;
}

function lostText(report: RunReport): string {
  const lost = report.timeLost.reduce((sum, entry) => sum + entry.seconds, 0);
  return lost === 0 ? 'without waiting' : `${formatDuration(lost * 1000)} of waiting in all`;
}

function written(report: RunReport): number {
  return report.vms.flatMap((vm) => vm.products).reduce((sum, product) => sum + product.allocatedBytes, 0);
}

/** A time for people; the exact one is in the report's JSON. */
function time(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}
