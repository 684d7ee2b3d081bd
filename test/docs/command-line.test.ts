/** The command line and what is written about it: docs/cli.md, the manual page, help and the exit codes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/command-line.js';
import { EXAMPLES } from '../../src/cli/examples.js';
import { Exit, EXIT_MEANINGS } from '../../src/cli/exit-codes.js';
import { parseFault } from '../support/command-lines.js';
import { readPage, ROOT } from '../support/markdown.js';

const program = buildProgram(() => async () => undefined);
const commands = program.commands.map((command) => [command.name(), command] as const);
const page = readPage('docs/cli.md').text;
const manual = readFileSync(join(ROOT, 'docs/man/drover.1'), 'utf8');

/** From a line that begins with this to the next heading of the same kind. */
function section(text: string, heading: string, next: RegExp): string {
  const from = text.indexOf(`\n${heading}`) + 1;
  if (from === 0) return '';
  const rest = text.slice(from + heading.length);
  const end = rest.search(next);
  return end < 0 ? rest : rest.slice(0, end);
}

const inPage = (name: string): string => section(page, `## ${name}\n`, /^## /m);
const inManual = (name: string): string => section(manual, `.SS "drover ${name} `, /^\.S[SH] /m);
const escaped = (text: string): string => text.replaceAll('-', '\\-');

/** Lines without the blanks that align them. */
const linesOf = (text: string): readonly string[] => text.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '));

/** What `drover help …` prints. */
function helpOf(...words: readonly string[]): string {
  let printed = '';
  const fresh = buildProgram(() => async () => undefined);
  for (const each of [fresh, ...fresh.commands] as Command[]) {
    each.exitOverride().configureOutput({ writeOut: (text) => (printed += text), getOutHelpWidth: () => 1000 });
  }
  expect(() => fresh.parse(['help', ...words], { from: 'user' })).toThrow();
  return printed;
}

describe.each(commands)('drover %s', (name, command) => {
  it('is in docs/cli.md and in the manual page with all its options and arguments', () => {
    for (const { flags } of command.options) {
      expect(inPage(name), flags).toContain(`| \`${flags}\` |`);
      expect(inManual(name), flags).toContain(`\n.B ${escaped(flags)}\n`);
    }
    for (const argument of command.registeredArguments) {
      expect(inPage(name)).toContain(argument.name());
      expect(section(manual, `.SS "drover ${name} `, /\n/)).toContain(escaped(argument.name()));
    }
  });

  it('has two to four examples that parse, and they are in help and in both documents', async () => {
    const examples = EXAMPLES[name] ?? [];
    expect(examples.length).toBeGreaterThanOrEqual(2);
    expect(examples.length).toBeLessThanOrEqual(4);
    for (const { line, what } of examples) {
      expect(await parseFault({ line, isMention: false }), line).toBeUndefined();
      expect(line, 'an example shows its own command').toContain(`drover ${name}`);
      expect(linesOf(inPage(name))).toContain(`$ ${line} # ${what}`);
      expect(section(manual, '.SH EXAMPLES\n', /^\.SH /m)).toContain(`.B ${escaped(line)}\n${escaped(what)}\n`);
      expect(linesOf(helpOf(name))).toContain(`${line} ${what}`);
    }
  });
});

describe('the whole program', () => {
  it('has no examples for what it does not know', () => {
    expect(Object.keys(EXAMPLES).sort()).toEqual(commands.map(([name]) => name).sort());
  });

  it('has the options of every command in both documents', () => {
    for (const { flags } of program.options) {
      expect(inPage('Options of every command')).toContain(`| \`${flags}\` |`);
      expect(section(manual, '.SH OPTIONS\n', /^\.SH /m)).toContain(`\n.B ${escaped(flags)}\n`);
    }
  });

  it('has a manual page in which no text is taken for a request of roff', () => {
    const requests = new Set([...manual.matchAll(/^[.'](\S*)/gm)].map((match) => match[1]));
    expect([...requests].sort()).toEqual(['B', 'BR', 'RI', 'SH', 'SS', 'TH', 'TP', '\\"']);
    expect(manual).not.toMatch(/[^\x20-\x7e\n]/);
  });

  it('has a manual page with the usual sections, in the usual order', () => {
    expect([...manual.matchAll(/^\.SH (.*)$/gm)].map((match) => match[1])).toEqual(
      'NAME,SYNOPSIS,DESCRIPTION,COMMANDS,OPTIONS,EXIT STATUS,ENVIRONMENT,FILES,EXAMPLES,SEE ALSO'.split(','),
    );
    const { man } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { man: string };
    expect(man).toBe('docs/man/drover.1');
  });
});

describe('exit codes', () => {
  it('have a meaning each', () => {
    const codes = Object.values(Exit).sort((a, b) => a - b);
    expect(EXIT_MEANINGS.map(([code]) => code)).toEqual(codes);
  });

  it.each(['docs/operations.md', 'docs/cli.md'])('stand in %s', (path) => {
    const rows = [...readPage(path).text.matchAll(/^\| (\d+) \| (.*) \|$/gm)];
    expect(rows.map((row) => [Number(row[1]), row[2]])).toEqual(EXIT_MEANINGS);
  });

  it('stand in the manual page', () => {
    const rows = [...section(manual, '.SH EXIT STATUS\n', /^\.SH /m).matchAll(/^\.TP\n\.B (\d+)\n(.*)$/gm)];
    const plain = (text: string): string => text.replaceAll(/\\f[BR]/g, '').replaceAll('\\-', '-');
    expect(rows.map((row) => [Number(row[1]), plain(row[2] ?? '')])).toEqual(
      EXIT_MEANINGS.map(([code, text]) => [code, text.replaceAll('`', '')]),
    );
  });

  it('stand in the help', () => {
    const rows = [...section(helpOf(), 'Exit codes:\n', /^Error codes/m).matchAll(/^ +(\d+) {2}(.*)$/gm)];
    expect(rows.map((row) => [Number(row[1]), row[2]])).toEqual(
      EXIT_MEANINGS.map(([code, text]) => [code, text.replaceAll('`', '')]),
    );
  });
});

describe('the environment', () => {
  /** Where every program looks, and what means nothing of its own to Drover. */
  const COMMON = ['HOME', 'PATH'];

  it('is in docs/cli.md as far as the sources read it', () => {
    const files = (readdirSync(join(ROOT, 'src'), { recursive: true }) as string[]).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
    );
    const names = files.flatMap((name) =>
      [...readFileSync(join(ROOT, 'src', name), 'utf8').matchAll(/\benv(?:\(|\[)'([A-Z_]+)'/g)].map(
        (match) => match[1],
      ),
    );
    const read = [...new Set(names)].filter((name) => name !== undefined && !COMMON.includes(name));
    expect(read).toContain('DROVER_STATE_DIR');
    expect(read.filter((name) => !inPage('Environment').includes(`| \`${name}\` |`))).toEqual([]);
  });
});
