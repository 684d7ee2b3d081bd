/**
 * The boot proof: runs a machine from throw-away overlays, watches everything it gives off, and ends with a verdict and a folder
 * of evidence. Nothing of it outlives the call: no process, socket or copy of firmware variables, however it ends.
 */
import { posix } from 'node:path';
import { asDroverError, DroverError } from '../../lib/error.js';
import type { Host, RunningProcess } from '../../host/index.js';
import type { DomainView, GuestReport } from '../../model/index.js';
import type { AcceleratorVerdict } from '../accelerator.js';
import { qemuArgv } from '../qemu-argv.js';
import type { BlockImage, QemuRuntime } from '../qemu-argv.js';
import type { QemuFacts } from '../qemu-facts.js';
import { grantedQmp } from '../qmp/grant.js';
import type { QmpClient, QmpEvent } from '../qmp/client.js';
import { askAgent } from './agent.js';
import type { AgentFacts } from './agent.js';
import type { BootStage } from './detectors.js';
import { jsonLines, sealEvidence } from './evidence.js';
import { BOOT_GRANT, startQemu } from './monitor.js';
import { BootObserver } from './observer.js';
import { BoundedText } from './tail.js';
import { BootTracker } from './tracker.js';
import type { BootFinding, BootRequirements, BootSignal, BootVerdict } from './tracker.js';
import type { GuestTraffic } from './pcap.js';

export interface BootProofRequest {
  readonly view: DomainView;
  /** Throw-away overlays with what lies below them, by disk position. */
  readonly images: readonly { readonly index: number; readonly image: BlockImage }[];
  /** Private folder for what the run needs; emptied by the caller. */
  readonly workDir: string;
  /** Fresh folder for the evidence. */
  readonly evidenceDir: string;
  readonly accelerator: AcceleratorVerdict;
  readonly qemu: QemuFacts;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly need: BootRequirements;
  /** Copied into the evidence. */
  readonly domainXml: string;
  readonly onProgress?: (progress: { readonly stage: BootStage; readonly elapsedMs: number }) => void;
}

export interface BootProofResult extends BootVerdict {
  readonly signals: readonly BootSignal[];
  /** Findings that did not decide. */
  readonly warnings: readonly BootFinding[];
  readonly stageTimes: Readonly<Partial<Record<BootStage, number>>>;
  readonly report?: GuestReport;
  readonly agent?: AgentFacts;
  readonly traffic: readonly (GuestTraffic & { readonly index: number })[];
  readonly accelerator: 'kvm' | 'tcg';
  readonly durationMs: number;
  /** How the machine was ended: what it held was thrown away, so that it is not shut down politely. */
  readonly end: 'quit' | 'sigterm' | 'ended-itself';
  /** The last lines of the console. */
  readonly consoleTail: string;
  readonly evidenceDir: string;
}

const POLL_MS = 150;
const QUIT_MS = 5000;
const SOCKET_PATH_LIMIT = 100;

/** A short private folder for sockets: QEMU refuses longer paths. */
async function socketDir(host: Host): Promise<string> {
  const runtime = host.env('XDG_RUNTIME_DIR');
  const isUsable =
    runtime !== undefined && runtime.length < 60 && (await host.files.stat(runtime))?.kind === 'directory';
  const dir = await host.files.makeTempDir('drover-', isUsable ? runtime : undefined);
  if (dir.length + '/agent.sock'.length <= SOCKET_PATH_LIMIT) return dir;
  await host.files.removeTree(dir);
  return host.files.makeTempDir('drover-', '/tmp');
}

/** The private copy of the firmware variables; never the template itself. */
async function copyVariables(host: Host, view: DomainView, workDir: string): Promise<QemuRuntime['nvram']> {
  if (view.firmware.kind === 'bios' || view.firmware.varsTemplate === undefined) return undefined;
  const path = posix.join(workDir, 'vars.fd');
  const template = await host.files.read(view.firmware.varsTemplate, 128 * 1024 ** 2);
  await host.files.writeAtomic(path, template);
  return { path, format: view.firmware.format ?? 'raw' };
}

interface ProofRecord {
  readonly qmp: BoundedText;
  readonly events: QmpEvent[];
}

