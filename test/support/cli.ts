/** The built command line as a user runs it. Never waits in a way that would keep the test runner from breathing. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

const ENTRY = new URL('../../dist/cli/main.js', import.meta.url).pathname;

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

/** Starts a command in a folder. `env` is added to the environment of the test. */
export function startDrover(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [ENTRY, ...args], {
    cwd,
    env: { ...process.env, CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = new Promise<Said>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
  return { child, ended, err: () => said.err };
}

/** Runs a command in a folder to its end. */
export function drover(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  return startDrover(cwd, args, env).ended;
}
