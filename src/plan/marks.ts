import type { TaskNode } from '../model/graph.js';

/** What a run will do with a stage, as one character: `●` run, `◌` cached, `↻` run again, `⊘` skipped. */
export function stageMark(node: TaskNode): string {
  if (node.skip !== undefined) return '⊘';
  if (node.cacheState === 'hit') return '◌';
  return node.cacheReasons.every((reason) => reason.kind === 'never-ran') ? '●' : '↻';
}

export const BLOCKED_MARK = '✖';

export const MARK_LEGEND = '● run   ↻ run again   ◌ cached   ⊘ skipped   ✖ blocked';
