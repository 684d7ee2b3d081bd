import type { RunEvent } from '../../model/event.js';
import type { ProgressView } from '../../report/index.js';
import { formatDuration, formatSize } from '../../lib/units.js';
import { footer, waveLine } from './lines.js';
import type { Screen } from './screen.js';

const SUMMARY_MS = 60_000;

function clockOf(ts: string): string {
  return ts.slice(11, 19);
}

/** The line for an event, or undefined when it is none that a log reader needs. */
export function plainLine(event: RunEvent, view: ProgressView): string | undefined {
  const vm = event.vm === undefined ? undefined : view.vms.get(event.vm)?.name;
  const at = clockOf(event.ts);
  switch (event.type) {
    case 'run.start':
      return `${at} run ${event.run}: ${event.data.playbook}, ${event.data.vms} VM${event.data.vms === 1 ? '' : 's'}, plan ${event.data.planHash.slice(0, 12)}`;
    case 'run.resumed':
      return `${at} run ${event.run} resumed by ${event.data.by}`;
    case 'run.cancelling':
      return `${at} cancelled by ${event.data.by}; running stages have ${event.data.graceS} s`;
    case 'task.state': {
      if (vm === undefined || event.stage === undefined) return undefined;
      const { to, seconds, bytes, reason, error } = event.data;
      const head = `${at} ${vm} ${event.stage}`;
      const took = seconds === undefined ? '' : ` in ${formatDuration(seconds * 1000)}`;
      const size = bytes === undefined || bytes === 0 ? '' : `, ${formatSize(bytes)}`;
      if (to === 'running') return `${head} started${(event.attempt ?? 1) > 1 ? ` (try ${event.attempt})` : ''}`;
      if (to === 'succeeded') return `${head} done${took}${size}`;
      if (to === 'cached') return `${head} cached`;
      if (to === 'cancelled') return `${head} cancelled`;
      if (to === 'retry_wait') return `${head} will be tried again${reason === undefined ? '' : `: ${reason}`}`;
      if (to === 'failed')
        return `${head} FAILED${took}: ${error?.code ?? ''} ${error?.message ?? reason ?? ''}\n${' '.repeat(9)}hint: ${error?.hint ?? 'see the log'}\n${' '.repeat(9)}log: drover logs ${event.run} --vm ${vm} --stage ${event.stage}`;
      return undefined;
    }
    case 'vm.state':
      if (vm === undefined || event.data.to === 'running' || event.data.to === 'skipped') return undefined;
      return `${at} ${vm} ${event.data.to}`;
    case 'policy.halt':
      return `${at} halted: ${event.data.failures} failures in ${event.data.scope}, limit ${event.data.limit}`;
    case 'circuit.open':
      return `${at} ${event.data.resource} is left alone for a while: the same failure (${event.data.class}) came up again and again`;
    case 'warning':
      return `${at} ${vm === undefined ? '' : `${vm} `}warning ${event.data.code}: ${event.data.message}`;
    default:
      return undefined;
  }
}

/** One line per state change, timestamps first, a summary each minute; no cursor movement. For CI and log files. */
export function plainScreen(view: ProgressView, write: (text: string) => void, clock: () => number): Screen {
  let silent = false;
  const timer = setInterval(() => {
    if (silent) return;
    for (const wave of view.waves) if (wave.counts.running > 0) write(`${' '.repeat(9)}${waveLine(wave)}\n`);
    const last = footer(view, clock());
    if (last !== '') write(`${' '.repeat(9)}${last}\n`);
  }, SUMMARY_MS);
  timer.unref();
  return {
    onEvent: (event) => {
      const line = silent ? undefined : plainLine(event, view);
      if (line !== undefined) write(`${line}\n`);
    },
    notice: (text) => {
      if (!silent) write(`${text}\n`);
    },
    drop: () => {
      silent = true;
    },
    end: async () => clearInterval(timer),
  };
}
