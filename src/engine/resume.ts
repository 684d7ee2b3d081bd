import { conduct } from './conduct.js';
import type { Conductor } from './conduct.js';
import { lateCommands } from './control-files.js';
import { exitCodeOf } from './exit-code.js';
import { indexGraph } from './graph-index.js';
import { vmResultOf } from './ledger.js';
import { endLeftovers } from './leftovers.js';
import { takeLocks } from './locks.js';
import type { RecordBody } from './record.js';
import { JOURNAL_VERSION } from './record.js';
import { recoverRun } from './recover-run.js';
import { planResume } from './resume-plan.js';
import { closeRunFile, lockedVms } from './run.js';
import { findRun, readPlan, reopenRunFile } from './run-file.js';
import type { ResumeRequest, RunResult, VmResult } from './run-types.js';

const IDS_PER_RECORD = 500;

/**
 * Goes on with a run by its stored plan, after a failure, a cancel or a crash at any point. Process groups that are left
 * of the crashed process are ended first. A run of which everything is done is left as it is. Throws `cli.no-run`,
 * `engine.journal-damaged`, `lock.held`.
 */
export async function resumeRun(request: ResumeRequest): Promise<RunResult> {
  const { host, stateDir, options } = request;
  const { paths, file } = await findRun(host, stateDir, request.runId);
  const { runId, storeDir } = file;
  const index = indexGraph(await readPlan(host, paths));
  const facts = await host.facts();
  const running: { conductor?: Conductor } = {};
  const locks = await takeLocks({
    host,
    stateDir,
    runId,
    vms: lockedVms(index),
    breakLock: options.breakLock === true,
    onLost: (error) => running.conductor?.fail({ error, frozen: true }),
  });
  try {
    const recovered = await recoverRun(host, paths, index);
    const { ledger } = recovered;
    // Looked for at once: what comes from here on is meant for this process.
    const late = await lateCommands(host, paths.control, facts.uid, ledger.acknowledged);
    const ended = await endLeftovers(host, ledger.liveGroups());
    const plan = await planResume({ host, index, ledger, runId, storeDir, options });
    const isNew = recovered.nextSeq === 0;
    if (!plan.hasWork && !isNew && ledger.end !== undefined) {
      return {
        runId,
        runDir: paths.dir,
        planHash: index.graph.planHash,
        ...ending(index.vms.map((vm): VmResult => vmResultOf(vm, (node) => ledger.status(node), index))),
        counts: ledger.counts(),
        residuals: [],
      };
    }
    await reopenRunFile(host, paths, file);
    const opening: RecordBody[] = [];
    if (isNew) {
      // The process died before its first record was durable.
      const { host: hostname, user, version } = file;
      const { planHash, nodes } = index.graph;
      const head = { run: runId, planHash, tasks: nodes.length, host: hostname, user, pid: facts.pid, version };
      opening.push({ type: 'run.start', v: JOURNAL_VERSION, ...head });
    }
    const { version } = options;
    opening.push({ type: 'run.resumed', by: facts.user, host: facts.hostname, pid: facts.pid, version });
    opening.push(...late);
    for (let from = 0; from < plan.requeue.length; from += IDS_PER_RECORD) {
      opening.push({ type: 'task.requeue', tasks: plan.requeue.slice(from, from + IDS_PER_RECORD) });
    }
    for (let from = 0; from < plan.leaveOut.length; from += IDS_PER_RECORD) {
      const tasks = plan.leaveOut.slice(from, from + IDS_PER_RECORD);
      opening.push({ type: 'task.skip', tasks, reason: 'left-out' });
    }
    const conductor = await conduct({
      host,
      index,
      runners: request.runners,
      stateDir,
      storeDir,
      runId,
      paths,
      options: { ...options, ...(plan.leaveOut.length > 0 ? { partial: true } : {}) },
      control: request.control,
      onEvent: request.onEvent,
      ledger,
      nextSeq: recovered.nextSeq,
      journalBytes: recovered.offset,
      nextEventSeq: recovered.nextEventSeq,
      missing: recovered.missing,
      notices: [
        ...recovered.notices.map((message) => ({ code: 'engine.journal-torn' as const, message })),
        ...ended.map((message) => ({ code: 'engine.leftovers-ended' as const, message })),
        ...late.map(({ command, file, answer }) => ({
          code: 'engine.command-late' as const,
          message: `${command} (${file}) was not carried out: ${answer}`,
        })),
      ],
      opening,
      isHit: (node) => plan.hits.has(node),
      mayAdopt: (node) => {
        const attempt = plan.interrupted.get(node);
        if (attempt !== undefined) return { run: runId, attempt };
        return index.nodes[node]?.cacheState === 'unknown' && ledger.status(node).attempt === 0 ? {} : undefined;
      },
    });
    running.conductor = conductor;
    const result = await conductor.finished;
    await closeRunFile(host, paths, file, result);
    return result;
  } finally {
    await locks.release();
  }
}

/** How a run stands of which nothing is left to do. */
function ending(vms: readonly VmResult[]): Pick<RunResult, 'outcome' | 'exitCode' | 'vms'> {
  const failed = vms.some((vm) => vm.state === 'failed');
  const facts = { internal: false, cancelled: undefined, halted: false, failed, waiting: false };
  return { outcome: failed ? 'failed' : 'succeeded', exitCode: exitCodeOf(facts), vms };
}
