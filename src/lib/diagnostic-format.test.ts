import { describe, expect, it } from 'vitest';
import { diagnosticRecords, docsAnchor, formatGithub, formatJson, formatText } from './diagnostic-format.js';
import type { Diagnostic } from './diagnostic.js';

const unknownKey: Diagnostic = {
  code: 'playbook.unknown-key',
  severity: 'error',
  message: 'unknown property "memroyMiB"',
  location: { file: 'plays/dc1.yaml', line: 42, column: 11, endColumn: 20 },
  pointer: '/waves/0/vms/3/overrides/memroyMiB',
  suggestions: ['memoryMiB'],
  allowed: ['cpus', 'disks', 'memoryMiB'],
};
const text = `${'\n'.repeat(40)}        overrides:\n          memroyMiB: 4096\n`;
const textOf = (file: string): string | undefined => (file === 'plays/dc1.yaml' ? text : undefined);

describe('text', () => {
  it('lets no name from a file steer the terminal or pass for a line of its own', () => {
    const name = 'x\u001b[2J\nfake.yaml:1:1: error\u202e';
    const shown = formatText([
      {
        ...unknownKey,
        message: name,
        hint: name,
        pointer: name,
        allowed: [name],
        suggestions: [name],
        location: { file: name, line: 1, column: 1 },
        origins: [{ file: name, line: 1, column: 1, note: name }],
      },
    ]);
    expect(shown).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    expect(shown).not.toMatch(/^fake/m);
    expect(shown).toContain('\\x1b[2J\\x0afake.yaml');
  });

  it('shows place, code, suggestion, pointer, excerpt and what is allowed', () => {
    expect(formatText([unknownKey], { textOf })).toBe(
      [
        'plays/dc1.yaml:42:11: error playbook.unknown-key unknown property "memroyMiB" — did you mean "memoryMiB"?',
        '  at /waves/0/vms/3/overrides/memroyMiB',
        '   41 |         overrides:',
        '   42 |           memroyMiB: 4096',
        '      |           ^^^^^^^^^',
        '  allowed here: cpus, disks, memoryMiB',
        '',
        '1 error',
        '',
      ].join('\n'),
    );
  });

  it('shows origins and hints, and does without a place or a text', () => {
    const diagnostic: Diagnostic = {
      code: 'playbook.duplicate-vm',
      severity: 'warning',
      message: 'twice',
      hint: 'remove one',
      origins: [{ file: 'b.yaml', line: 1, column: 2, note: 'the first one' }],
    };
    expect(formatText([diagnostic], { textOf })).toBe(
      'warning playbook.duplicate-vm twice\n  b.yaml:1:2: the first one\n  hint: remove one\n\n1 warning\n',
    );
    const elsewhere = { ...unknownKey, location: { file: 'gone.yaml', line: 9, column: 1 } };
    expect(formatText([elsewhere], { textOf })).toMatch(/^gone.yaml:9:1: error/);
  });

  it('shows fifty unless all are asked for, and counts all', () => {
    const many = Array.from({ length: 60 }, (): Diagnostic => ({ ...unknownKey, severity: 'info' }));
    const short = formatText(many);
    expect(short.match(/^plays/gm)?.length).toBe(50);
    expect(short).toMatch(/… and 10 more; --all-errors shows them\n\n60 notes\n$/);
    expect(formatText(many, { all: true }).match(/^plays/gm)?.length).toBe(60);
  });

  it('is empty for nothing', () => expect(formatText([])).toBe(''));

  it('keeps tabs under tabs', () => {
    const tabbed = { ...unknownKey, location: { file: 'plays/dc1.yaml', line: 1, column: 3, endColumn: 4 } };
    const lines = formatText([tabbed], { textOf: () => '\ta: b\n' }).split('\n');
    expect(lines[2]).toBe('   1 | \ta: b');
    expect(lines[3]).toBe('     | \t ^');
  });

  it('cuts long lines around the place', () => {
    const line = `${'x'.repeat(300)}BAD${'y'.repeat(300)}`;
    const long = { ...unknownKey, location: { file: 'plays/dc1.yaml', line: 1, column: 301, endColumn: 304 } };
    const lines = formatText([long], { textOf: () => line }).split('\n');
    expect(lines[2]?.length).toBeLessThan(140);
    const start = lines[3]?.indexOf('^') ?? 0;
    expect(lines[2]?.slice(start, start + 3)).toBe('BAD');
  });

  it('shows no terminal escapes and no secrets of the file', () => {
    const shown = formatText([{ ...unknownKey, location: { file: 'plays/dc1.yaml', line: 1, column: 1 } }], {
      textOf: () => 'a: "\u001b[31m" password: hunter2, api_key = "abc" # secretRef: kept\n',
    });
    expect(shown).not.toContain('\u001b');
    expect(shown).not.toContain('hunter2');
    expect(shown).toContain('password: *******, api_key = "***" # secretRef: kept');
  });
});

describe('json', () => {
  it('has its members in a stable order', () => {
    const [record] = JSON.parse(formatJson([unknownKey])) as object[];
    expect(Object.keys(record ?? {})).toEqual([
      'code',
      'severity',
      'message',
      'file',
      'line',
      'column',
      'endColumn',
      'pointer',
      'instancePath',
      'suggestion',
      'allowed',
      'docs',
    ]);
    expect(record).toMatchObject({
      file: 'plays/dc1.yaml',
      line: 42,
      column: 11,
      endColumn: 20,
      instancePath: 'waves[0].vms[3].overrides.memroyMiB',
      suggestion: ['memoryMiB'],
      docs: 'docs/errors.md#playbookunknown-key',
    });
  });

  it('says null for what is not known', () => {
    const [record] = diagnosticRecords([{ code: 'playbook.bad-set', severity: 'error', message: 'm' }]);
    expect(record).toEqual({
      code: 'playbook.bad-set',
      severity: 'error',
      message: 'm',
      file: null,
      line: null,
      column: null,
      endColumn: null,
      pointer: null,
      instancePath: null,
      docs: docsAnchor('playbook.bad-set'),
    });
  });

  it('is an empty list for nothing', () => expect(formatJson([])).toBe('[]\n'));
});

describe('github', () => {
  it('writes workflow commands', () => {
    expect(formatGithub([unknownKey])).toBe(
      '::error file=plays/dc1.yaml,line=42,col=11,endColumn=20,title=playbook.unknown-key::unknown property "memroyMiB" Did you mean "memoryMiB"?\n',
    );
  });

  it('escapes what would end a property or a command', () => {
    const odd: Diagnostic = {
      code: 'playbook.bad-set',
      severity: 'info',
      message: '50% of\nthis',
      location: { file: 'a,b:c.yaml', line: 1, column: 1 },
    };
    expect(formatGithub([odd])).toBe(
      '::notice file=a%2Cb%3Ac.yaml,line=1,col=1,title=playbook.bad-set::50%25 of%0Athis\n',
    );
  });

  it('is empty for nothing', () => expect(formatGithub([])).toBe(''));
});
