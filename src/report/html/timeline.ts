import { formatDuration } from '../../lib/units.js';
import type { RunReport, StageSpan, VmReport } from '../../model/report.js';
import { STAGES } from '../../model/stage.js';
import { html } from './markup.js';
import type { Markup } from './markup.js';

/** Above this many machines only waves and the slowest machines get a lane. */
const ALL_LANES = 500;
const SLOWEST = 100;

interface Scale {
  readonly startMs: number;
  readonly lengthMs: number;
}

function scaleOf(report: RunReport): Scale {
  const spans = report.vms.flatMap((vm) => vm.stages).flatMap((stage) => stage.spans);
  const starts = spans.map((span) => Date.parse(span.startedAt));
  const ends = spans.map((span) => Date.parse(span.endedAt));
  const startMs = starts.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const endMs = ends.reduce((a, b) => Math.max(a, b), 0);
  return spans.length === 0 ? { startMs: 0, lengthMs: 1 } : { startMs, lengthMs: Math.max(1, endMs - startMs) };
}

function percent(value: number): string {
  return `${Math.round(value * 100_00) / 100}%`;
}

function bar(span: StageSpan, classes: string, label: string, scale: Scale): Markup {
  const left = (Date.parse(span.startedAt) - scale.startMs) / scale.lengthMs;
  const width = (Date.parse(span.endedAt) - Date.parse(span.startedAt)) / scale.lengthMs;
  return html`<div
    class="bar ${classes}"
    style="left:${percent(left)};width:${percent(width)}"
    title="${label}"
  ></div>`;
}

function lane(vm: VmReport, scale: Scale): Markup {
  const bars = vm.stages.flatMap((stage) =>
    stage.spans.map((span) => {
      const took = formatDuration(Date.parse(span.endedAt) - Date.parse(span.startedAt));
      if (span.kind !== 'run')
        return bar(
          span,
          span.kind,
          `${stage.stage}: ${span.kind === 'wait' ? 'waiting' : 'before the next try'}, ${took}`,
          scale,
        );
      const failed = stage.state === 'failed' ? ' failed' : '';
      return bar(
        span,
        `s-${stage.stage}${failed}`,
        `${stage.stage}${span.attempt > 1 ? `, try ${span.attempt}` : ''}: ${took}${failed === '' ? '' : ', failed'}`,
        scale,
      );
    }),
  );
  return html`<div class="row">
    <div class="name"><a href="#vm-${vm.vmKey}">${vm.name}</a></div>
    <div class="lane">${bars}</div>
    <div class="took">${vm.cached ? 'cached' : formatDuration(vm.seconds * 1000)}</div>
  </div>`;
}

/** One lane for a whole wave: from its first start to its last end. */
function waveLane(report: RunReport, wave: string, scale: Scale): Markup {
  const spans = report.vms
    .filter((vm) => vm.wave === wave)
    .flatMap((vm) => vm.stages)
    .flatMap((stage) => stage.spans);
  const ordered = spans.map((span) => span.startedAt).sort();
  const ended = spans
    .map((span) => span.endedAt)
    .sort()
    .at(-1);
  const [startedAt] = ordered;
  if (startedAt === undefined || ended === undefined) return html``;
  const span: StageSpan = { kind: 'run', startedAt, endedAt: ended, attempt: 1 };
  const took = formatDuration(Date.parse(ended) - Date.parse(startedAt));
  return html`<div class="row">
    <div class="name">wave ${wave}</div>
    <div class="lane">${bar(span, 's-FETCH', took, scale)}</div>
    <div class="took">${took}</div>
  </div>`;
}

/** What ran when: one lane per machine, grouped by wave. */
export function timeline(report: RunReport): Markup {
  const scale = scaleOf(report);
  const ran = report.vms.filter((vm) => vm.stages.some((stage) => stage.spans.length > 0));
  if (ran.length === 0) return html`<p class="soft">Nothing had to run.</p>`;
  const many = ran.length > ALL_LANES;
  const lanes = many ? [...ran].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST) : ran;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (share) => html`<span style="left:${percent(share)}">${formatDuration(share * scale.lengthMs)}</span>`,
  );
  return html`<div class="gantt" id="timeline">
      ${many ? report.waves.map((wave) => waveLane(report, wave.name, scale)) : undefined}
      ${lanes.map((vm) => lane(vm, scale))}
      <div class="row">
        <div></div>
        <div class="axis">${ticks}</div>
        <div></div>
      </div>
    </div>
    ${many ? html`<p class="soft">The ${SLOWEST} slowest of ${ran.length} machines; all of them stand in the table below.</p>` : undefined}
    <div class="legend">
      ${STAGES.map((stage) => html`<span><i class="s-${stage}"></i>${stage}</span>`)}<span
        ><i class="wait"></i>waiting</span
      ><span><i class="retry"></i>before a retry</span>
    </div>`;
}
