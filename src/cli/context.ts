import { dirname, join, resolve } from 'node:path';
import type { Host } from '../host/index.js';

/** What every command has: the machine, the two streams, and the options that stand before or after any command. */
export interface Cli {
  readonly host: Host;
  readonly options: GlobalOptions;
  /** Standard output: results only. */
  out(text: string): void;
  /** Standard error: everything for people. */
  err(text: string): void;
  readonly stdin: { readonly isTty: boolean };
  readonly terminal: Terminal;
}

export interface GlobalOptions {
  readonly stateDir?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color?: boolean;
}

/** The terminal behind standard error. */
export interface Terminal {
  readonly isTty: boolean;
  readonly color: boolean;
  rows(): number;
  columns(): number;
}

/**
 * Where runs are kept: `--state-dir`, else `DROVER_STATE_DIR`, else the nearest `.drover` upward from the current folder,
 * else `.drover` here.
 */
export async function stateDirOf(cli: Cli): Promise<string> {
  const named = cli.options.stateDir ?? cli.host.env('DROVER_STATE_DIR');
  if (named !== undefined && named !== '') return resolve(cli.host.cwd, named);
  for (let dir = cli.host.cwd; ; dir = dirname(dir)) {
    const candidate = join(dir, '.drover');
    if ((await cli.host.files.stat(candidate))?.kind === 'directory') return candidate;
    if (dirname(dir) === dir) return join(cli.host.cwd, '.drover');
  }
}

/** Prints the result of a command: one JSON document with `--json`, else the text. */
export function printResult(cli: Cli, value: unknown, text: () => string): void {
  if (cli.options.json === true) cli.out(`${JSON.stringify(value, null, 2)}\n`);
  else cli.out(text());
}
