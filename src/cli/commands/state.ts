import { join } from 'node:path';
import { listRuns, repairState, verifyState } from '../../engine/index.js';
import { assertNever } from '../../lib/error.js';
import { formatSize } from '../../lib/units.js';
import type { Cli } from '../context.js';
import { printResult, stateDirOf } from '../context.js';
import { Exit } from '../exit-codes.js';
import { findRun } from '../runs.js';
import { runListText } from '../run-list.js';

/** The id of the run that is meant. A run whose own file is damaged is no run for other commands, and here it matters. */
async function runToVerify(cli: Cli, stateDir: string, named: string | undefined): Promise<string | undefined> {
  if (named === undefined) return undefined;
  try {
    return (await findRun(cli, named)).run.runId;
  } catch (error) {
    if (await cli.host.files.exists(join(stateDir, 'runs', named))) return named;
    throw error;
  }
}

/** `drover state verify|repair|list`. */
export async function state(cli: Cli, args: readonly string[]): Promise<number> {
  const stateDir = await stateDirOf(cli);
  // The command line lets nothing else through.
  const action = args[0] as 'verify' | 'repair' | 'list';
  switch (action) {
    case 'list': {
      const runs = await listRuns(cli.host, stateDir);
      printResult(cli, runs, () => runListText(runs));
      return Exit.ok;
    }
    case 'verify': {
      const findings = await verifyState(cli.host, stateDir, await runToVerify(cli, stateDir, args[1]));
      printResult(cli, findings, () =>
        findings.length === 0
          ? 'every journal is whole\n'
          : findings.map((f) => `${f.severity} ${f.runId}: ${f.message} (${f.path})\n`).join(''),
      );
      return findings.some((finding) => finding.severity === 'error') ? Exit.internal : Exit.ok;
    }
    case 'repair': {
      const { run } = await findRun(cli, args[1]);
      const result = await repairState(cli.host, stateDir, run.runId);
      printResult(cli, result ?? { runId: run.runId, changed: false }, () =>
        result === undefined
          ? `the journal of ${run.runId} is whole\n`
          : `kept ${result.recordsKept} records, cut ${formatSize(result.bytesCut)}; the journal as it was: ${result.copy}\n`,
      );
      return Exit.ok;
    }
    default:
      return assertNever(action);
  }
}
