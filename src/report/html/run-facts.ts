import { formatDuration, formatSize } from '../../lib/units.js';
import type { RunReport } from '../../model/report.js';
import { h } from './markup.js';
import type { Markup } from './markup.js';
import { code, fold, plural, table } from './parts.js';

/** What concerns the run as a whole: failures by cause, where time went, what is left, what to do next, what it was made with. */
export function runFacts(report: RunReport): Markup {
  return h`${failures(report)}${list('Warnings', report.warnings)}${list('Left behind', report.leftBehind)}${next(report)}
<section class="card"><h2>The run</h2>
${where(report)}${madeWith(report)}</section>`;
}

function failures(report: RunReport): Markup | undefined {
  if (report.failures.length === 0) return undefined;
  const rows = [...report.failures]
    .sort((a, b) => b.count - a.count)
    .map((failure) => [code(failure.code), String(failure.count), names(failure.vms)]);
  return h`<section class="card"><h2>Failures by cause</h2>${table(['code', '#machines', 'which'], rows)}<p class="soft"><code>drover explain CODE</code> says what a code means and what to do.</p></section>`;
}

function names(vms: readonly string[]): string {
  return vms.length <= 8 ? vms.join(', ') : `${vms.slice(0, 8).join(', ')} and ${vms.length - 8} more`;
}

function list(title: string, items: readonly string[]): Markup | undefined {
  if (items.length === 0) return undefined;
  return h`<section class="card"><h2>${title}</h2><ul>${items.map((item) => h`<li>${item}</li>`)}</ul></section>`;
}

function next(report: RunReport): Markup | undefined {
  if (report.next.length === 0) return undefined;
  return h`<section class="card"><h2>Next</h2><pre>${report.next.join('\n')}</pre></section>`;
}

function where(report: RunReport): Markup | undefined {
  if (report.timeLost.length === 0 && report.pools.length === 0) return undefined;
  const lost = report.timeLost.map((entry) => [entry.reason, formatDuration(entry.seconds * 1000)]);
  const pools = report.pools.map(({ pool, peak, capacity }) => {
    const units = pool.endsWith('.scratch') ? formatSize : String;
    const share = capacity > 0 ? Math.round((100 * peak) / capacity) : 0;
    return [
      code(pool),
      units(peak),
      units(capacity),
      h`<span class="meter" title="${share}%"><i style="width:${Math.min(100, share)}%"></i></span>`,
    ];
  });
  return fold(
    'Where time went',
    report.timeLost.length === 0 ? 'nothing waited' : undefined,
    h`${lost.length === 0 ? undefined : table(['waited for', '#in all'], lost)}${pools.length === 0 ? undefined : table(['pool', '#peak', '#limit', 'in use at most'], pools)}`,
  );
}

function madeWith(report: RunReport): Markup {
  const tools = Object.entries(report.host.tools).map(([tool, version]) => [tool, version]);
  const files = report.playbookDigests.map((file) => [file.file, h`<code>sha256 ${file.sha256}</code>`]);
  const host = [
    ['processors', String(report.host.cpus)],
    ['memory', formatSize(report.host.memoryBytes)],
  ];
  return fold(
    'Made with',
    `Drover ${report.run.version}, ${plural(tools.length, 'program')}, ${plural(files.length, 'playbook file')}`,
    h`${table(['host', report.run.host], host)}${table(['program', 'version'], tools)}${table(['file', 'digest'], files)}`,
  );
}
