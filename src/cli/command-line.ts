/** The command line as data: commands, arguments, options. Help, completion and the documentation are made from it. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { Cli } from './context.js';
import { EXAMPLES } from './examples.js';
import { EXIT_MEANINGS } from './exit-codes.js';
import { RENDERERS } from './screen/screen.js';
import { VERSION } from './version.js';

/** A command's work; what it returns is the exit code. Each one is loaded only when it is called. */
export type Action = (
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  program: Command,
) => Promise<number>;

const FORMATS = ['text', 'json', 'github'];
const VERIFY_LEVELS = ['none', 'sampled', 'full'];
const SELECTORS: readonly (readonly [string, string])[] = [
  [
    '--only <expr>',
    'take only what matches; may be repeated (any of them). EXPR: wave:NAME, vm:GLOB, label:K=V, source:NAME, host:local, stage:NAME, state:failed, joined by commas (all of them)',
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

/** How a command that works on a run takes its locks and shows how far it is. */
function withScreen(command: Command): Command {
  return command
    .option('--break-lock', 'break a lock of another host that has not been refreshed for a minute')
    .option('--events <target>', 'also write events to a file (`ndjson:PATH`) or a descriptor (`fd:3`)')
    .addOption(new Option('--renderer <kind>', 'how progress is shown').choices(RENDERERS).default('auto'));
}

/** The whole command line. Parsing it does nothing but call `bind`'s actions. */
export function buildProgram(bind: (load: () => Promise<Action>) => (...words: unknown[]) => Promise<void>): Command {
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

Exit codes:
${EXIT_MEANINGS.map(([code, text]) => `  ${String(code).padStart(3)}  ${text.replaceAll('`', '')}`).join('\n')}
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

  const run = withSelectors(withPlaybook(program.command('run').description('carry out a playbook or a saved plan')))
    .argument('<playbook-or-plan>')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'check everything and show the plan; change nothing')
    .option('--force <stage>', 'run this stage and all after it again; may be repeated', collect)
    .option('--skip-blocked', 'go on without the machines that have blockers')
    .option('--accept-drift', 'run a saved plan although the world has changed')
    .addOption(
      new Option('--verify <level>', 'how closely cached outputs are checked')
        .choices(VERIFY_LEVELS)
        .default('sampled'),
    );
  withScreen(run).action(bind(async () => (await import('./commands/run.js')).run));

  const resume = withSelectors(
    program.command('resume').description('go on with a run after a failure, a cancel or a crash'),
  )
    .argument('[run]', 'id of the run (default: the newest)')
    .option('-y, --yes', 'do not ask; only `--replan` asks')
    .option('--retry-failed', 'run again what failed and everything that is open (the default)')
    .option('--only-failed', 'run again only what failed')
    .addOption(
      new Option('--verify <level>', 'how closely finished work is checked').choices(VERIFY_LEVELS).default('sampled'),
    )
    .option('--force <stage>', 'run this stage and all after it again; may be repeated', collect)
    .option(
      '--replan',
      'compile the playbook again, with the settings and selectors of the run, instead of using the stored plan',
    )
    .addOption(
      new Option('--set <path=value>', 'with `--replan`: set a setting for every machine; may be repeated').argParser(
        collect,
      ),
    );
  withScreen(resume).action(bind(async () => (await import('./commands/resume.js')).resume));

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
    .argument('[run]', 'id of the run (default: every run that ended well)')
    .option('--intermediates', 'only intermediate images (the default)')
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
    .description('check or repair journals, or list the runs')
    .addArgument(new Argument('<action>', 'what to do').choices(['verify', 'repair', 'list']))
    .argument('[run]', 'id of the run (default: every run to verify, the newest to repair)')
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
    .addArgument(new Argument('<shell>', 'for which shell').choices(['bash', 'zsh', 'fish']))
    .action(bind(async () => (await import('./commands/completion.js')).completion));

  for (const command of program.commands) {
    const examples = EXAMPLES[command.name()] ?? [];
    const width = Math.max(0, ...examples.map(({ line }) => line.length));
    const lines = examples.map(({ line, what }) => `  ${line.padEnd(width)}  ${what}`);
    if (lines.length > 0) command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
  return program;
}