function onEvent(tracker: BootTracker, event: QmpEvent, atMs: number): void {
  const reason = typeof event.data['reason'] === 'string' ? event.data['reason'] : 'unknown';
  switch (event.name) {
    case 'SHUTDOWN':
      if (reason === 'guest-panic') tracker.fatal('kernel-panic', atMs, 'the guest told QEMU that its kernel panicked');
      else if (reason === 'guest-reset') tracker.fatal('early-exit', atMs, 'the guest restarted itself');
      else if (event.data['guest'] === true)
        tracker.fatal('early-exit', atMs, `the guest switched itself off (${reason})`);
      return;
    case 'RESET':
      if (event.data['guest'] === true) tracker.reset(atMs);
      return;
    case 'GUEST_PANICKED':
      return tracker.fatal('kernel-panic', atMs, 'the guest told QEMU that its kernel panicked');
    case 'BLOCK_IO_ERROR':
    case 'BLOCK_IMAGE_CORRUPTED':
      return tracker.fatal('io-error', atMs, `${event.name}: ${JSON.stringify(event.data).slice(0, 300)}`);
    default:
      return;
  }
}

/** Ends QEMU: by its monitor when that answers, else by signals. */
async function endQemu(host: Host, qemu: RunningProcess, qmp: QmpClient | undefined): Promise<BootProofResult['end']> {
  let isGone = false;
  const exited = qemu.exited.then(() => {
    isGone = true;
  });
  await host.clock.sleep(0);
  if (isGone) return 'ended-itself';
  if (qmp !== undefined) {
    // The connection may be closed or reset instead of an answer: what counts is that the process ends.
    await qmp.execute('quit', undefined, { timeoutMs: QUIT_MS }).catch(() => undefined);
    await Promise.race([exited, host.clock.sleep(QUIT_MS)]);
    if (isGone) return 'quit';
  }
  await qemu.stop(QUIT_MS);
  return 'sigterm';
}

/**
 * Boots a machine and says whether it came up. A guest that fails is a verdict, not an error. Throws `vm.start-failed` and monitor
 * errors when QEMU itself could not be run, and the signal's reason when it is cancelled; evidence is written in every case.
 */
