/** What a running run does from time to time: look for commands, tell how full the pools are, who waits and for how long yet. */
import type { Host } from '../host/index.js';
import { findCommands } from './control-files.js';
import type { ControlCommand } from './control.js';
import { estimateRest } from './eta.js';
import type { GraphIndex } from './graph-index.js';
import type { RunPaths } from './layout.js';
import type { EventBody } from './ledger.js';
import type { ProgressMeter } from './progress.js';
import type { RecordBody } from './record.js';
import type { Scheduler } from './scheduler.js';
import { foremost, waitingTasks } from './waiting.js';

const USAGE_EVERY_MS = 5_000;
const ETA_EVERY_MS = 15_000;

export interface TickerPorts {
  readonly host: Host;
  readonly paths: RunPaths;
  /** How often the control folder is looked at, milliseconds. */
  readonly periodMs: number;
  readonly index: GraphIndex;
  readonly scheduler: Scheduler;
  readonly meter: ProgressMeter;
  /** Who may command, and the name that is recorded for him. */
  readonly uid: number;
  readonly user: string;
  /** Commands that were executed already. */
  readonly acknowledged: Iterable<string>;
  record(body: RecordBody, then?: () => void): void;
  emit(event: EventBody): void;
  /** Executes a command; returns the answer for the journal. */
  execute(command: ControlCommand, by: string): string;
  readonly inBackground: (work: Promise<unknown>) => void;
}

export function startTicker(ports: TickerPorts): { stop(): void } {
  const { host, paths, index, scheduler, user, inBackground } = ports;
  let lastUsage = '';
  let lastWaiting = '';
  let usageAt = 0;
  let etaAt = host.clock.monotonic() + ETA_EVERY_MS;
  let isPolling = false;
  const seen = new Set<string>();

  const poll = async (): Promise<void> => {
    const known = new Set([...ports.acknowledged, ...seen]);
    for (const { file, command, refusal } of await findCommands(host, paths.control, ports.uid, known)) {
      seen.add(file);
      const answer = command === undefined ? (refusal ?? 'refused') : ports.execute(command, user);
      ports.record({ type: 'control.ack', file, command: command?.command ?? 'unknown', by: user, answer }, () =>
        inBackground(host.files.remove(`${paths.control}/${file}`)),
      );
    }
  };
  const tellUsage = async (): Promise<void> => {
    const pools = scheduler.admission.pools.usage();
    const usage = JSON.stringify(pools);
    if (usage !== lastUsage) ports.emit({ type: 'pool.usage', data: { pools } });
    lastUsage = usage;
    const text = JSON.stringify({ waiting: foremost(index, waitingTasks(index, scheduler)), pools });
    if (text === lastWaiting) return;
    lastWaiting = text;
    await host.files.writeAtomic(paths.waiting, text);
  };
  const tick = (): void => {
    const now = host.clock.monotonic();
    ports.meter.tick();
    if (!isPolling) {
      isPolling = true;
      inBackground(poll().finally(() => (isPolling = false)));
    }
    if (now - usageAt >= USAGE_EVERY_MS) {
      usageAt = now;
      scheduler.kick();
      inBackground(tellUsage());
    }
    if (now >= etaAt) {
      etaAt = now + ETA_EVERY_MS;
      const eta = estimateRest(index, scheduler);
      if (eta !== undefined) ports.emit({ type: 'eta', data: eta });
    }
  };
  let timer: { cancel(): void } | undefined;
  const arm = (): void => {
    timer = host.clock.setTimer(ports.periodMs, () => {
      tick();
      arm();
    });
  };
  arm();
  return { stop: () => timer?.cancel() };
}
