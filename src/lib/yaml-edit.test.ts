import { describe, expect, it } from 'vitest';
import { editYaml, readYaml } from './yaml-edit.js';

const block = `# head
network:
  version: 2   # two
  ethernets:
    ens192:
      match:
        driver: vmxnet3   # old
        macaddress: 00:50:56:3a:5b:7c
        # kept
      dhcp4: yes
`;

describe('readYaml', () => {
  it('returns undefined for what is no YAML and for alias bombs', () => {
    expect(readYaml('a: [')).toBeUndefined();
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (const [name, from] of ['ba', 'cb', 'dc', 'ed'] as const)
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${from}`).join()}]`);
    expect(readYaml(bomb.join('\n'))).toBeUndefined();
  });
});

describe('editYaml', () => {
  const match = ['network', 'ethernets', 'ens192', 'match'];

  it('removes a key of a block mapping with its line and nothing else', () => {
    expect(editYaml(block, [{ op: 'delete', path: [...match, 'driver'] }])).toBe(
      block.replace('        driver: vmxnet3   # old\n', ''),
    );
  });

  it('sets and adds texts in double quotes', () => {
    const set = editYaml(block, [{ op: 'set', path: [...match, 'driver'], value: 'virtio_net' }]);
    expect(set).toBe(block.replace('driver: vmxnet3', 'driver: "virtio_net"'));
    const added = editYaml(block, [{ op: 'add', path: [...match, 'name'], value: 'en*' }]);
    expect(added).toBe(block.replace('        driver: ', '        name: "en*"\n        driver: '));
  });

  it('removes whole subtrees', () => {
    expect(editYaml(block, [{ op: 'delete', path: match }])).toBe(block.replace(/ {6}match:[^]*5b:7c\n/, ''));
  });

  it.each([
    ['a: {x: 1, y: 2, z: 3}\n', 'x', 'a: {y: 2, z: 3}\n'],
    ['a: {x: 1, y: 2, z: 3}\n', 'y', 'a: {x: 1, z: 3}\n'],
    ['a: { x: 1, y: 2 }\n', 'y', 'a: { x: 1 }\n'],
  ])('removes keys of flow mappings: %s without %s', (text, key, expected) => {
    expect(editYaml(text, [{ op: 'delete', path: ['a', key] }])).toBe(expected);
  });

  it.each([
    ['the last key of a mapping', 'a:\n  b: 1\n', [{ op: 'delete', path: ['a', 'b'] } as const]],
    ['a key that is not there', block, [{ op: 'delete', path: ['network', 'none'] } as const]],
    ['a path through a list', 'a: [1]\n', [{ op: 'set', path: ['a', '0'], value: 'x' } as const]],
    ['a broken document', 'a: [', [{ op: 'set', path: ['a'], value: 'x' } as const]],
    [
      'an alias that would change elsewhere',
      'a: &x {k: 1, l: 2}\nb: *x\n',
      [{ op: 'delete', path: ['a', 'k'] } as const],
    ],
  ])('refuses %s', (_name, text, edits) => {
    expect(editYaml(text, edits)).toBeUndefined();
  });
});
