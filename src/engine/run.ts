import type { Host } from '../host/index.js';
import type { TaskGraph } from '../model/graph.js';
import { planToJson } from '../model/plan-json.js';
import { conduct } from './conduct.js';
import type { Conductor } from './conduct.js';
import { indexGraph } from './graph-index.js';
import type { GraphIndex } from './graph-index.js';
import { DIR_MODE, newRunId, runPaths, statePaths } from './layout.js';
import type { RunPaths } from './layout.js';
import { RunLedger } from './ledger.js';
import { takeLocks } from './locks.js';
import { JOURNAL_VERSION } from './record.js';
import { writeRunFile } from './run-file.js';
import type { RunFile } from './run-file.js';
import type { RunOptions, RunRequest, RunResult } from './run-types.js';

/** Makes the folders of a run. */
async function makeRunDirs(host: Host, stateDir: string, paths: RunPaths): Promise<void> {
  await host.files.makeDir(stateDir, DIR_MODE);
  for (const dir of [statePaths(stateDir).runs, paths.dir, paths.control, paths.logs]) {
    await host.files.makeDir(dir, DIR_MODE);
  }
}

/** Keeps the plan and the playbook as they are now. */
async function keepPlan(host: Host, paths: RunPaths, graph: TaskGraph, options: RunOptions): Promise<void> {
  await host.files.writeAtomic(paths.plan, planToJson(graph));
  if (options.snapshot === undefined || options.snapshot.length === 0) return;
  await host.files.makeDir(paths.snapshot, DIR_MODE);
  for (const [at, { name, text }] of options.snapshot.entries()) {
    const safe = name.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(-100);
    await host.files.writeAtomic(
      `${paths.snapshot}/${String(at).padStart(3, '0')}-${safe}`,
      host.redactor.redact(text),
    );
  }
}

/** Machines of which something is to be done. */
export function lockedVms(index: GraphIndex): readonly GraphIndex['vms'][number]['vm'][] {
  return index.vms.filter((vm) => vm.stages.some((node) => index.nodes[node]?.skip === undefined)).map((vm) => vm.vm);
}

/**
 * Runs a plan to its end. Failures of machines are part of the result; it throws only when nothing could be started:
 * `lock.held`, `engine.bad-graph`, `engine.unsupported-node`, `file.*`.
 */
export async function runPlan(request: RunRequest): Promise<RunResult> {
  const { host, graph, stateDir, options } = request;
  const index = indexGraph(graph);
  const runId = newRunId(host.clock, host.random);
  const paths = runPaths(stateDir, runId);
  const facts = await host.facts();
  await makeRunDirs(host, stateDir, paths);
  const running: { conductor?: Conductor } = {};
  const locks = await takeLocks({
    host,
    stateDir,
    runId,
    vms: lockedVms(index),
    breakLock: options.breakLock === true,
    onLost: (error) => running.conductor?.fail({ error, frozen: true }),
  }).catch(async (cause: unknown) => {
    await host.files.removeTree(paths.dir);
    throw cause;
  });
  try {
    await keepPlan(host, paths, graph, options);
    const storeDir = options.scratchDir ?? stateDir;
    const file: RunFile = {
      v: 1,
      runId,
      playbook: graph.playbook,
      planHash: graph.planHash,
      startedAt: new Date(host.clock.now()).toISOString(),
      vms: graph.vms.length,
      tasks: graph.nodes.length,
      host: facts.hostname,
      user: facts.user,
      version: options.version,
      storeDir,
      ...(options.invocation === undefined ? {} : { invocation: options.invocation }),
    };
    await writeRunFile(host, paths, file);
    const conductor = await conduct({
      host,
      index,
      runners: request.runners,
      stateDir,
      storeDir,
      runId,
      paths,
      options,
      control: request.control,
      onEvent: request.onEvent,
      ledger: new RunLedger(index),
      nextSeq: 0,
      journalBytes: 0,
      nextEventSeq: 1,
      missing: [],
      notices: [],
      opening: [
        {
          type: 'run.start',
          v: JOURNAL_VERSION,
          run: runId,
          planHash: graph.planHash,
          tasks: graph.nodes.length,
          host: facts.hostname,
          user: facts.user,
          pid: facts.pid,
          version: options.version,
        },
      ],
      isHit: (node) => index.nodes[node]?.cacheState === 'hit',
      mayAdopt: (node) => (index.nodes[node]?.cacheState === 'unknown' ? {} : undefined),
    });
    running.conductor = conductor;
    await host.files.syncDir(paths.dir);
    const result = await conductor.finished;
    await closeRunFile(host, paths, file, result);
    return result;
  } finally {
    await locks.release();
  }
}

/** Writes into run.json how the run ended. */
export async function closeRunFile(host: Host, paths: RunPaths, file: RunFile, result: RunResult): Promise<void> {
  const { outcome, exitCode } = result;
  const endedAt = new Date(host.clock.now()).toISOString();
  // The journal has it too; a full disk must not hide what happened behind an error about this file.
  await writeRunFile(host, paths, { ...file, endedAt, outcome, exitCode }).catch(() => undefined);
}