export async function proveBoot(host: Host, request: BootProofRequest, signal?: AbortSignal): Promise<BootProofResult> {
  const { view, evidenceDir, need } = request;
  const files = host.files;
  const inEvidence = (name: string): string => posix.join(evidenceDir, name);
  await files.makeDir(evidenceDir);
  const sockets = await socketDir(host);
  const record: ProofRecord = { qmp: new BoundedText(4 * 1024 ** 2), events: [] };
  let process: RunningProcess | undefined;
  let said = new BoundedText(1024);
  let qmp: QmpClient | undefined;
  const tracker = new BootTracker(need);
  let began = host.clock.monotonic();
  const elapsed = (): number => Math.round(host.clock.monotonic() - began);
  let observer: BootObserver | undefined;
  let verdict: BootVerdict | undefined;
  let failure: unknown;
  let end: BootProofResult['end'] = 'sigterm';
  let agent: Promise<AgentFacts | undefined> | undefined;
  try {
    const nvram = await copyVariables(host, view, request.workDir);
    const runtime: QemuRuntime = {
      accelerator: request.accelerator.accelerator,
      cpuModel: request.accelerator.cpuModel,
      cpus: request.cpus,
      memoryBytes: request.memoryBytes,
      images: request.images,
      ...(nvram === undefined ? {} : { nvram }),
      qmpSocket: posix.join(sockets, 'qmp.sock'),
      pidFile: posix.join(sockets, 'qemu.pid'),
      serialLog: inEvidence('serial.log'),
      debugLog: inEvidence('debugcon.log'),
      agentSocket: posix.join(sockets, 'agent.sock'),
      network: request.qemu.userNetwork ? 'isolated' : 'unplugged',
      captures: view.nics.map((nic) => ({ index: nic.index, path: inEvidence(`net${nic.index}.pcap`) })),
      sandbox: request.qemu.sandbox,
      onReboot: need.allowedResets > 0 ? 'reset' : 'shutdown',
    };
    const argv = qemuArgv(view, runtime);
    await files.writeAtomic(inEvidence('argv.json'), `${JSON.stringify(argv, undefined, 1)}\n`);
    await files.writeAtomic(
      inEvidence('probe.json'),
      `${JSON.stringify({ accelerator: request.accelerator, qemu: request.qemu }, undefined, 2)}\n`,
    );
    await files.writeAtomic(inEvidence('domain.xml'), request.domainXml);
    const started = await startQemu(
      host,
      {
        argv,
        qmpSocket: runtime.qmpSocket,
        uuid: view.uuid,
        cwd: sockets,
        limitMs: request.accelerator.accelerator === 'kvm' ? 10_000 : 30_000,
        ...(signal === undefined ? {} : { signal }),
        onStarted: (child, text) => {
          process = child;
          said = text;
        },
      },
      { onTraffic: (direction, message) => record.qmp.add(`${JSON.stringify({ direction, message })}\n`) },
    );
    qmp = started.qmp;
    qmp.onEvent((event) => {
      if (record.events.length < 10_000) record.events.push(event);
      onEvent(tracker, event, elapsed());
      if (event.name === 'VSERPORT_CHANGE' && event.data['open'] === true) {
        // An open port says that somebody listens, not that it is an agent that answers.
        agent ??= askAgent(host, posix.join(sockets, 'agent.sock'), signal).then((facts) => {
          if (facts !== undefined) tracker.signal('agent', elapsed(), `guest agent answers: ${facts.system}`);
          return facts;
        });
        agent.catch(() => undefined);
      }
    });
    const monitor = grantedQmp(qmp, 'the boot proof', BOOT_GRANT);
    observer = new BootObserver(host, monitor, tracker, view, runtime, evidenceDir);
    began = host.clock.monotonic();
    await monitor.execute('cont');
    tracker.signal('process', 0, `QEMU ${qmp.version} runs the machine with ${runtime.accelerator}`);
    let gone: string | undefined;
    void started.process.exited.then(({ code, signal: by }) => {
      gone = code === null ? `QEMU was ended by ${by ?? 'a signal'}` : `QEMU ended with exit code ${code}`;
    });
    for (;;) {
      signal?.throwIfAborted();
      const isOver = gone;
      await observer.look(elapsed());
      if (isOver !== undefined) verdict = tracker.ended(elapsed(), isOver);
      else verdict = tracker.decide(elapsed());
      if (verdict !== undefined) break;
      request.onProgress?.({ stage: tracker.stage, elapsedMs: elapsed() });
      await host.clock.sleep(POLL_MS, signal);
    }
    await observer.lastPicture(elapsed());
  } catch (thrown) {
    failure = thrown;
  }
  const durationMs = elapsed();
  try {
    if (process !== undefined) end = await endQemu(host, process, qmp);
  } finally {
    qmp?.close();
    await process?.stop(0);
    await files.removeTree(sockets);
    await files.remove(posix.join(request.workDir, 'vars.fd'));
  }
  const agentFacts = await agent?.catch(() => undefined);
  // What the guest said last may be the very reason why it ended.
  await observer?.lastText(durationMs);
  const traffic = (await observer?.traffic()) ?? [];
  await observer?.[Symbol.asyncDispose]();
  const outcome: BootVerdict = verdict ?? {
    verdict: 'inconclusive',
    reason: signal?.aborted === true ? 'cancelled' : asDroverError(failure).message,
    stage: tracker.stage,
  };
  const result: BootProofResult = {
    ...outcome,
    signals: tracker.signals,
    warnings: tracker.warnings,
    stageTimes: Object.fromEntries(tracker.stageTimes),
    ...(tracker.report === undefined ? {} : { report: tracker.report }),
    ...(agentFacts === undefined ? {} : { agent: agentFacts }),
    traffic,
    accelerator: request.accelerator.accelerator,
    durationMs,
    end,
    consoleTail: observer?.consoleTail() ?? '',
    evidenceDir,
  };
  await writeRecords(host, result, record, said, observer?.consoleText() ?? '');
  if (failure !== undefined) {
    signal?.throwIfAborted();
    throw failure instanceof DroverError ? failure : asDroverError(failure);
  }
  return result;
}

/** Writes what was gathered in memory, without registered secrets, and seals the folder. */
async function writeRecords(
  host: Host,
  result: BootProofResult,
  record: ProofRecord,
  said: BoundedText,
  consoleText: string,
): Promise<void> {
  const texts: Readonly<Record<string, string>> = {
    'verdict.json': `${JSON.stringify(result, undefined, 2)}\n`,
    'timeline.jsonl': jsonLines(timeline(result)),
    'serial.txt': consoleText,
    'events.jsonl': jsonLines(record.events),
    'qmp.jsonl': record.qmp.text,
    'stderr.log': said.text,
  };
  for (const [name, text] of Object.entries(texts)) {
    await host.files.writeAtomic(posix.join(result.evidenceDir, name), host.redactor.redact(text));
  }
  await sealEvidence(host, result.evidenceDir);
}

/** What happened when, in order. */
function timeline(result: BootProofResult): readonly unknown[] {
  const entries = [
    ...Object.entries(result.stageTimes).map(([stage, atMs]) => ({ atMs, stage })),
    ...result.signals.map(({ atMs, signal, excerpt }) => ({ atMs, signal, excerpt })),
    ...result.warnings.map(({ atMs, id, excerpt }) => ({ atMs, warning: id, excerpt })),
    ...(result.finding === undefined
      ? []
      : [{ atMs: result.finding.atMs, fatal: result.finding.id, excerpt: result.finding.excerpt }]),
    { atMs: result.durationMs, verdict: result.verdict },
  ];
  return entries.sort((a, b) => a.atMs - b.atMs);
}
