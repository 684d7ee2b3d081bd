import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { asDroverError, errorRecord } from '../lib/error.js';
import type { DroverError } from '../lib/error.js';
import { createHost } from '../host/index.js';
import type { Cli, GlobalOptions } from './context.js';
import { Exit, exitForError } from './exit-codes.js';
import { RENDERERS } from './screen/screen.js';
import { VERSION } from './version.js';

/** A command's work; what it returns is the exit code. Each one is loaded only when it is called. */
type Action = (
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  program: Command,
) => Promise<number>;

interface State {
  exitCode: number;
}

const FORMATS = ['text', 'json', 'github'];
const SELECTORS: readonly (readonly [string, string])[] = [
  [
    '--only <expr>',
    'take only what matches; may be repeated (any of them). EXPR: wave:NAME, vm:GLOB, label:K=V, source:NAME, stage:NAME, state:failed, joined by commas (all of them)',
  ],
  ['--skip <expr>', 'leave out what matches; may be repeated'],
];

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number of at least 1 is needed');
  return number;
}

function withSelectors(command: Command): Command {
  for (const [flag, text] of SELECTORS) command.addOption(new Option(flag, text).argParser(collect));
  return command
    .option('--from <stage>', 'begin at this stage; everything before it must be cached')
    .option('--until <stage>', 'end after this stage')
    .option('--limit <count>', 'only the first machines in plan order', positive);
}

function withPlaybook(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--set <path=value>',
        'set a setting for every machine, such as validate.level=boot; may be repeated',
      ).argParser(collect),
    )
    .option('--strict', 'treat warnings as errors, and let `${env:…}` read only what `envAllow` names')
    .option('--allow-outside-root', 'let includes and lists lie outside the project root')
    .option('--all-errors', 'print every diagnostic instead of the first 50');
}

