/** Playbooks, fragments and lists that are not what they should be: refused at their place, quickly, and with nothing touched. */
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { census, expectPolite, hostileGround } from '../support/hostile.js';
import type { HostileGround } from '../support/hostile.js';

const HEAD = `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: hostile }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
`;
const WAVE = `waves:
  - name: all
    vms: [{ name: a, disks: [a.raw] }]
`;
const GOOD = HEAD + WAVE;
const FRAGMENT = 'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\n';

/** A document, and what is said about it. */
type Case = readonly [name: string, text: string | Uint8Array, said: string];

function bomb(levels: number): string {
  let text = 'x-0: &x0 [lol, lol]\n';
  for (let n = 1; n <= levels; n += 1) text += `x-${n}: &x${n} [${`*x${n - 1}, `.repeat(10)}]\n`;
  return text;
}

const DOCUMENTS: readonly Case[] = [
  ['nothing', '', '1:1: error playbook.empty'],
  ['only blanks', '\n \n\n', 'error playbook.empty'],
  ['only comments', '# one\n# two\n', 'error playbook.empty'],
  ['only a mark of the byte order', '\ufeff', 'error playbook.empty'],
  ['a list', '- a\n- b\n', '1:1: error playbook.empty'],
  ['a text', 'hello\n', '1:1: error playbook.empty'],
  ['null', '~\n', '1:1: error playbook.empty'],
  ['NUL bytes', `${HEAD}\0\0${WAVE}`, 'error playbook.'],
  ['nothing but NUL', Buffer.alloc(4096), 'error playbook.'],
  [
    'bytes that are not UTF-8',
    Buffer.from(GOOD.replace('a.raw', 'a\xff\xfe.raw'), 'latin1'),
    '8:31: error playbook.encoding',
  ],
  ['UTF-16', Buffer.from(`\ufeff${GOOD}`, 'utf16le'), '1:1: error playbook.encoding'],
  ['two documents', `${GOOD}---\n${GOOD}`, '9:1: error playbook.several-documents'],
  ['an alias bomb', `${GOOD}${bomb(30)}`, 'error playbook.too-large'],
  ['an alias of itself', `${GOOD}x-a: &a [*a]\n`, 'error playbook.yaml-syntax'],
  ['an alias of nothing', `${GOOD}x-a: *nope\n`, '9:6: error playbook.yaml-syntax'],
  ['many tags', `${GOOD}x-a: [${'!!js/function x, '.repeat(20_000)}]\n`, 'error playbook.custom-tag'],
  ['a tag of its own', `${GOOD}x-a: !!python/object/apply:os.system [id]\n`, 'error playbook.custom-tag'],
  ['a merge key', `${GOOD}x-a: &a { b: 1 }\nx-c: { <<: *a }\ndefaults: { <<: *a }\n`, 'error playbook.'],
  ['__proto__', `${GOOD}__proto__: { polluted: 1 }\n`, '9:1: error playbook.forbidden-key'],
  [
    'constructor far down',
    `${GOOD}x-a: { b: [{ constructor: { prototype: 1 } }] }\n`,
    '9:14: error playbook.forbidden-key',
  ],
  ['__proto__ as a name', GOOD.replace('images:', '__proto__:'), '4:12: error playbook.forbidden-key'],
  ['deep flow lists', `${HEAD}x-a: ${'['.repeat(100_000)}`, 'error playbook.too-large'],
  ['deep flow maps', `${HEAD}x-a: ${'{a: '.repeat(100_000)}`, 'error playbook.too-large'],
  ['deep block lists', `${HEAD}x-a:\n  ${'- '.repeat(100_000)}x\n`, 'error playbook.too-large'],
  [
    'deep block maps',
    Array.from({ length: 300 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
    'error playbook.too-large',
  ],
  ['a key of a megabyte', `${GOOD}${'k'.repeat(1024 ** 2)}: 1\n`, 'error playbook.'],
  [
    'a hundred thousand unknown keys',
    GOOD + Array.from({ length: 100_000 }, (_, n) => `k${n}: 1\n`).join(''),
    'error playbook.unknown-key',
  ],
  ['a hundred thousand double keys', GOOD + 'x-a: 1\n'.repeat(100_000), 'error playbook.duplicate-key'],
  ['a list as a key', `${GOOD}? [a, b]\n: 1\n`, 'error playbook.yaml-syntax'],
  ['terminal escapes in a key', `${GOOD}"\\e[2J\\e]0;x\\a": 1\n`, 'error playbook.unknown-key'],
  ['a key that forges a line', `${GOOD}"x\\nfine.yaml: valid": 1\n`, 'error playbook.unknown-key'],
  ['tabs', GOOD.replace('    vms', '\tvms'), '8:1: error playbook.yaml-syntax'],
  ['no end of a quote', `${GOOD}x-a: "${'a\n'.repeat(10_000)}`, 'error playbook.yaml-syntax'],
  ['another YAML', `%YAML 1.1\n---\n${GOOD}`, 'error playbook.yaml-syntax'],
  ['JSON cut short', '{"apiVersion": "drover/v1alpha1", "kind": ', 'error playbook.'],
  ['a huge number', `${GOOD}limits: { maxVmsInFlight: 99999999999999999999 }\n`, 'error playbook.out-of-range'],
  ['a size without end', `${GOOD}defaults: { memory: ${'9'.repeat(10_000)}GiB }\n`, 'error playbook.'],
  ['a name without end', GOOD.replace('name: a,', `name: ${'a'.repeat(1_000_000)},`), 'error playbook.'],
  ['a name that climbs', GOOD.replace('name: a,', 'name: "../../etc/cron.d/a",'), '8:19: error playbook.bad-format'],
  ['a name with a line feed', GOOD.replace('name: a,', 'name: "a\\nb",'), '8:19: error playbook.bad-format'],
  ['a name of dots', GOOD.replace('name: a,', 'name: "..",'), '8:19: error playbook.bad-format'],
  ['a circle of variables', `${GOOD}vars: { a: "\${var:b}", b: "\${var:a}" }\n`, 'error playbook.'],
  [
    'variables that hold each other over many levels',
    `${GOOD}vars:\n  v0: x\n${Array.from({ length: 50_000 }, (_, n) => `  v${50_000 - n}: "\${var:v${49_999 - n}}"\n`).join('')}`,
    'error playbook.too-large',
  ],
  [
    'variables that multiply',
    `${GOOD}vars:\n  v0: ${'x'.repeat(50)}\n${Array.from({ length: 40 }, (_, n) => `  v${n + 1}: "${`\${var:v${n}}`.repeat(10)}"\n`).join('')}`,
    'error playbook.too-large',
  ],
  [
    'a variable that is not there',
    GOOD.replace('a.raw', '"${env:NOPE_NOPE}.raw"'),
    '8:30: error playbook.undefined-reference',
  ],
  ['a target in the system', GOOD.replace('./out', '/etc/drover-out'), '5:'],
  ['a target in the source', GOOD.replace('./out', './images/out'), '5:'],
  [
    'names that differ only by case',
    GOOD.replace('vms: [', 'vms: [{ name: A, disks: [b.raw] }, '),
    '8:48: error playbook.folder-collision',
  ],
  [
    'names that make one folder',
    GOOD.replace('vms: [', 'vms: [{ name: "x y" }, { name: "x-y" }, '),
    'error playbook.folder-collision',
  ],
];

/** A list of machines, and what is said about it. */
const LISTS: readonly Case[] = [
  ['nothing', '', 'list.csv:1:1: error playbook.bad-list'],
  ['a header alone', 'name,disks\n', 'error playbook.empty-wave'],
  ['an open quote', 'name,disks\n"a,a.raw\nb,b.raw\n', 'list.csv:2:1: error playbook.bad-list'],
  ['text behind a quote', 'name,disks\n"a"x,a.raw\n', 'list.csv:2:'],
  ['ragged rows', 'name,disks\na,a.raw,more\nb\n', 'list.csv:3:1: error playbook.bad-list'],
  ['NUL', 'name,disks\na\0,a.raw\n', 'list.csv:2:1: error playbook.'],
  ['nothing but NUL', '\0'.repeat(10_000), 'list.csv:1:1: error playbook.'],
  ['bytes that are not UTF-8', 'name,disks\n\xe4\xf6,a.raw\n', 'list.csv:2:1: error playbook.encoding'],
  ['a mark of the byte order and a bad name', '\ufeffname,disks\n../a,a.raw\n', 'list.csv:2:1: error playbook.'],
  ['semicolons', 'name;disks\na;a.raw\n', 'list.csv:1:1: error playbook.bad-list'],
  [
    'a column of prototypes',
    'name,disks,labels.__proto__\na,a.raw,x\n',
    'list.csv:1:12: error playbook.unknown-column',
  ],
  ['a column twice', 'name,name\na,b\n', 'list.csv:1:6: error playbook.bad-list'],
  ['a formula', 'name,disks\n=cmd|calc,a.raw\n', 'list.csv:2:1: error playbook.'],
  ['a line of ten megabytes', `name,disks\n${'a'.repeat(10 * 1024 ** 2)},a.raw\n`, 'list.csv:2:1: error playbook.'],
  ['terminal escapes', 'name,disks\n\x1b[2Ja,a.raw\n', 'list.csv:2:1: error playbook.'],
  ['a column of terminal escapes', 'name,\x1b[2J\na,a.raw\n', 'list.csv:1:6: error playbook.unknown-column'],
];

describe('hostile playbooks', () => {
  let ground: HostileGround;
  beforeAll(() => {
    ground = hostileGround();
    ground.put('images/a.raw', Buffer.alloc(4096, 1));
  });
  afterAll(() => ground.remove());

  /** Every command that reads a playbook says the same and leaves everything as it was. */
  async function refused(said: string, commands: readonly (readonly string[])[] = [['validate']]): Promise<string> {
    const before = census(ground.dir);
    let text = '';
    for (const [command = '', ...options] of commands) {
      const answer = await ground.drover([command, 'p.yaml', ...options]);
      expectPolite(ground, answer, 3);
      expect(answer.err).toContain(said);
      expect(answer.out).toBe('');
      text = answer.err;
    }
    expect(census(ground.dir)).toEqual(before);
    return text;
  }
  const everywhere = [['validate'], ['plan'], ['run', '--yes'], ['explain', 'a']];

  it('the playbook that the cases are made from is fine', async () => {
    for (const text of [GOOD, `\ufeff${GOOD}`, GOOD.replaceAll('\n', '\r\n'), `${GOOD}x-proto: "__proto__"\n`]) {
      ground.put('p.yaml', text);
      expectPolite(ground, await ground.drover(['validate', 'p.yaml']), 0);
    }
  });

  it.each(DOCUMENTS)('%s', async (_name, text, said) => {
    ground.put('p.yaml', text);
    const answer = await refused(said);
    // A place in the file, or the file itself where there is none.
    expect(answer).toMatch(/^p\.yaml:\d+:\d+: error/m);
    expect(answer.length, 'an answer that people can read').toBeLessThan(60_000);
    expect(answer).not.toMatch(/^fine\.yaml/m);
  });

  it('the same for every command that reads a playbook', async () => {
    ground.put('p.yaml', `${GOOD}${bomb(30)}`);
    await refused('error playbook.too-large', everywhere);
  });

  it.each(LISTS)('a list of machines: %s', async (_name, text, said) => {
    ground.put('list.csv', typeof text === 'string' && /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1') : text);
    ground.put('p.yaml', `${HEAD}waves: [{ name: all, vmsFrom: { file: list.csv } }]\n`);
    await refused(said);
  });

  it.each([
    ['a text', '{"name": "a"', 'json'],
    ['prototypes', '[{"name": "a", "__proto__": {"x": 1}}]', 'json'],
    ['depth', '['.repeat(100_000), 'json'],
    ['depth of maps', '{"a":'.repeat(100_000), 'json'],
    ['double keys', '[{"name": "a", "name": "b"}]', 'json'],
    ['lines of nothing', '\n\nnull\n[]\n', 'ndjson'],
    ['NUL', '{"name": "a\0"}\n', 'ndjson'],
  ])('a list of machines in JSON: %s', async (_name, text, suffix) => {
    ground.put(`list.${suffix}`, text);
    ground.put('p.yaml', `${HEAD}waves: [{ name: all, vmsFrom: { file: list.${suffix} } }]\n`);
    const answer = await refused('error playbook.');
    expect(answer).toMatch(new RegExp(`^list\\.${suffix}:\\d+:\\d+: error`, 'm'));
  });

  it('files beyond 64 MiB', async () => {
    ground.put('p.yaml', GOOD);
    truncateSync(ground.path('p.yaml'), 64 * 1024 ** 2 + 1);
    await refused('error playbook.too-large', everywhere);
  });

  it('a text of 60 MiB, which is allowed, is judged within a bounded heap', async () => {
    ground.put('p.yaml', GOOD + '# a comment line of some length, many times over\n'.repeat(1_200_000));
    const { code, err } = await ground.drover(['validate', 'p.yaml'], 60_000);
    expect([0, 3], err.slice(0, 2000)).toContain(code);
  });

  describe('what is no file', () => {
    const kinds: readonly (readonly [string, (at: string) => void, string])[] = [
      ['a pipe', (at) => ground.special('pipe', at), 'is a pipe, not a file'],
      ['a socket', (at) => ground.special('socket', at), 'is a socket, not a file'],
      ['a device', (at) => symlinkSync('/dev/zero', ground.path(at)), 'is a device, not a file'],
      ['a folder', (at) => mkdirSync(ground.path(at)), 'is a folder, not a file'],
      ['a link to nowhere', (at) => symlinkSync('nowhere', ground.path(at)), 'does not exist'],
      ['a link to itself', (at) => symlinkSync(at.split('/').at(-1) ?? '', ground.path(at)), '(ELOOP)'],
      [
        'a link to a link to a pipe',
        (at) => {
          ground.special('pipe', `${at}.far`);
          symlinkSync(`${at.split('/').at(-1)}.far`, ground.path(at));
        },
        'is a pipe, not a file',
      ],
    ];

    it.each(kinds)('%s as the playbook', async (name, make, said) => {
      const file = `entry ${name}.yaml`;
      make(file);
      for (const command of everywhere) {
        const answer = await ground.drover([command[0] ?? '', file, ...command.slice(1)]);
        expectPolite(ground, answer, 3);
        expect(answer.err).toContain(said);
        expect(answer.err).toContain('hint: ');
      }
    });

    it.each(kinds)('%s as an included fragment and as a list', async (name, make, said) => {
      const file = `part ${name}.csv`;
      make(file);
      // A device lies outside of the project, so that is what is said first.
      const refusal = name === 'a device' ? 'playbook.outside-root' : said;
      ground.put('p.yaml', `${GOOD}include: ["./${file}"]\n`);
      expect(await refused(refusal)).toContain('p.yaml:9:11: error');
      ground.put('p.yaml', `${HEAD}waves: [{ name: all, vmsFrom: { file: "${file}" } }]\n`);
      expect(await refused(refusal)).toContain('p.yaml:6:');
      if (name !== 'a device') return;
      ground.put('p.yaml', `${GOOD}include: ["./${file}"]\n`);
      await refused(said, [['validate', '--allow-outside-root']]);
    });
  });

  describe('includes that lead astray', () => {
    it.each([
      ['an absolute path', '/etc/passwd'],
      ['a way up', '../../../../../../etc/passwd'],
      ['a link', 'link.yaml'],
      ['a link through a folder', 'etc/passwd'],
      ['the files of the process', '/proc/self/environ'],
      ['a web address', 'https://127.0.0.1:9/x.yaml'],
      ['a protocol', 'file:///etc/passwd'],
    ])('%s', async (name, path) => {
      if (name === 'a link') symlinkSync('/etc/passwd', ground.path('link.yaml'));
      if (name === 'a link through a folder') symlinkSync('/etc', ground.path('etc'));
      for (const text of [
        `${GOOD}include: ["${path}"]\n`,
        `${HEAD}waves: [{ name: all, vmsFrom: { file: "${path}", format: csv } }]\n`,
      ]) {
        ground.put('p.yaml', text);
        const answer = await refused('error playbook.');
        expect(answer).toMatch(/playbook\.(outside-root|remote-include)/);
        expect(answer).not.toContain('root:x:');
        expect(answer).not.toContain('PATH=');
      }
    });

    it('circles, also through links', async () => {
      symlinkSync('p.yaml', ground.path('again.yaml'));
      ground.put('one.yaml', `${FRAGMENT}include: [./two.yaml]\n`);
      ground.put('two.yaml', `${FRAGMENT}include: [./one.yaml, ./again.yaml]\n`);
      ground.put('p.yaml', `${GOOD}include: [./one.yaml]\n`);
      const answer = await refused('error playbook.include-cycle', everywhere);
      expect(answer).toContain('two.yaml:3:11: error playbook.include-cycle');
      expect(answer).toContain('two.yaml:3:23: error playbook.include-cycle');
    });

    it('depth, breadth and the same file under many names', async () => {
      for (let n = 0; n < 40; n += 1) ground.put(`d${n}.yaml`, `${FRAGMENT}include: [./d${n + 1}.yaml]\n`);
      ground.put('p.yaml', `${GOOD}include: [./d0.yaml]\n`);
      await refused('error playbook.include-depth');
      ground.put('same.yaml', FRAGMENT);
      const names = Array.from({ length: 2000 }, (_, n) => `l${n}.yaml`);
      for (const name of names) symlinkSync('same.yaml', ground.path(name));
      ground.put('p.yaml', `${GOOD}include: [${names.join(', ')}]\n`);
      expectPolite(ground, await ground.drover(['validate', 'p.yaml']), 0);
    });

    it('a fragment that is not UTF-8 and one that is a playbook', async () => {
      writeFileSync(ground.path('bad.yaml'), Buffer.from(`${FRAGMENT}vars: { a: "\xe9" }\n`, 'latin1'));
      linkSync(ground.path('p.yaml'), ground.path('hard.yaml'));
      ground.put('p.yaml', `${GOOD}include: [./bad.yaml, ./hard.yaml]\n`);
      const answer = await refused('bad.yaml:3:13: error playbook.encoding');
      expect(answer).toContain('hard.yaml:2:7: error playbook.wrong-kind');
    });
  });
});
