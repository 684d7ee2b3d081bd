import { describe, expect, it } from 'vitest';
import { isInside, nameProblem, showName } from './safe-path.js';

describe('nameProblem', () => {
  const cases: readonly [string, string | undefined][] = [
    ['disk.vmdk', undefined],
    ['sub/disk 1 (copy).vmdk', undefined],
    ['a/b:c.vmdk', undefined],
    ['..hidden', undefined],
    ['a..b/c', undefined],
    ['', 'empty'],
    ['x'.repeat(4097), 'too-long'],
    ['a\0b', 'control'],
    ['a\nb', 'control'],
    ['a\u007fb', 'control'],
    ['/etc/passwd', 'absolute'],
    ['../x', 'parent'],
    ['a/../../b', 'parent'],
    ['a/..', 'parent'],
    ['..\\x', 'backslash'],
    ['a\\..\\b', 'backslash'],
    ['C:\\x', 'drive'],
    ['c:x', 'drive'],
    ['json:{"driver":"file"}', 'scheme'],
    ['nbd:unix:/x', 'scheme'],
    ['https://host/x', 'scheme'],
    ['fat:rw:/etc', 'scheme'],
    ['weird:', 'scheme'],
  ];
  it.each(cases)('%j is %s', (name, kind) => {
    expect(nameProblem(name)?.kind).toBe(kind);
  });
});

describe('isInside', () => {
  it('compares whole segments', () => {
    expect(isInside('/srv/img', '/srv/img/a')).toBe(true);
    expect(isInside('/srv/img', '/srv/img')).toBe(true);
    expect(isInside('/srv/img', '/srv/imgs/a')).toBe(false);
    expect(isInside('/', '/etc')).toBe(true);
    expect(isInside('/srv/img/', '/srv/img/a')).toBe(true);
  });
});

describe('showName', () => {
  it('escapes what could act on a terminal', () => {
    expect(showName('a\u001b[31mb\n\u202ec\u009b')).toBe('"a\\u001b[31mb\\n\\u202ec\\u009b"');
  });
  it('cuts long names', () => {
    expect(showName('x'.repeat(5000)).length).toBeLessThan(210);
  });
});
