/** The command line as Markdown and as a manual page, made from the program itself. */

/** What the environment says, in both documents. */
const ENVIRONMENT = [
  ['DROVER_STATE_DIR', 'Folder where runs are kept, unless `--state-dir` says so.'],
  [
    'DROVER_BIN_<PROGRAM>',
    'Absolute path of a program that is to be used instead of the one in `PATH`: `DROVER_BIN_QEMU_IMG` for `qemu-img`.',
  ],
  [
    'XDG_CACHE_HOME',
    'Facts about this machine, such as whether KVM works, are remembered below it. Default: `~/.cache`.',
  ],
  ['XDG_CONFIG_HOME', 'Firmware descriptions in `qemu/firmware` below it go before those of the system.'],
  ['XDG_RUNTIME_DIR', 'Sockets of machines that boot as a proof, when the path is short enough. Default: `TMPDIR`.'],
  [
    'TMPDIR',
    'Small files of the appliance, and the appliance itself. Default: `/tmp`, and `/var/tmp` for the appliance.',
  ],
  ['LIBGUESTFS_CACHEDIR', 'Where the appliance is kept once it is built. Default: `TMPDIR`.'],
  ['NO_COLOR', 'No colours when it holds anything.'],
  ['CI', 'No moving screen when it holds anything.'],
  ['TERM', 'No colours and no moving screen when it is `dumb`.'],
];

const FILES = [
  ['.drover/', 'Runs, journals, reports and intermediates, in the nearest folder upward.'],
  ['out/<vm>/<vm>-disk0.qcow2', 'A product; the target of the playbook names the folder.'],
  ['out/<vm>/<vm>.xml', 'The domain for `virsh define`.'],
];

/**
 * @typedef {import('commander').Command} Command
 * @typedef {{ readonly line: string, readonly what: string }} Example
 * @typedef {{ readonly program: Command, readonly examples: Readonly<Record<string, readonly Example[]>>, readonly exits: readonly (readonly [number, string])[] }} Parts
 */

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/([^.?])$/, '$1.');
}

/**
 * What an option or an argument means, with what it may be.
 * @param {{ description: string, argChoices?: string[] | undefined, defaultValue?: unknown }} word
 */
function explained({ description, argChoices, defaultValue }) {
  const choices = argChoices === undefined ? '' : ` One of ${argChoices.map((each) => `\`${each}\``).join(', ')}.`;
  const fallback = defaultValue === undefined ? '' : ` Default: \`${defaultValue}\`.`;
  return description === '' ? '' : `${sentence(description)}${choices}${fallback}`;
}

/** @param {Command} command */
function argumentsOf(command) {
  return command.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? '...' : '');
    return { name: argument.required ? `<${name}>` : `[${name}]`, text: explained(argument) };
  });
}

/** @param {Command} command */
function synopsis(command) {
  return ['drover', command.name(), '[options]', ...argumentsOf(command).map(({ name }) => name)].join(' ');
}

/** @param {Command} program */
const commandsOf = (program) => program.commands.filter((command) => command.name() !== 'help');

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');

/** @param {Command} command */
function optionTable(command) {
  const rows = command.options.map((option) => `| \`${cell(option.flags)}\` | ${cell(explained(option))} |`);
  return rows.length === 0 ? [] : ['| Option | Meaning |', '|---|---|', ...rows, ''];
}

/** @param {string} notice @param {Parts} parts */
export function cliMarkdown(notice, { program, examples, exits }) {
  const lines = [
    notice,
    '',
    '# Command line',
    '',
    program.description(),
    '`drover help <command>` prints the same as this page, and `man ./docs/man/drover.1` all of it.',
    '',
    '## Options of every command',
    '',
    ...optionTable(program),
    ...commandsOf(program).flatMap((command) => {
      const given = argumentsOf(command).filter(({ text }) => text !== '');
      const shown = examples[command.name()] ?? [];
      const width = Math.max(...shown.map(({ line }) => line.length));
      return [
        `## ${command.name()}`,
        '',
        sentence(command.description()),
        '',
        '```console',
        `$ ${synopsis(command)}`,
        '```',
        '',
        ...given.map(({ name, text: what }) => `- \`${name}\`: ${what}`),
        ...(given.length > 0 ? [''] : []),
        ...optionTable(command),
        '```console',
        ...shown.map(({ line, what }) => `$ ${line.padEnd(width)}  # ${what}`),
        '```',
        '',
      ];
    }),
    '## Exit codes',
    '',
    '| Code | Meaning |',
    '|---|---|',
    ...exits.map(([code, text]) => `| ${code} | ${cell(text)} |`),
    '',
    '## Environment',
    '',
    '| Variable | Meaning |',
    '|---|---|',
    ...ENVIRONMENT.map(([name, text]) => `| \`${name}\` | ${text} |`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Escapes what roff takes for itself and turns `code` into bold. @param {string} text */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(
      /[^\x20-\x7e\n]/g,
      (char) => `\\[u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replaceAll(/`([^`]+)`/g, '\\fB$1\\fR')
    .replace(/^([.'])/gm, '\\&$1');
}

/** @param {string} term @param {string} text */
const tagged = (term, text) => ['.TP', `.B ${roff(term)}`, roff(text)];

/** @param {string} notice @param {string} version @param {Parts} parts */
export function cliManual(notice, version, { program, examples, exits }) {
  const lines = [
    `.\\" ${notice}`,
    `.TH DROVER 1 "" "drover ${version}" "User Commands"`,
    '.SH NAME',
    'drover \\- move virtual machines to KVM, and prove that they boot',
    '.SH SYNOPSIS',
    '.B drover',
    '.RI [ options ] " command " [ options ] " " [ arguments ]',
    '.SH DESCRIPTION',
    roff(program.description()),
    roff(
      'A playbook (YAML) says which machines come from where and what they become; `drover plan` shows what would be done, `drover run` does it, `drover resume` goes on after a failure or a crash. The origin is never written to.',
    ),
    '.SH COMMANDS',
    ...commandsOf(program).flatMap((command) => [
      `.SS "${roff(synopsis(command))}"`,
      roff(sentence(command.description())),
      ...argumentsOf(command)
        .filter(({ text }) => text !== '')
        .flatMap(({ name, text }) => tagged(name, text)),
      ...command.options.flatMap((option) => tagged(option.flags, explained(option))),
    ]),
    '.SH OPTIONS',
    'These belong to every command.',
    ...program.options.flatMap((option) => tagged(option.flags, explained(option))),
    '.SH EXIT STATUS',
    ...exits.flatMap(([code, text]) => tagged(String(code), text)),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name = '', text = '']) => tagged(name, text)),
    '.SH FILES',
    ...FILES.flatMap(([name = '', text = '']) => tagged(name, text)),
    '.SH EXAMPLES',
    ...commandsOf(program).flatMap((command) =>
      (examples[command.name()] ?? []).flatMap(({ line, what }) => tagged(line, what)),
    ),
    '.SH SEE ALSO',
    '.BR qemu\\-img (1),',
    '.BR guestfish (1),',
    '.BR virsh (1)',
  ];
  return `${lines.join('\n')}\n`;
}
