import { Exit } from './exit-codes.js';

/** What a run lets the outside do to it. */
export interface RunControl {
  /** First call: end in order. With `force`: kill what runs. */
  cancel(options: { readonly by: string; readonly force: boolean }): void;
  /** Writes a full status event. */
  snapshot(): void;
}

/**
 * Ties the process's signals to a run. SIGINT and SIGTERM cancel, the second one kills; SIGHUP only takes the screen away;
 * SIGUSR1 asks for a snapshot. Returns what to call at the end, and the exit code that a signal asks for.
 */
export function bindSignals(
  control: RunControl,
  onNotice: (text: string) => void,
  dropScreen: () => void,
): { release(): void; exitCode(): number | undefined } {
  let asked: number | undefined;
  let presses = 0;
  const interrupt = (signal: 'SIGINT' | 'SIGTERM'): void => {
    presses += 1;
    asked ??= signal === 'SIGINT' ? Exit.interrupted : Exit.terminated;
    control.cancel({ by: signal, force: presses > 1 });
    onNotice(presses > 1 ? 'killing what runs' : 'stopping in order; press Ctrl-C again to kill what runs');
  };
  const onInt = (): void => interrupt('SIGINT');
  const onTerm = (): void => interrupt('SIGTERM');
  const onHup = (): void => dropScreen();
  const onUsr1 = (): void => control.snapshot();
  process.on('SIGINT', onInt);
  process.on('SIGTERM', onTerm);
  process.on('SIGHUP', onHup);
  process.on('SIGUSR1', onUsr1);
  return {
    release: () => {
      process.off('SIGINT', onInt);
      process.off('SIGTERM', onTerm);
      process.off('SIGHUP', onHup);
      process.off('SIGUSR1', onUsr1);
    },
    exitCode: () => asked,
  };
}
