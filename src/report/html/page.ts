import { formatDuration } from '../../lib/units.js';
import type { RunReport, VmReport } from '../../model/report.js';
import { h, Markup } from './markup.js';
import { overview } from './overview.js';
import { badge, code } from './parts.js';
import { runFacts } from './run-facts.js';
import { SCRIPT_ELEMENT, SCRIPT_HASH } from './script.js';
import { STYLE } from './style.js';
import { timeline } from './timeline.js';
import { vmCard } from './vm.js';

/** Machines whose whole story may be told on the page, and bytes that all the stories may take. Failures come first. */
const MAX_CARDS = 200;
const CARDS_BUDGET = 2.5 * 1024 ** 2;
/** Up to this many machines are shown open. */
const OPEN_CARDS = 3;

const POLICY = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '${SCRIPT_HASH}'; base-uri 'none'; form-action 'none'`;

export interface HtmlOptions {
  /** PNG pictures by vmKey. */
  readonly screenshots?: ReadonlyMap<string, Buffer>;
}

/** The report as one HTML file that loads nothing and can be read without scripts. */
export function reportHtml(report: RunReport, options: HtmlOptions = {}): string {
  const { run } = report;
  const { cards, anchors } = tellStories(report, options);
  const left = report.vms.length - anchors.size;
  const body = h`<body>
${overview(report)}
<main>
<section class="card"><h2>Timeline</h2>
${timeline(report, anchors)}
</section>
${report.vms.length > 1 ? vmTable(report, anchors) : undefined}
${cards}
${left === 0 ? undefined : h`<p class="soft">The whole story of ${left} more machines is in <code>report.json</code>.</p>`}
${runFacts(report)}
</main>
<footer>Drover ${run.version}. Times are UTC. Everything on this page, and more, is in <code>report.json</code> beside it.</footer>
${SCRIPT_ELEMENT}
</body>`;
  return h`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${run.playbook}: ${run.outcome} (${run.id})</title>
<style>${new Markup(STYLE)}</style>
</head>
${body}
</html>
`.text;
}

/** Cards in the order of the plan, of as many machines as the page has room for; failures are the last to be left out. */
function tellStories(
  report: RunReport,
  options: HtmlOptions,
): { readonly cards: readonly Markup[]; readonly anchors: ReadonlyMap<string, string> } {
  const order = new Map(report.vms.map((vm, at) => [vm, at]));
  const wanted = [...report.vms].sort((a, b) => rank(a) - rank(b) || (order.get(a) ?? 0) - (order.get(b) ?? 0));
  const told = new Map<VmReport, Markup>();
  const anchors = new Map<string, string>();
  let left = CARDS_BUDGET;
  for (const vm of wanted.slice(0, MAX_CARDS)) {
    const anchor = `vm-${(order.get(vm) ?? 0) + 1}`;
    const isOpen = report.vms.length <= OPEN_CARDS || vm.state === 'failed';
    const card = vmCard(vm, { anchor, isOpen, screenshot: options.screenshots?.get(vm.vmKey) });
    left -= Buffer.byteLength(card.text);
    if (left < 0 && told.size > 0) break;
    told.set(vm, card);
    anchors.set(vm.vmKey, anchor);
  }
  return {
    cards: [...told]
      .sort(([a], [b]) => rank(a) - rank(b) || (order.get(a) ?? 0) - (order.get(b) ?? 0))
      .map(([, card]) => card),
    anchors,
  };
}

function rank(vm: VmReport): number {
  if (vm.state === 'failed') return 0;
  if (vm.state === 'degraded' || vm.state === 'cancelled') return 1;
  return vm.cached ? 3 : 2;
}

function vmTable(report: RunReport, anchors: ReadonlyMap<string, string>): Markup {
  const row = (vm: VmReport): Markup => {
    const anchor = anchors.get(vm.vmKey);
    const name = anchor === undefined ? h`${vm.name}` : h`<a href="#${anchor}">${vm.name}</a>`;
    const proof = vm.validation === undefined ? undefined : badge(vm.validation.verdict);
    const took = vm.cached || vm.seconds === 0 ? '' : formatDuration(vm.seconds * 1000);
    return h`<tr><td>${name}</td><td>${vm.wave}</td><td>${badge(vm.cached ? 'cached' : vm.state)}</td><td>${proof}</td><td class="num" data-key="${Math.round(vm.seconds)}">${took}</td><td>${vm.error === undefined ? '' : code(vm.error.code)}</td></tr>\n`;
  };
  const head = ['Machine', 'Wave', 'State', 'Proof', 'Time', 'Error'].map(
    (name) => h`<th${name === 'Time' ? h` class="num"` : undefined}><button type="button">${name}</button></th>`,
  );
  return h`<section class="card" id="machines"><h2>Machines</h2>
<p class="tools js-only"><input type="search" id="filter" placeholder="Filter machines" aria-label="Filter machines"> <span id="found" class="soft" role="status"></span> <button type="button" id="toggle">Open or close all</button></p>
<div class="scroll"><table id="vms"><thead><tr>${head}</tr></thead><tbody>
${report.vms.map(row)}</tbody></table></div></section>`;
}
