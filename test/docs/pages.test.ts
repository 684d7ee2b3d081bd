/** What the Markdown pages claim: links lead somewhere, paths exist, commands parse, playbooks are valid. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/command-line.js';
import { EXAMPLES } from '../../src/cli/examples.js';
import { Exit, EXIT_MEANINGS } from '../../src/cli/exit-codes.js';
import { formatText } from '../../src/lib/diagnostic-format.js';
import { loadPlaybook } from '../../src/playbook/index.js';
import { allPages, readPage, ROOT } from '../support/markdown.js';
import { memoryFiles } from '../support/memory-playbook.js';

const pages = allPages();
const everyPage = pages.map((page) => [page.path, page] as const);

/** A text may name a command without saying for what; a line to be copied may not. */
const MENTION = new Set(['commander.missingArgument', 'commander.optionMissingArgument']);

/** Why a command line does not parse; undefined when it does. Nothing is carried out. */
async function parseFault(line: string, isMention = false): Promise<string | undefined> {
  const program = buildProgram(() => async () => undefined);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  }
  // As a shell splits it, as far as the pages need it; a comment ends it.
  const [, ...words] = [...line.replace(/\s#.*$/, '').matchAll(/"[^"]*"|'[^']*'|[^\s"']+/g)].map(([word]) =>
    word.replaceAll(/^["']|["']$/g, ''),
  );
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isFine = error.exitCode === 0 || error.code === 'commander.help' || (isMention && MENTION.has(error.code));
    return isFine ? undefined : error.message;
  }
}

interface CommandLine {
  readonly line: string;
  readonly isMention: boolean;
}

/** What calls drover: whole lines of blocks, and what stands between backticks. */
function commandLines(page: (typeof pages)[number]): CommandLine[] {
  const inBlocks = page.blocks
    .filter(({ language }) => ['console', 'sh', 'bash', 'shell', ''].includes(language))
    .flatMap(({ text }) => text.split('\n').map((line) => line.replace(/^\s*\$ /, '').trim()));
  const inline = page.prose.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''));
  const lines = [
    ...inBlocks.map((line) => ({ line, isMention: false })),
    ...inline.map((line) => ({ line, isMention: true })),
  ];
  return (
    lines
      .map(({ line, isMention }) => ({ line: line.replace(/^npx /, ''), isMention }))
      // What stands for words of the reader's own.
      .filter(({ line }) => /^drover [a-z-]/.test(line) && !line.includes('[options]') && !line.includes('…'))
      .map(({ line, isMention }) => ({ line: line.replaceAll(/<([a-z-]+)>/g, '$1'), isMention }))
  );
}

describe('every page', () => {
  it.each(everyPage)('%s: links and anchors lead somewhere', (path, page) => {
    const broken = page.prose.flatMap((line, at) =>
      [...line.matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
        const target = match[1] ?? '';
        if (/^[a-z]+:/.test(target)) return [];
        const [file = '', anchor] = target.split('#');
        const full = file === '' ? path : normalize(join(dirname(path), file));
        if (!existsSync(join(ROOT, full))) return [`${at + 1}: ${target}`];
        if (anchor === undefined || !full.endsWith('.md')) return [];
        return readPage(full).anchors.has(anchor) ? [] : [`${at + 1}: ${target}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it.each(everyPage)('%s: every drover command parses', async (_path, page) => {
    const faults: string[] = [];
    for (const { line, isMention } of commandLines(page)) {
      const fault = await parseFault(line, isMention);
      if (fault !== undefined) faults.push(`${line}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });

  it.each(everyPage)('%s: every whole playbook is valid', async (_path, page) => {
    const texts = page.blocks.filter(({ language, text }) => language === 'yaml' && /^kind: Playbook$/m.test(text));
    for (const { text, line } of texts) {
      const files = memoryFiles({ '/p/page.yaml': text });
      const { diagnostics } = await loadPlaybook(
        ['page.yaml'],
        { cwd: '/p', env: () => undefined, strict: true },
        files,
      );
      expect(formatText(diagnostics), `block at line ${line}`).toBe('');
    }
  });
});

describe('the checks of pages', () => {
  it('find what is wrong', async () => {
    expect(await parseFault('drover plan playbook.yaml --no-such-flag')).toMatch(/unknown option/);
    expect(await parseFault('drover plna playbook.yaml')).toMatch(/unknown command/);
    expect(await parseFault('drover plan playbook.yaml --format xml')).toMatch(/invalid/);
    expect(await parseFault('drover plan playbook.yaml --diff last  # a remark')).toBeUndefined();
  });

  it('see the pages, their commands and their playbooks', () => {
    expect(pages.map(({ path }) => path)).toContain('docs/operations.md');
    expect(pages.flatMap(commandLines).length).toBeGreaterThan(40);
    expect(readPage('docs/errors.md').anchors).toContain('flattenchain-cid');
    expect(readPage('README.md').blocks.some(({ language }) => language === 'yaml')).toBe(true);
  });
});

describe('ARCHITECTURE.md', () => {
  const page = readPage('ARCHITECTURE.md');

  it('names only files and folders that exist', () => {
    const named = page.prose.flatMap((line) =>
      [...line.matchAll(/`((?:src|test|docs|schemas|templates|playbooks|bench|scripts|test-confs)\/[^`*<]*)`/g)].map(
        (match) => match[1] ?? '',
      ),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('describes every room', () => {
    const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.filter(({ name }) => !page.text.includes(`| \`${name}\` |`)).map(({ name }) => name)).toEqual([]);
  });
});

describe('the command line', () => {
  it('has examples for every command, and they parse', async () => {
    const program = buildProgram(() => async () => undefined);
    expect(Object.keys(EXAMPLES).sort()).toEqual(program.commands.map((command) => command.name()).sort());
    for (const { line } of Object.values(EXAMPLES).flat()) {
      expect(await parseFault(line.replace(/^source <\((.*)\)$/, '$1')), line).toBeUndefined();
    }
  });

  it('explains every exit code, also in docs/operations.md', () => {
    expect(EXIT_MEANINGS.map(([code]) => code).sort((a, b) => a - b)).toEqual(
      Object.values(Exit).sort((a, b) => a - b),
    );
    const rows = [...readPage('docs/operations.md').text.matchAll(/^\| (\d+) \| (.*) \|$/gm)];
    expect(rows.map((row) => [Number(row[1]), row[2]])).toEqual(EXIT_MEANINGS);
  });
});
