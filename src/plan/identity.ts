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
 * Short ids for identity keys: the first 16 hex digits of their SHA-256, 24 for those that would be equal.
 * @param digest replaced by tests that need a collision
 */
export function shortIds(
  idKeys: Iterable<string>,
  digest: (text: string) => string = sha256,
): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const owners = new Map<string, string[]>();
  for (const idKey of idKeys) {
    if (ids.has(idKey)) continue;
    const id = digest(idKey).slice(0, SHORT);
    ids.set(idKey, id);
    const same = owners.get(id);
    if (same === undefined) owners.set(id, [idKey]);
    else same.push(idKey);
  }
  for (const same of owners.values()) {
    if (same.length > 1) for (const idKey of same) ids.set(idKey, digest(idKey).slice(0, LONG));
  }
  return ids;
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
  return keys.map(({ vmKey, stage }) => ({
    taskId: ids.get(stageIdKey(playbook, vmKey, stage)) ?? '',
    vmKey,
    stage,
  }));
}
