import { Listr, PRESET_TIMER } from 'listr2';
import type { ListrTask } from 'listr2';
import type { RunEvent } from '../../model/event.js';
import type { ProgressView, WaveView } from '../../report/index.js';
import type { Terminal } from '../context.js';
import { bodyRows, fit, footer, waveBody, waveLine } from './lines.js';
import type { Screen } from './screen.js';

const FRAME_MS = 500;
/** More waves than this are shown as one line. */
const WAVE_ROWS = 12;

interface Slot {
  readonly waves: readonly WaveView[];
  /** Its row is final: listr2 has forgotten its output and cannot take more. */
  isFinal: boolean;
  resolve(): void;
  reject(error: Error): void;
  readonly ended: Promise<void>;
}

function slotOf(waves: readonly WaveView[]): Slot {
  let resolve = (): void => undefined;
  let reject = (_error: Error): void => undefined;
  const ended = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { waves, isFinal: false, resolve, reject, ended };
}

function isOver(wave: WaveView): boolean {
  return wave.counts.waiting + wave.counts.running === 0;
}

function slotTitle(slot: Slot): string {
  const [only] = slot.waves;
  if (slot.waves.length === 1 && only !== undefined) return waveLine(only);
  const over = slot.waves.filter(isOver).length;
  return `${slot.waves.length} more waves  ✔ ${over}  … ${slot.waves.length - over}`;
}

/**
 * The task list on a terminal. listr2 draws one row per wave with the running machines below it; its tasks are promises
 * that this view settles. It starts nothing, retries nothing and handles no signal.
 */
export function liveScreen(view: ProgressView, terminal: Terminal, clock: () => number): Screen {
  const single = view.waves.slice(0, WAVE_ROWS).map((wave) => slotOf([wave]));
  const slots = view.waves.length > WAVE_ROWS ? [...single, slotOf(view.waves.slice(WAVE_ROWS))] : single;
  const repaint: (() => void)[] = [];
  const tasks = slots.map((slot): ListrTask => ({
    title: slotTitle(slot),
    task: async (_context, task) => {
      const paint = (): void => {
        if (slot.isFinal) return;
        const columns = Math.max(20, terminal.columns() - 6);
        const title = fit(slotTitle(slot), columns);
        if (task.title !== title) task.title = title;
        const busy = slots.filter((other) => other.waves.some((wave) => wave.counts.running > 0));
        const rows = Math.max(1, Math.floor(bodyRows(terminal.rows(), slots.length) / Math.max(1, busy.length)));
        const body = slot.waves.flatMap((wave) => waveBody(wave, rows, columns, clock()));
        // The footer stands once, below the last wave that is under way.
        const tail = slot === (busy.at(-1) ?? slots.at(-1)) ? [fit(footer(view, clock()), columns)] : [];
        task.output = [...body, ...tail].filter((line) => line !== '').join('\n');
      };
      repaint.push(paint);
      paint();
      await slot.ended;
    },
    rendererOptions: { persistentOutput: false, outputBar: 1, ...(terminal.color ? { timer: PRESET_TIMER } : {}) },
  }));
  const list = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    collectErrors: false,
    registerSignalListeners: false,
    renderer: 'default',
    rendererOptions: { lazy: true, collapseErrors: false, collapseSubtasks: false, showErrorMessage: false },
  });
  const drawn = list.run().then(
    () => undefined,
    () => undefined,
  );
  let dropped = false;
  const draw = (): void => {
    for (const paint of repaint) paint();
    for (const slot of slots) {
      if (slot.isFinal || !slot.waves.every(isOver)) continue;
      slot.isFinal = true;
      if (slot.waves.some((wave) => wave.counts.failed + wave.counts.cancelled > 0)) slot.reject(new Error('failed'));
      else slot.resolve();
    }
  };
  const paintAll = (): void => {
    if (dropped) return;
    try {
      draw();
    } catch {
      // A picture that cannot be drawn is no reason to end the work: what happens stands in the events.
      dropped = true;
    }
  };
  const timer = setInterval(paintAll, FRAME_MS);
  return {
    onEvent: (_event: RunEvent) => undefined,
    notice: () => paintAll(),
    drop: () => {
      dropped = true;
      clearInterval(timer);
    },
    end: async () => {
      paintAll();
      clearInterval(timer);
      for (const slot of slots) slot.resolve();
      await drawn;
    },
  };
}
