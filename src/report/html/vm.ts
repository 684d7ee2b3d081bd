import { formatDuration, formatRate, formatSize } from '../../lib/units.js';
import type { Reason } from '../../model/graph.js';
import type { StageReport, VmReport } from '../../model/report.js';
import { evidence } from './evidence.js';
import { guestChanges } from './fix.js';
import { h } from './markup.js';
import type { Markup } from './markup.js';
import { badge, code, fold, plural, prose, table } from './parts.js';
import { stageStrip } from './timeline.js';

export interface VmCardOptions {
  /** Name of the anchor that links lead to. */
  readonly anchor: string;
  readonly isOpen: boolean;
  readonly screenshot: Buffer | undefined;
}

/** Everything about one machine. */
export function vmCard(vm: VmReport, options: VmCardOptions): Markup {
  const state = vm.cached ? 'cached' : vm.state;
  const took = vm.cached ? 'nothing had to run' : formatDuration(vm.seconds * 1000);
  return h`<details class="card vm" id="${options.anchor}"${options.isOpen ? h` open` : undefined}>
<summary><h2>${vm.name}</h2> ${badge(state)} <span class="soft">${vm.guest === undefined ? '' : `${vm.guest.prettyName} · `}wave ${vm.wave} · ${took}</span></summary>
<div>
${stageStrip(vm)}
<p class="soft">From ${vm.origin.kind} ${code(vm.origin.path)}</p>
${vm.error === undefined ? undefined : errorBox(vm)}
${vm.warnings.length === 0 ? undefined : h`<div class="warning"><strong>${plural(vm.warnings.length, 'warning')}</strong><ul>${vm.warnings.map((text) => h`<li>${text}</li>`)}</ul></div>`}
${evidence(vm, options.screenshot)}
${products(vm)}
${guestChanges(vm.fix)}
<section class="folds">
${vm.decisions.length === 0 ? undefined : decisions(vm)}${stages(vm)}${hardware(vm)}${waivers(vm)}</section>
</div></details>
`;
}

function errorBox(vm: VmReport): Markup {
  const { error } = vm;
  if (error === undefined) return h``;
  const causes = error.causes ?? [];
  return h`<div class="error"><strong>${vm.failedStage ?? 'Failed'}</strong> ${code(error.code)}<p>${error.message}</p>
${causes.length === 0 ? undefined : h`<ul>${causes.map((cause) => h`<li>${cause}</li>`)}</ul>`}<p><strong>What to do:</strong> ${prose(error.hint)}</p></div>`;
}

function products(vm: VmReport): Markup | undefined {
  if (vm.products.length === 0) return undefined;
  // Digests are made when the playbook asks for them: without any, the column would only raise questions.
  const hasDigest = vm.products.some((product) => product.sha256 !== undefined);
  const digest = (sha256 = ''): Markup => h`<code title="${sha256}">${sha256.slice(0, 12)}…</code>`;
  const rows = vm.products.map((product) => [
    code(product.path),
    product.format,
    formatSize(product.virtualSizeBytes),
    formatSize(product.allocatedBytes),
    badge(product.check),
    ...(hasDigest ? [product.sha256 === undefined ? '' : digest(product.sha256)] : []),
  ]);
  const head = ['file', 'format', '#virtual', '#on disk', 'check', ...(hasDigest ? ['sha256'] : [])];
  const xml =
    vm.domainXml === undefined
      ? undefined
      : h`<p>Domain XML ${code(vm.domainXml)} ${vm.xmlChecks.map((check) => h`<span title="${check.note ?? ''}">${badge(check.result, `${check.name}: ${check.result}`)}</span> `)}</p>`;
  return h`<section><h3>Products</h3>${table(head, rows)}${xml}</section>`;
}

function decisions(vm: VmReport): Markup {
  const rows = vm.decisions.map((decision) => [decision.what, code(decision.value), decision.why]);
  return fold('Decisions', `${vm.decisions.length}, each with its reason`, table(['what', 'value', 'why'], rows));
}

function stages(vm: VmReport): Markup {
  const { appliance } = vm;
  const note =
    appliance === undefined
      ? ''
      : `${plural(appliance.calls, 'appliance call')} in ${appliance.launches} launch${appliance.launches === 1 ? '' : 'es'}`;
  const rows = vm.stages.map((stage) => [
    stage.stage,
    badge(stage.state),
    stage.attempts > 0 ? String(stage.attempts) : '',
    stage.attempts > 0 ? formatDuration(stage.seconds * 1000) : '',
    stage.attempts > 0 && stage.estimatedSeconds > 0 ? formatDuration(stage.estimatedSeconds * 1000) : '',
    stage.waitedSeconds >= 0.1 ? formatDuration(stage.waitedSeconds * 1000) : '',
    stage.bytes === undefined ? '' : formatSize(stage.bytes),
    stage.bytes === undefined || stage.seconds <= 0 ? '' : formatRate(stage.bytes / stage.seconds),
    whyText(stage),
  ]);
  const head = ['stage', 'state', '#tries', '#time', '#expected', '#waited', '#bytes', '#rate', 'why it ran'];
  return fold('Stages', note, table(head, rows));
}

function whyText(stage: StageReport): string {
  return stage.reasons.map(shortReason).join('; ');
}

function shortReason(reason: Reason): string {
  if (reason.kind === 'never-ran') return 'first time';
  if (reason.kind === 'setting') return `${reason.pointer} changed`;
  if (reason.kind === 'input-changed') return `${reason.stage} ran`;
  if (reason.kind === 'tool-version') return `${reason.name} ${reason.old} → ${reason.new}`;
  if (reason.kind === 'source-changed') return 'the source changed';
  return reason.kind.replaceAll('-', ' ');
}

function hardware(vm: VmReport): Markup {
  const disks = vm.disks.map((disk) => [
    String(disk.index),
    code(disk.source),
    disk.format,
    disk.virtualSizeBytes === undefined ? '' : formatSize(disk.virtualSizeBytes),
    disk.bus ?? '',
  ]);
  const nics = vm.nics.map((nic) => [
    String(nic.index),
    nic.mac === undefined ? '' : code(nic.mac),
    nic.model ?? '',
    nic.network ?? '',
    nic.ifname === undefined ? '' : code(nic.ifname),
  ]);
  const note = `${plural(vm.disks.length, 'disk')}, ${plural(vm.nics.length, 'network adapter')}${vm.guest === undefined ? '' : `, ${vm.guest.firmware.toUpperCase()}`}`;
  return fold(
    'Hardware',
    note,
    h`${table(['disk', 'source', 'format', '#size', 'bus'], disks)}${nics.length === 0 ? undefined : table(['adapter', 'MAC', 'model', 'network', 'name in the guest'], nics)}`,
  );
}

function waivers(vm: VmReport): Markup | undefined {
  if (vm.waivers.length === 0) return undefined;
  const rows = vm.waivers.map((waiver) => [code(waiver.concern), waiver.reason, waiver.until ?? '']);
  return fold('Accepted concerns', String(vm.waivers.length), table(['concern', 'why it is accepted', 'until'], rows));
}
