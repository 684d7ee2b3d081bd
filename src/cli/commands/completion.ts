import type { Command } from 'commander';
import type { Cli } from '../context.js';
import { Exit } from '../exit-codes.js';

interface Words {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly text: string; readonly choices: readonly string[] }[];
}

function wordsOf(command: Command): Words {
  return {
    name: command.name(),
    summary: command.description(),
    options: command.options.flatMap((option) =>
      [option.long, option.short]
        .filter((flag) => flag !== undefined && flag !== null)
        .map((flag) => ({ flag, text: option.description, choices: option.argChoices ?? [] })),
    ),
  };
}

function bash(commands: readonly Words[], globals: Words): string {
  const cases = commands.map((command) => {
    const flags = [...command.options, ...globals.options].map((option) => option.flag).join(' ');
    return `    ${command.name}) words="${flags}" ;;`;
  });
  const values = commands.flatMap((command) =>
    command.options
      .filter((option) => option.choices.length > 0)
      .map(
        (option) =>
          `    ${command.name}:${option.flag}) COMPREPLY=($(compgen -W "${option.choices.join(' ')}" -- "$cur")); return ;;`,
      ),
  );
  return `# drover completion for bash: source <(drover completion bash)
_drover() {
  local cur prev cmd words i
  cur="\${COMP_WORDS[COMP_CWORD]}"; prev="\${COMP_WORDS[COMP_CWORD-1]}"; cmd=""
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in -*) ;; *) cmd="\${COMP_WORDS[i]}"; break ;; esac
  done
  case "$cmd:$prev" in
${values.join('\n')}
  esac
  case "$cmd" in
    "") words="${[...commands.map((command) => command.name), ...globals.options.map((option) => option.flag)].join(' ')}" ;;
${cases.join('\n')}
    *) words="" ;;
  esac
  if [[ "$cur" == -* || -z "$cmd" ]]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _drover drover
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(commands: readonly Words[], globals: Words): string {
  const spec = (option: Words['options'][number]): string => {
    const value = option.choices.length > 0 ? `:value:(${option.choices.join(' ')})` : '';
    return quoted(`${option.flag}[${option.text.replaceAll(/[[\]:]/g, ' ')}]${value}`);
  };
  const cases = commands.map(
    (command) =>
      `    ${command.name}) _arguments ${[...command.options, ...globals.options].map(spec).join(' ')} '*:file:_files' ;;`,
  );
  return `#compdef drover
# drover completion for zsh: drover completion zsh > "\${fpath[1]}/_drover"
_drover() {
  local -a commands
  commands=(${commands.map((command) => quoted(`${command.name}:${command.summary}`)).join(' ')})
  if (( CURRENT == 2 )); then _describe 'command' commands; return; fi
  local cmd="\${words[2]}"; shift words; (( CURRENT-- ))
  case "$cmd" in
${cases.join('\n')}
  esac
}
compdef _drover drover
`;
}

function fish(commands: readonly Words[], globals: Words): string {
  const line = (condition: string, option: Words['options'][number]): string => {
    const flag = option.flag.startsWith('--') ? `-l ${option.flag.slice(2)}` : `-s ${option.flag.slice(1)}`;
    const choices = option.choices.length > 0 ? ` -x -a ${quoted(option.choices.join(' '))}` : '';
    return `complete -c drover ${condition} ${flag}${choices} -d ${quoted(option.text)}`;
  };
  return [
    '# drover completion for fish: drover completion fish > ~/.config/fish/completions/drover.fish',
    ...commands.map(
      (command) => `complete -c drover -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
    ),
    ...globals.options.map((option) => line('', option)),
    ...commands.flatMap((command) =>
      command.options.map((option) => line(`-n '__fish_seen_subcommand_from ${command.name}'`, option)),
    ),
    '',
  ].join('\n');
}

/** `drover completion <shell>`: made from the command line's own definition, so that it cannot lag behind. */
export async function completion(
  cli: Cli,
  args: readonly string[],
  _options: Readonly<Record<string, unknown>>,
  program: Command,
): Promise<number> {
  const commands = program.commands.map(wordsOf);
  const globals = wordsOf(program);
  // The command line lets nothing else through.
  const make = { bash, zsh, fish }[args[0] as 'bash' | 'zsh' | 'fish'];
  cli.out(make(commands, globals));
  return Exit.ok;
}
