import type { CacheState, Reason } from '../model/graph.js';
import type { PreviousRecord } from '../model/history.js';
import { STAGES, stageIndex } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { byStage } from './by-stage.js';
import type { ByStage } from './by-stage.js';
import type { StageFingerprint } from './fingerprint.js';
import { changeReasons } from './reasons.js';

export interface CacheDecision {
  readonly state: CacheState;
  /** Why it has to run; empty for a hit. */
  readonly reasons: readonly Reason[];
}

export interface CacheQuestion {
  readonly fingerprints: ByStage<StageFingerprint>;
  readonly previous: Readonly<Partial<Record<StageName, PreviousRecord>>>;
  readonly origins: Readonly<Record<string, string>>;
  readonly force: readonly StageName[];
}

/** Shared by all machines that no run has touched. */
const NEVER_RAN: ByStage<CacheDecision> = byStage(() => ({ state: 'miss', reasons: [{ kind: 'never-ran' }] }));
const LAST_READER = stageIndex('CONVERT');

/**
 * Which stages of one machine have work that still counts.
 *
 * From the first stage whose work does not count, everything runs. Intermediates that were dropped on purpose do not
 * matter while only VALIDATE runs, because it reads products; otherwise their stages run again to make them anew, and what
 * lies between them and is whole stays a hit: the same input gives the same facts.
 */
export function decideCache(question: CacheQuestion): ByStage<CacheDecision> {
  if (question.force.length === 0 && Object.keys(question.previous).length === 0) return NEVER_RAN;
  const own = STAGES.map((stage) => ownReasons(stage, question));
  const found = own.findIndex((reasons) => reasons.length > 0);
  const firstMiss = found === -1 ? STAGES.length : found;
  return byStage((stage) => {
    const index = stageIndex(stage);
    if (index >= firstMiss) {
      return { state: 'miss', reasons: index === firstMiss ? (own[index] ?? []) : laterReasons(index, own) };
    }
    const outputs = question.previous[stage]?.artefact?.outputs;
    const isNeeded = outputs?.kind === 'dropped' && firstMiss <= LAST_READER;
    return isNeeded
      ? { state: 'miss', reasons: [{ kind: 'artefact-missing', path: outputs.paths[0] ?? stage }] }
      : { state: 'hit', reasons: [] };
  });
}

/** Why the stage's own earlier work does not count; empty when it does. */
function ownReasons(stage: StageName, question: CacheQuestion): readonly Reason[] {
  const record = question.previous[stage];
  const artefact = record?.artefact;
  if (question.force.includes(stage)) return [{ kind: 'forced' }];
  if (artefact === undefined) {
    return [{ kind: record?.last?.state === 'failed' ? 'previous-failed' : 'never-ran' }];
  }
  const { fingerprint, parts } = question.fingerprints[stage];
  if (artefact.fingerprint !== fingerprint) {
    const changes = artefact.parts === undefined ? [] : changeReasons(stage, artefact.parts, parts, question.origins);
    // Without the old parts, or made by another fingerprint version: nothing can be named but the version.
    return changes.length > 0
      ? changes
      : [{ kind: 'impl-version', old: artefact.parts?.implVersion ?? 0, new: parts.implVersion }];
  }
  const { outputs } = artefact;
  if (outputs.kind === 'missing') return [{ kind: 'artefact-missing', path: outputs.path }];
  if (outputs.kind === 'altered') return [{ kind: 'artefact-altered', path: outputs.path, how: outputs.how }];
  return [];
}

/** A stage behind the first miss: its own changes, and that its input is made anew. */
function laterReasons(index: number, own: readonly (readonly Reason[])[]): readonly Reason[] {
  const before = STAGES[index - 1];
  const reasons = (own[index] ?? []).filter((reason) => reason.kind !== 'input-changed');
  if (before === undefined || reasons.some((reason) => reason.kind === 'never-ran')) return reasons;
  return [...reasons, { kind: 'input-changed', stage: before }];
}
