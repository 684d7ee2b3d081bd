import { sha256 } from '../lib/canonical-json.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';

const SHORT = 16;
const LONG = 24;

/** What identifies a stage of a machine. The wave is left out, so that moving a machine between waves keeps its history. */
export function stageIdKey(playbook: string, vmKey: string, stage: StageName): string {
  return `${playbook}/${vmKey}/${stage}`;
}

/**
 * Short ids for distinct identity keys, in their order: the first 16 hex digits of their SHA-256, 24 for those that would
 * be equal.
 * @param digest replaced by tests that need a collision
 */
export function shortIds(idKeys: readonly string[], digest: (text: string) => string = sha256): readonly string[] {
  const ids = idKeys.map((idKey) => digest(idKey).slice(0, SHORT));
  if (new Set(ids).size === ids.length) return ids;
  const uses = new Map<string, number>();
  for (const id of ids) uses.set(id, (uses.get(id) ?? 0) + 1);
  return ids.map((id, at) => ((uses.get(id) ?? 0) > 1 ? digest(idKeys[at] ?? '').slice(0, LONG) : id));
}

export interface StageTaskId {
  readonly taskId: string;
  readonly vmKey: string;
  readonly stage: StageName;
}

/** The ids that the stages of these machines will have in the plan, so that what earlier runs left can be looked up first. */
export function stageTaskIds(playbook: string, vmKeys: readonly string[]): readonly StageTaskId[] {
  const keys = vmKeys.flatMap((vmKey) => STAGES.map((stage) => ({ vmKey, stage })));
  const ids = shortIds(keys.map(({ vmKey, stage }) => stageIdKey(playbook, vmKey, stage)));
  return keys.map(({ vmKey, stage }, at) => ({ taskId: ids[at] ?? '', vmKey, stage }));
}
