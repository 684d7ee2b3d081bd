import type { HistoryLine } from '../model/history.js';
import type { Estimate, PlannedVm } from '../model/graph.js';
import { assertNever } from '../lib/error.js';
import type { StageName } from '../model/stage.js';
import { compresses } from './demand.js';
import { LOCAL_HOST } from './facts.js';
import type { VmSizes } from './sizes.js';

const MIB = 1024 ** 2;
/** Spread of one task's duration: a lognormal with σ 0.25 has its 90th percentile at e^(1.2816 σ) of its median. */
const P90_FACTOR = Math.exp(1.2815515655446004 * 0.25);
/** Samples from which a history counts more than the model. */
const ENOUGH_SAMPLES = 5;

/** Bytes per second and seconds taken where no history exists. */
const PRIOR = {
  fetchBps: 100 * MIB,
  flattenBps: 250 * MIB,
  convertBps: 200 * MIB,
  compressBps: 60 * MIB,
  inspectS: 60,
  planS: 1,
  fixS: 120,
  validateS: { none: 1, image: 5, fs: 45, boot: 90, network: 90, auto: 90 },
  /** What a task costs besides its bytes. */
  taskS: 1,
} as const;

/** Median and 90th percentile of what stages took before. */
type HistoryModel = (
  stage: StageName,
  source: string,
  bytes: number,
) => { readonly p50s: number; readonly p90s: number } | undefined;

/**
 * Duration of a stage: from at least five earlier runs of the same stage and source on this host, else from the size, else
 * a prior. Machines that get the same estimate share one object.
 */
export function estimator(
  lines: readonly HistoryLine[],
): (vm: PlannedVm, stage: StageName, sizes: VmSizes) => Estimate {
  const history = historyModel(lines);
  const shared = new Map<string, Estimate>();
  return (vm, stage, sizes) => {
    const bytes = stageBytes(stage, sizes);
    const known = history(stage, vm.source, bytes);
    const p50s = known?.p50s ?? modelSeconds(vm, stage, bytes);
    const p90s = known?.p90s ?? p50s * P90_FACTOR;
    const basis = known !== undefined ? 'history' : bytes > 0 ? 'model' : 'default';
    const key = `${p50s} ${p90s} ${bytes} ${basis}`;
    let estimate = shared.get(key);
    if (estimate === undefined) {
      estimate = { p50s: rounded(p50s), p90s: rounded(p90s), ...(bytes > 0 ? { bytes } : {}), basis };
      shared.set(key, estimate);
    }
    return estimate;
  };
}

/** Bytes that a stage moves; 0 for one whose duration does not follow from the size of the disks. */
function stageBytes(stage: StageName, sizes: VmSizes): number {
  if (stage === 'FETCH') return Math.ceil(sizes.fetchBytes);
  if (stage === 'FLATTEN') return Math.ceil(sizes.copyBytes);
  return stage === 'CONVERT' ? Math.ceil(sizes.dataBytes) : 0;
}

function modelSeconds(vm: PlannedVm, stage: StageName, bytes: number): number {
  switch (stage) {
    case 'FETCH':
      return PRIOR.taskS + bytes / PRIOR.fetchBps;
    case 'FLATTEN':
      return PRIOR.taskS + bytes / PRIOR.flattenBps;
    case 'INSPECT':
      return vm.settings.guest.family === 'none' ? PRIOR.taskS : PRIOR.inspectS;
    case 'PLAN':
      return PRIOR.planS;
    case 'FIX':
      return vm.settings.fix.mode === 'none' || vm.settings.guest.family === 'none' ? PRIOR.taskS : PRIOR.fixS;
    case 'CONVERT':
      return PRIOR.taskS + bytes / (compresses(vm) ? PRIOR.compressBps : PRIOR.convertBps);
    case 'VALIDATE':
      return PRIOR.validateS[vm.settings.validate.level];
    default:
      return assertNever(stage);
  }
}

/** Milliseconds are more than any estimate knows, and keep equal inputs equal. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

interface Samples {
  readonly seconds: number[];
  /** Seconds per byte of those that moved bytes. */
  readonly perByte: number[];
}

/** Groups what succeeded by stage, source and host. */
function historyModel(lines: readonly HistoryLine[]): HistoryModel {
  const groups = new Map<string, Samples>();
  for (const line of lines) {
    if (line.state !== 'succeeded' || line.host !== LOCAL_HOST || !(line.seconds >= 0)) continue;
    const key = `${line.stage} ${line.source}`;
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { seconds: [], perByte: [] }));
    if (line.bytes !== undefined && line.bytes > 0) group.perByte.push(line.seconds / line.bytes);
    else group.seconds.push(line.seconds);
  }
  for (const { seconds, perByte } of groups.values()) {
    seconds.sort((a, b) => a - b);
    perByte.sort((a, b) => a - b);
  }
  return (stage, source, bytes) => {
    const group = groups.get(`${stage} ${source}`);
    const samples = bytes > 0 ? group?.perByte : group?.seconds;
    if (samples === undefined || samples.length < ENOUGH_SAMPLES) return undefined;
    const scale = bytes > 0 ? bytes : 1;
    const p50s = quantile(samples, 0.5) * scale;
    return { p50s, p90s: Math.max(p50s, quantile(samples, 0.9) * scale) };
  };
}

/** Linear interpolation between the neighbours in an ascending list. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}
