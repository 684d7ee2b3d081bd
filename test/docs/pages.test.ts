/** What the Markdown pages claim: links lead somewhere, paths exist, commands parse, playbooks are valid. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/command-line.js';
import { formatText } from '../../src/lib/diagnostic-format.js';
import { loadPlaybook } from '../../src/playbook/index.js';
import { commandLines, parseFault } from '../support/command-lines.js';
import { allPages, readPage, ROOT } from '../support/markdown.js';
import type { Page } from '../support/markdown.js';
import { memoryFiles } from '../support/memory-playbook.js';

const pages = allPages();
const everyPage = pages.map((page) => [page.path, page] as const);

/** What comes into being only when the reader follows a page. */
const OF_THE_READER = /^playbooks\/(?:images|out)\//;

/** Paths below the root that a page names between backticks; what has a hole or a star in it names no single file. */
function pathsOf(page: Page): readonly string[] {
  return page.prose.flatMap((line) =>
    [...line.matchAll(/`((?:src|test|docs|schemas|templates|playbooks|bench|scripts|test-confs)\/[^`*<\s]*)`/g)].map(
      (match) => match[1] ?? '',
    ),
  );
}

/** Scripts that a page tells people to start and that are not there. */
function missingScripts(page: Page): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = [...page.text.matchAll(/\bnpm (?:run |(?=test\b))([a-z:]+)/g)].map((match) => match[1] ?? '');
  const files = [...page.text.matchAll(/\b(?:bash|node) ((?:scripts|bench|test)\/[\w./-]+)/g)].map(
    (match) => match[1] ?? '',
  );
  return [
    ...named.filter((name) => scripts[name] === undefined),
    ...files.filter((path) => !existsSync(join(ROOT, path))),
  ];
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
    for (const command of commandLines(page)) {
      const fault = await parseFault(command);
      if (fault !== undefined) faults.push(`${command.line}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });

  it.each(everyPage)('%s: paths and scripts that it names exist', (_path, page) => {
    expect(pathsOf(page).filter((path) => !OF_THE_READER.test(path) && !existsSync(join(ROOT, path)))).toEqual([]);
    expect(missingScripts(page)).toEqual([]);
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
  it.each([
    ['drover plan playbook.yaml --no-such-flag', /unknown option/],
    ['drover plna playbook.yaml', /unknown command/],
    ['drover help plna', /no command plna/],
    ['drover plan playbook.yaml --format xml', /invalid/],
    ['drover state verfy', /invalid/],
    ['drover plan --strict', /missing required argument/],
    ['drover run playbook.yaml --until INSPEKT', /no stage/],
    ['drover resume --force fix --force CONVERTT', /no stage/],
    ['drover run playbook.yaml --only wav:pilot', /wav/],
    ['drover explain flatten.no-such-code', /no code/],
    ['source <(drover completion ksh)', /invalid/],
    ['drovre plan playbook.yaml', /does not call drover/],
  ])('refuse %s', async (line, why) => {
    expect(await parseFault({ line, isMention: false })).toMatch(why);
  });

  it.each([
    'drover plan playbook.yaml --diff last  # a remark',
    'drover completion fish > drover.fish',
    'drover status --json | jq .',
    'drover run playbook.yaml --only "wave:pilot,label:tier=web"',
  ])('take %s', async (line) => {
    expect(await parseFault({ line, isMention: false })).toBeUndefined();
  });

  it('take a mention for less than a line to copy', async () => {
    expect(await parseFault({ line: 'drover plan', isMention: true })).toBeUndefined();
    expect(await parseFault({ line: 'drover plan --no-such-flag', isMention: true })).toMatch(/unknown option/);
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

  it('is looked through for paths', () => {
    expect(pathsOf(page).length).toBeGreaterThan(10);
  });

  it('describes every room', () => {
    const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const described = [...page.text.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    expect(described.sort()).toEqual(rooms.map(({ name }) => name).sort());
  });

  it('says where commands are, and they are there', () => {
    expect(page.text).toContain('`src/cli/commands/<command>.ts`');
    const commands = buildProgram(() => async () => undefined).commands.map((command) => `${command.name()}.ts`);
    expect(commands.filter((file) => !existsSync(join(ROOT, 'src/cli/commands', file)))).toEqual([]);
  });
});
