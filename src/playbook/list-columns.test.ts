import { describe, expect, it } from 'vitest';
import { cellValue, columnOf, knownColumns } from './list-columns.js';

describe('columnOf', () => {
  it.each([
    ['name', 'text'],
    ['ova', 'text'],
    ['disks', 'names'],
    ['profiles', 'names'],
    ['dependsOn', 'dependencies'],
    ['labels', 'labels'],
    ['labels.tier', 'text'],
    ['overrides.memory', 'text'],
    ['overrides.cpus', 'integer'],
    ['overrides.firmware', 'text'],
    ['overrides.convert.checksum', 'boolean'],
    ['overrides.nics.0.mac', 'text'],
    ['overrides.disks.1.format', 'text'],
    ['overrides.fix.boot.serialConsole', 'boolean'],
  ])('%s holds %s', (property, kind) => expect(columnOf(property)?.kind).toBe(kind));

  it.each([
    '',
    'nme',
    'overrides',
    'overrides.memroy',
    'overrides.nics',
    'overrides.nics.eth0.mac',
    'labels.',
    'name.x',
  ])('%j is none', (property) => expect(columnOf(property)).toBeUndefined());
});

it('every known column is one', () => {
  const missing = knownColumns().filter((name) => columnOf(name) === undefined);
  expect(missing).toEqual([]);
  expect(knownColumns()).toContain('overrides.validate.level');
});

describe('cellValue', () => {
  it.each([
    ['4', 'integer', 4],
    ['four', 'integer', 'four'],
    ['Yes', 'boolean', true],
    ['0', 'boolean', false],
    ['maybe', 'boolean', 'maybe'],
    ['a.vmdk; b.vmdk;', 'names', ['a.vmdk', 'b.vmdk']],
    ['db01;db02', 'dependencies', [{ vm: 'db01' }, { vm: 'db02' }]],
    ['tier=web; note=a=b', 'labels', { tier: 'web', note: 'a=b' }],
    ['007', 'text', '007'],
  ] as const)('%s as %s', (text, kind, expected) => expect(cellValue(text, kind)).toEqual(expected));
});
