import { formatDuration } from '../../lib/units.js';
import type { RunReport, StageReport, StageSpan, VmReport } from '../../model/report.js';
import { STAGES } from '../../model/stage.js';
import { h } from './markup.js';
import type { Markup } from './markup.js';

/** Above this many machines only waves and the slowest machines get a lane. */
const ALL_LANES = 500;
const SLOWEST = 100;
/** Share of the width from which a bar holds the name of its stage. */
const LABEL_SHARE = 0.075;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
const MAX_TICKS = 7;

interface Scale {
  readonly startMs: number;
  readonly lengthMs: number;
}

/** What ran when: one lane per machine in the order of the plan. */
export function timeline(report: RunReport, anchors: ReadonlyMap<string, string>): Markup {
  const ran = report.vms.filter((vm) => vm.stages.some((stage) => stage.spans.length > 0));
  if (ran.length === 0) return h`<p class="soft">Nothing had to run: everything was cached.</p>`;
  const scale = scaleOf(ran);
  const isMany = ran.length > ALL_LANES;
  const lanes = isMany ? [...ran].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST) : ran;
  const ticks = tickSeconds(scale.lengthMs / 1000).map((second) => ({
    text: formatTick(second),
    left: percent((second * 1000) / scale.lengthMs),
  }));
  const rows = isMany ? report.waves.map((wave) => waveLane(ran, wave.name, scale)) : [];
  return h`<div class="gantt" id="timeline">
<div class="grid" aria-hidden="true">${ticks.map((tick) => h`<i style="left:${tick.left}"></i>`)}</div>
${rows}${lanes.map((vm) => lane(vm, anchors.get(vm.vmKey), scale))}
<div class="row"><div></div><div class="axis">${ticks.map((tick) => h`<span style="left:${tick.left}">${tick.text}</span>`)}</div><div></div></div>
</div>
${isMany ? h`<p class="soft">The ${SLOWEST} slowest of ${ran.length} machines that ran; all of them stand in the table.</p>` : undefined}
<div class="legend">${STAGES.map((stage) => h`<span><i class="s-${stage}"></i>${stage}</span> `)}<span><i class="wait"></i>waiting</span> <span><i class="retry"></i>before a retry</span> <span><i class="sample failed"></i>failed</span></div>`;
}

/** The stages of one machine on one line, each as wide as its share of the time. */
export function stageStrip(vm: VmReport): Markup | undefined {
  const ran = vm.stages.filter((stage) => stage.seconds > 0);
  const total = ran.reduce((sum, stage) => sum + stage.seconds, 0);
  if (total <= 0) return undefined;
  return h`<div class="strip">${ran.map((stage) => h`<span class="s-${stage.stage}${stage.state === 'failed' ? ' failed' : ''}" style="flex-grow:${Math.max(1, Math.round((1000 * stage.seconds) / total))}" title="${stage.stage} ${formatDuration(stage.seconds * 1000)}"></span>`)}</div>`;
}

function lane(vm: VmReport, anchor: string | undefined, scale: Scale): Markup {
  const name = anchor === undefined ? h`${vm.name}` : h`<a href="#${anchor}">${vm.name}</a>`;
  const bars = vm.stages.map((stage) => stage.spans.map((span) => bar(stage, span, scale)));
  return h`<div class="row"><div class="name" title="${vm.name}">${name}</div><div class="lane">${bars}</div><div class="took">${vm.cached ? 'cached' : formatDuration(vm.seconds * 1000)}</div></div>\n`;
}

function bar(stage: StageReport, span: StageSpan, scale: Scale): Markup {
  const tookMs = Date.parse(span.endedAt) - Date.parse(span.startedAt);
  const left = percent((Date.parse(span.startedAt) - scale.startMs) / scale.lengthMs);
  const width = percent(tookMs / scale.lengthMs);
  const took = formatDuration(tookMs);
  if (span.kind === 'wait') {
    return h`<div class="bar wait" style="left:${left};width:${width}" title="${stage.stage}: waited ${took}"></div>`;
  }
  if (span.kind === 'retry') {
    return h`<div class="bar retry" style="left:${left};width:${width}" title="${stage.stage}: ${took} before try ${span.attempt + 1}"></div>`;
  }
  const isFailed = stage.state === 'failed' || span.attempt < stage.attempts;
  const isTry = stage.attempts > 1 ? `, try ${span.attempt} of ${stage.attempts}` : '';
  const label = tookMs / scale.lengthMs >= LABEL_SHARE ? h`<b>${stage.stage}</b>` : undefined;
  return h`<div class="bar s-${stage.stage}${isFailed ? ' failed' : ''}" style="left:${left};width:${width}" title="${stage.stage}: ${took}${isTry}${isFailed ? ', failed' : ''}">${label}</div>`;
}

/** One lane for a whole wave: how many of its machines were at work, as a band that is the denser the more there were. */
function waveLane(vms: readonly VmReport[], wave: string, scale: Scale): Markup {
  const slots = 120;
  const busy = new Array<number>(slots).fill(0);
  let first = Infinity;
  let last = 0;
  for (const vm of vms) {
    if (vm.wave !== wave) continue;
    for (const { kind, startedAt, endedAt } of vm.stages.flatMap((stage) => stage.spans)) {
      if (kind !== 'run') continue;
      const start = Date.parse(startedAt);
      const end = Date.parse(endedAt);
      first = Math.min(first, start);
      last = Math.max(last, end);
      const from = Math.max(0, Math.floor(((start - scale.startMs) / scale.lengthMs) * slots));
      const to = Math.min(slots - 1, Math.floor(((end - scale.startMs) / scale.lengthMs) * slots));
      for (let slot = from; slot <= to; slot += 1) busy[slot] = (busy[slot] ?? 0) + 1;
    }
  }
  const most = Math.max(1, ...busy);
  const cells = busy.flatMap((count, slot) =>
    count === 0
      ? []
      : [
          h`<i class="dense" style="left:${percent(slot / slots)};width:${percent(1 / slots)};height:${percent(Math.max(0.08, count / most))}"></i>`,
        ],
  );
  const took = last > first ? formatDuration(last - first) : '';
  return h`<div class="row"><div class="name"><strong>wave ${wave}</strong></div><div class="lane" title="up to ${most} machines at work">${cells}</div><div class="took">${took}</div></div>\n`;
}

function scaleOf(vms: readonly VmReport[]): Scale {
  let startMs = Infinity;
  let endMs = 0;
  for (const vm of vms) {
    for (const stage of vm.stages) {
      for (const span of stage.spans) {
        startMs = Math.min(startMs, Date.parse(span.startedAt));
        endMs = Math.max(endMs, Date.parse(span.endedAt));
      }
    }
  }
  return { startMs, lengthMs: Math.max(1, endMs - startMs) };
}

function percent(share: number): string {
  return `${Math.round(Math.min(1, Math.max(0, share)) * 100_00) / 100}%`;
}

/** Round marks of the time axis: 0, 30 s, 1 m, … */
function tickSeconds(length: number): readonly number[] {
  const step =
    STEPS_S.find((candidate) => length / candidate <= MAX_TICKS) ?? Math.ceil(length / MAX_TICKS / 86400) * 86400;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, at) => at * step);
}

function formatTick(second: number): string {
  if (second === 0) return '0';
  if (second < 60) return `${second}s`;
  if (second < 3600) return second % 60 === 0 ? `${second / 60}m` : formatDuration(second * 1000);
  return second % 3600 === 0 ? `${second / 3600}h` : formatDuration(second * 1000);
}
