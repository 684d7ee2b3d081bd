import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { asDroverError, errorRecord } from '../lib/error.js';
import type { DroverError } from '../lib/error.js';
import { steadyText } from '../lib/text-table.js';
import { createHost } from '../host/index.js';
import { buildProgram } from './command-line.js';
import type { Cli, GlobalOptions } from './context.js';
import { Exit, exitForError } from './exit-codes.js';

interface State {
  exitCode: number;
}

function makeCli(options: GlobalOptions): Cli {
  const stderr = process.stderr;
  const dumb = process.env['TERM'] === 'dumb';
  const color = options.color !== false && stderr.isTTY && !dumb && (process.env['NO_COLOR'] ?? '') === '';
  return {
    host: createHost(),
    options,
    // A file or a pipe gets every byte; a terminal nothing that could steer it: logs hold what guests print.
    out: (text) => void process.stdout.write(process.stdout.isTTY ? steadyText(text) : text),
    // Messages of tools and names from images and archives pass here.
    err: (text) => void process.stderr.write(steadyText(text)),
    stdin: { isTty: process.stdin.isTTY },
    terminal: {
      isTty: stderr.isTTY && !dumb && (process.env['CI'] ?? '') === '',
      color,
      // A terminal that does not know its size says 0.
      rows: () => stderr.rows || 24,
      columns: () => stderr.columns || 80,
    },
  };
}

/** The text of an error as people see it: code, what happened, what to do. */
function errorText(error: DroverError): string {
  const where = [error.where?.vm, error.where?.stage, error.where?.step].filter((part) => part !== undefined).join(' ');
  const tail = typeof error.details?.['tail'] === 'string' ? error.details['tail'].split('\n').slice(-6) : [];
  return [
    `error ${error.code}${where === '' ? '' : ` (${where})`}: ${error.message}`,
    ...tail.filter((line) => line !== '' && !error.message.includes(line)).map((line) => `    | ${line}`),
    `  hint: ${error.hint}`,
    ...(error.code === 'internal.bug' && error.cause instanceof Error ? [error.cause.stack ?? ''] : []),
    '',
  ].join('\n');
}

/**
 * A reader that goes away (`| head`, a terminal that hangs up) must not end a run: what is said then is lost, the work and
 * its reports are not. Without a listener such an error would be thrown.
 */
function surviveDeafReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** Runs one command line and returns its exit code. Nothing thrown gets past it. */
export async function runCli(argv: readonly string[]): Promise<number> {
  surviveDeafReaders();
  const state: State = { exitCode: Exit.ok };
  let json = argv.includes('--json');
  const program = buildProgram((load) => async (...words) => {
    // commander calls with the arguments, the command's options and the command itself.
    const command = words.pop() as Command;
    words.pop();
    const {
      stateDir,
      json: wantsJson,
      quiet,
      color,
      ...options
    } = command.optsWithGlobals<GlobalOptions & Record<string, unknown>>();
    json = wantsJson === true;
    const cli = makeCli({
      ...(stateDir === undefined ? {} : { stateDir }),
      ...(wantsJson === undefined ? {} : { json: wantsJson }),
      ...(quiet === undefined ? {} : { quiet }),
      ...(color === undefined ? {} : { color }),
    });
    const action = await load();
    const args = words.flat().filter((word) => word !== undefined) as string[];
    state.exitCode = await action(cli, args, options, program);
  });
  program.exitOverride();
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return state.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Help and version are answers, everything else is a mistake in the command line.
      return thrown.exitCode === 0 || thrown.code === 'commander.help' ? Exit.ok : Exit.usage;
    }
    const error = asDroverError(thrown);
    if (json) process.stdout.write(`${JSON.stringify({ error: errorRecord(error) }, null, 2)}\n`);
    process.stderr.write(steadyText(errorText(error)));
    return exitForError(error);
  }
}
