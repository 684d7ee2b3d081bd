/** Screens: subscribers that show a run. The engine runs the same with any of them. */
import type { ProgressView } from '../../report/index.js';
import type { Cli } from '../context.js';
import { liveScreen } from './live.js';
import { plainScreen } from './plain.js';
import type { RendererName, Screen } from './screen.js';

export type { RendererName, Screen } from './screen.js';

/** The screen that suits the terminal, or the one that was asked for. Everything goes to standard error. */
export function openScreen(cli: Cli, name: RendererName, view: ProgressView): Screen {
  const clock = (): number => cli.host.clock.now();
  const chosen = name === 'auto' ? (cli.terminal.isTty ? 'live' : 'plain') : name;
  if (cli.options.quiet === true && name === 'auto') return silentScreen();
  switch (chosen) {
    case 'live':
      return liveScreen(view, cli.terminal, clock);
    case 'plain':
      return plainScreen(view, (text) => cli.err(text), clock);
    case 'json':
      return {
        onEvent: (event) => cli.err(`${JSON.stringify(event)}\n`),
        notice: () => undefined,
        drop: () => undefined,
        end: async () => undefined,
      };
    case 'silent':
      return silentScreen();
  }
}

function silentScreen(): Screen {
  return { onEvent: () => undefined, notice: () => undefined, drop: () => undefined, end: async () => undefined };
}
