/** The built command line as a user runs it. Never waits in a way that would keep the test runner from breathing. */
import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

/** The built command line's entry file. */
export const ENTRY = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** How a command ended, and what it said. */
export interface Said {
  /** Exit code; 128 plus the signal's number is never seen here: a command that was killed has `null`. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Said>;
  /** What it has said on standard error so far. */
  err(): string;
}

function following(child: ChildProcessByStdio<null, Readable, Readable>): Running {
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = new Promise<Said>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
  return { child, ended, err: () => said.err };
}

/** Starts a command in a folder. `env` is added to the environment of the test. */
export function startDrover(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [ENTRY, ...args], {
    cwd,
    env: { ...process.env, CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return following(child);
}

/** Runs a command in a folder to its end. */
export function drover(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  return startDrover(cwd, args, env).ended;
}

/**
 * Starts a command on a terminal of its own, 120 columns wide, that shows what a person would see: `out` has standard
 * output and standard error. Killing the child hangs the terminal up.
 */
export function startOnTerminal(cwd: string, args: readonly string[]): Running {
  const command = [process.execPath, ENTRY, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qfec', `stty cols 120 rows 40; exec ${command}`, '/dev/null'], {
    cwd,
    env: { ...process.env, TERM: 'xterm', CI: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return following(child);
}
