import type { RunSummary } from '../engine/index.js';
import { formatDuration } from '../lib/units.js';

/** The runs of a state folder, newest first. */
export function runListText(runs: readonly RunSummary[]): string {
  if (runs.length === 0) return 'no runs yet\n';
  const rows = [...runs].reverse().map((run) => {
    const took = run.endedAt === undefined ? '' : formatDuration(Date.parse(run.endedAt) - Date.parse(run.startedAt));
    const outcome = run.active ? 'running' : (run.outcome ?? 'interrupted');
    return [
      run.runId,
      run.playbook,
      outcome,
      `${run.vms} VM${run.vms === 1 ? '' : 's'}`,
      run.startedAt.slice(0, 19).replace('T', ' '),
      took,
    ];
  });
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