/** The whole command line. Parsing it does nothing but call `bind`'s actions. */
function buildProgram(bind: (load: () => Promise<Action>) => (...words: unknown[]) => Promise<void>): Command {
  const program = new Command('drover')
    .description('Moves virtual machines to KVM from version-controlled playbooks, and proves that they boot.')
    .version(VERSION, '-V, --version')
    .option(
      '--state-dir <dir>',
      'where runs are kept (default: the nearest .drover folder upward, or DROVER_STATE_DIR)',
    )
    .option('--json', 'print the result as one JSON document on standard output')
    .option('-q, --quiet', 'print nothing but results and errors')
    .option('--no-color', 'no colours (NO_COLOR is honoured too)')
    .showHelpAfterError('(drover help <command> shows what a command takes)')
    .helpCommand('help [command]', 'show what a command takes')
    .addHelpText(
      'after',
      `
A first migration:
  drover init                            write a commented playbook
  drover doctor                          is everything installed?
  drover plan playbook.yaml              what would happen, and why
  drover run playbook.yaml --yes         do it
  drover status                          how far is it?  --why: what is it waiting for?
  drover resume                          go on after a failure, a cancel or a crash

Exit codes: 0 success, 1 a machine failed, 2 usage, 3 playbook invalid, 4 preflight blockers, 5 internal, 6 locked,
  8 halted by policy, 9 drift, 10 work to do (plan --detailed-exitcode), 130 interrupted.
Error codes: drover explain <code>.`,
    );

  withPlaybook(program.command('validate').description('check playbooks without touching anything'))
    .argument('<playbook...>')
    .addOption(new Option('--format <format>', 'form of the diagnostics').choices(FORMATS).default('text'))
    .action(bind(async () => (await import('./commands/validate.js')).validate));

  withPlaybook(
    program
      .command('explain')
      .description('the effective settings of a machine and where each came from; or what an error code means'),
  )
    .argument('<playbook-or-code>', 'a playbook, or an error code such as flatten.chain-cid')
    .argument('[vm]', 'name of the machine')
    .argument('[pointer]', 'one setting, such as /validate/level')
    .action(bind(async () => (await import('./commands/explain.js')).explain));

  withSelectors(
    withPlaybook(
      program.command('plan').description('compile a playbook into a plan and show what would run, and why'),
    ),
  )
    .argument('<playbook>')
    .option('-o, --output <file>', 'save the plan')
    .option('--diff <run>', 'compare with an earlier run (`last`) or a saved plan')
    .option('--detailed-exitcode', 'exit 10 when there is work to do')
    .option('--force <stage>', 'run this stage and all after it again; may be repeated', collect)
    .addOption(new Option('--format <format>', 'form of the plan').choices(['text', 'json', 'md']).default('text'))
    .action(bind(async () => (await import('./commands/plan.js')).plan));

  withSelectors(withPlaybook(program.command('graph').description('draw the task graph')))
    .argument('<playbook-or-plan>')
    .addOption(
      new Option('--format <format>', 'language of the drawing').choices(['dot', 'mermaid', 'json']).default('mermaid'),
    )
    .addOption(new Option('--level <level>', 'how much detail').choices(['wave', 'vm', 'task']).default('vm'))
    .option('--critical-path', 'mark the longest chain')
    .action(bind(async () => (await import('./commands/graph.js')).graph));

  withSelectors(withPlaybook(program.command('run').description('carry out a playbook or a saved plan')))
    .argument('<playbook-or-plan>')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'check everything and show the plan; change nothing')
    .option('--force <stage>', 'run this stage and all after it again; may be repeated', collect)
    .option('--skip-blocked', 'go on without the machines that have blockers')
    .option('--accept-drift', 'run a saved plan although the world has changed')
    .option('--verify <level>', 'how closely cached outputs are checked: none, sampled, full', 'sampled')
    .option('--break-lock', 'break a lock of another host that has not been refreshed for a minute')
    .option('--events <target>', 'also write events to a file (`ndjson:PATH`) or a descriptor (`fd:3`)')
    .addOption(new Option('--renderer <kind>', 'how progress is shown').choices(RENDERERS).default('auto'))
    .action(bind(async () => (await import('./commands/run.js')).run));

  withSelectors(program.command('resume').description('go on with a run after a failure, a cancel or a crash'))
    .argument('[run]', 'id of the run (default: the newest)')
    .option('-y, --yes', 'do not ask')
    .option('--retry-failed', 'run again what failed and everything that is open (the default)')
    .option('--only-failed', 'run again only what failed')
    .option('--verify <level>', 'how closely finished work is checked: none, sampled, full', 'sampled')
    .option('--force <stage>', 'run this stage and all after it again; may be repeated', collect)
    .option('--replan', 'compile the playbook again instead of using the stored plan')
    .option('--break-lock', 'break a lock of another host that has not been refreshed for a minute')
    .option('--events <target>', 'also write events to a file (`ndjson:PATH`) or a descriptor (`fd:3`)')
    .addOption(new Option('--renderer <kind>', 'how progress is shown').choices(RENDERERS).default('auto'))
    .action(bind(async () => (await import('./commands/resume.js')).resume));

  program
    .command('status')
    .description('how far a run is')
    .argument('[run]', 'id of the run (default: the newest)')
    .option('--all', 'list every run of the state folder')
    .option('--vm <name>', 'one machine, stage by stage')
    .option('--why', 'what everything that does not run is waiting for')
    .option('--watch', 'refresh until the run ends')
    .action(bind(async () => (await import('./commands/status.js')).status));

  program
    .command('cancel')
    .description('stop a running run, or single machines of it')
    .argument('[run]', 'id of the run (default: the newest)')
    .option('--vm <name>', 'only this machine; may be repeated', collect)
    .option('--now', 'kill what runs instead of letting it end in order')
    .action(bind(async () => (await import('./commands/cancel.js')).cancel));

  program
    .command('clean')
    .description('remove intermediates and old runs; products stay')
    .argument('[run]', 'id of the run (default: every finished one)')
    .option('--intermediates', 'only intermediate images')
    .option('--all', 'intermediates, documents and the run itself')
    .option('--older-than <age>', 'only runs older than this, such as 30d')
    .option('--dry-run', 'show what would go')
    .action(bind(async () => (await import('./commands/clean.js')).clean));

  program
    .command('report')
    .description('the report of a run')
    .argument('[run]', 'id of the run (default: the newest)')
    .addOption(new Option('--format <format>', 'form of the report').choices(['json', 'md', 'html']).default('md'))
    .option('-o, --output <file>', 'write it to a file')
    .action(bind(async () => (await import('./commands/report.js')).report));

  program
    .command('logs')
    .description('the log of a stage')
    .argument('[run]', 'id of the run (default: the newest)')
    .option('--vm <name>', 'one machine')
    .option('--stage <stage>', 'one stage')
    .option('--attempt <n>', 'one attempt', positive)
    .option('--follow', 'go on printing until the run ends')
    .action(bind(async () => (await import('./commands/logs.js')).logs));

  program
    .command('state')
    .description('check or repair the journal of a run')
    .argument('<verify|repair|list>')
    .argument('[run]', 'id of the run (default: the newest)')
    .action(bind(async () => (await import('./commands/state.js')).state));

  program
    .command('doctor')
    .description('is everything that Drover needs here, and how fast is it?')
    .option('--fresh', 'probe the accelerator again instead of using the remembered verdict')
    .action(bind(async () => (await import('./commands/doctor.js')).doctor));

  program
    .command('init')
    .description('write a commented playbook for the images in a folder')
    .argument('[dir]', 'folder for the playbook', '.')
    .option('--images <dir>', 'folder that holds the disk images', './images')
    .option('--name <name>', 'name of the playbook')
    .action(bind(async () => (await import('./commands/init.js')).init));

  program
    .command('completion')
    .description('print the completion script of a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .action(bind(async () => (await import('./commands/completion.js')).completion));

  return program;
}

function makeCli(options: GlobalOptions): Cli {
  const stderr = process.stderr;
  const dumb = process.env['TERM'] === 'dumb';
  const color = options.color !== false && stderr.isTTY && !dumb && (process.env['NO_COLOR'] ?? '') === '';
  return {
    host: createHost(),
    options,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    stdin: { isTty: process.stdin.isTTY },
    terminal: {
      isTty: stderr.isTTY && !dumb && (process.env['CI'] ?? '') === '',
      color,
      rows: () => stderr.rows ?? 24,
      columns: () => stderr.columns ?? 80,
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

/** Runs one command line and returns its exit code. Nothing thrown gets past it. */
export async function runCli(argv: readonly string[]): Promise<number> {
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
    process.stderr.write(errorText(error));
    return exitForError(error);
  }
}
