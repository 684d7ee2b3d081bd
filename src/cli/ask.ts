import { createInterface } from 'node:readline/promises';
import { DroverError } from '../lib/error.js';
import type { Cli } from './context.js';

/** Asks before something happens. Without a terminal nobody can be asked: throws `cli.confirmation`. */
export async function confirmed(cli: Cli, question: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!cli.stdin.isTty) {
    throw new DroverError({ code: 'cli.confirmation', message: `${question} Nobody can be asked here.` });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
