/** The command lines that texts show, and whether the real program would take them. Nothing is carried out. */
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/command-line.js';
import { stageOption } from '../../src/cli/runs.js';
import { lookupCode } from '../../src/lib/catalog/index.js';
import { DroverError } from '../../src/lib/error.js';
import { Problems } from '../../src/playbook/problems.js';
import { parseSelector } from '../../src/playbook/selector-parser.js';
import type { Page } from './markdown.js';

export interface CommandLine {
  readonly line: string;
  /** A text may name a command without saying for what; a line to be copied may not. */
  readonly isMention: boolean;
}

const MENTION = new Set(['commander.missingArgument', 'commander.optionMissingArgument']);
const STAGE_OPTIONS = ['from', 'until', 'stage', 'force'];

/** The words of the drover command in a line, as far as the pages need a shell; undefined when there is none. */
function wordsOf(line: string): readonly string[] | undefined {
  const inner = /^source <\((.*)\)$/.exec(line.replace(/\s#.*$/, '').trim())?.[1] ?? line;
  const [first, ...words] = [...inner.matchAll(/"[^"]*"|'[^']*'|[^\s"']+/g)].map(([word]) => word);
  // A comment, a pipe or a redirection ends what the program gets to see.
  const end = words.findIndex((word) => /^(?:#|[|&;]|\d?[<>]$)/.test(word));
  const seen = end < 0 ? words : words.slice(0, end);
  return first === 'drover' ? seen.map((word) => word.replaceAll(/^["']|["']$/g, '')) : undefined;
}

/** What the program checks only once it runs: stages, selectors, codes. */
function faultOfValues(command: Command): string | undefined {
  const options = command.optsWithGlobals<Record<string, unknown>>();
  for (const name of STAGE_OPTIONS) for (const value of [options[name] ?? []].flat()) stageOption(value, `--${name}`);
  const problems = new Problems();
  for (const name of ['only', 'skip'])
    for (const value of [options[name] ?? []].flat()) parseSelector(value as string, problems);
  const [problem] = problems.list();
  if (problem !== undefined) return problem.message;
  const [subject = ''] = command.args;
  const isCode = command.name() === 'explain' && /^[a-z]+\.[a-z0-9.-]+$/.test(subject) && !/\.ya?ml$/.test(subject);
  return isCode && lookupCode(subject) === undefined ? `there is no code ${subject}` : undefined;
}

/** Why the program would refuse a line; undefined when it takes it. */
export async function parseFault({ line, isMention }: CommandLine): Promise<string | undefined> {
  let reached: Command | undefined;
  const program = buildProgram(() => async (...words) => {
    reached = words.at(-1) as Command;
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  }
  const words = wordsOf(line);
  if (words === undefined) return 'it does not call drover';
  const [, unknown] = words[0] === 'help' ? words : [];
  const isPlaceholder = unknown === undefined || unknown === 'command';
  if (!isPlaceholder && !program.commands.some((command) => command.name() === unknown)) return `no command ${unknown}`;
  try {
    await program.parseAsync(words, { from: 'user' });
    return reached === undefined ? undefined : faultOfValues(reached);
  } catch (error) {
    if (error instanceof DroverError) return error.message;
    if (!(error instanceof CommanderError)) throw error;
    const isFine = error.exitCode === 0 || error.code === 'commander.help' || (isMention && MENTION.has(error.code));
    return isFine ? undefined : error.message;
  }
}

/** What calls drover on a page: whole lines of blocks, and what stands between backticks. */
export function commandLines(page: Page): readonly CommandLine[] {
  const inBlocks = page.blocks
    .filter(({ language }) => ['console', 'sh', 'bash', 'shell', ''].includes(language))
    .flatMap(({ text }) => text.split('\n').map((line) => line.replace(/^\s*\$ /, '').trim()));
  const inline = page.prose.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''));
  return (
    [...inBlocks.map((line) => ({ line, isMention: false })), ...inline.map((line) => ({ line, isMention: true }))]
      .map(({ line, isMention }) => ({ line: line.replace(/^npx /, ''), isMention }))
      // How a command is called in general is made from the program itself.
      .filter(({ line }) => /^(?:drover|source <\(drover) [a-z-]/.test(line) && !line.includes('[options]'))
      // What stands for words of the reader's own.
      .map(({ line, isMention }) => ({ line: line.replaceAll('…', 'x').replaceAll(/<([a-z-]+)>/g, '$1'), isMention }))
  );
}
