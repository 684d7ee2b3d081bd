import { digestOf } from '../lib/canonical-json.js';
import type { TaskNode } from '../model/graph.js';

/** Fingerprint of a stage's work; for a stage that is never cached one that no other run has. */
export function taskFingerprint(task: TaskNode, runId: string): string {
  return task.fingerprint ?? digestOf({ task: task.id, run: runId });
}
