import { beforeAll, describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-playbook.js';
import { DroverError } from '../lib/error.js';
import { allVms } from '../model/effective.js';
import type { LoadedVm } from '../model/effective.js';
import { explainVm, loadPlaybook } from './index.js';

const text = `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: p }
sources: { images: { type: local, dir: ./a }, other: { type: local, dir: ./b } }
targets: { here: { type: files, dir: ./out } }
defaults: { cpus: 1, source: images }
profiles: { small: { cpus: 2, memory: 1GiB } }
waves:
  - name: main
    profiles: [small]
    overrides: { cpus: 3 }
    vms:
      - { name: web01, overrides: { cpus: null, memory: null, disk: { compress: zstd } } }
      - { name: web02, source: other }
`;
let vms: readonly LoadedVm[];
beforeAll(async () => {
  const files = memoryFiles({ '/w/p.yaml': text });
  const set = ['disk.bus=sata'];
  const { value, diagnostics } = await loadPlaybook(['p.yaml'], { cwd: '/w', env: () => undefined, set }, files);
  expect(diagnostics).toEqual([]);
  vms = allVms(value!);
});

describe('explainVm', () => {
  it('prints the whole chain of one setting, the winner first', () => {
    expect(explainVm(vms[1]!, '/cpus').text).toBe(
      [
        'machine web02, wave main, p.yaml:14:17',
        '/cpus = 3',
        '  > wave main      3  p.yaml:11:24',
        '    profile small  2  p.yaml:7:28',
        '    defaults       1  p.yaml:6:19',
        '',
      ].join('\n'),
    );
  });

  it('shows where a value was sent back, and that nothing is left', () => {
    expect(explainVm(vms[0]!, 'memory').text).toBe(
      [
        'machine web01, wave main, p.yaml:13:17',
        '/memory = (not set)',
        '  > vm web01       null (back to built-in)  p.yaml:13:57',
        '    profile small  "1GiB"  p.yaml:7:39',
        '',
      ].join('\n'),
    );
  });

  it('explains groups, with what is built in and what --set says', () => {
    const { data } = explainVm(vms[0]!, 'disk');
    expect(data.settings.map(({ pointer, value, chain }) => [pointer, value, chain.map((c) => c.scope)])).toEqual([
      ['/disk/bus', 'sata', ['--set', 'built-in']],
      ['/disk/compress', 'zstd', ['vm web01', 'built-in']],
      ['/disk/format', 'qcow2', ['built-in']],
      ['/disk/preallocation', 'off', ['built-in']],
    ]);
  });

  it('explains source and target, whoever chose them', () => {
    const scopes = (vm: LoadedVm, pointer: string): unknown => explainVm(vm, pointer).data.settings[0];
    expect(scopes(vms[0]!, '/source')).toEqual({
      pointer: '/source',
      value: 'images',
      chain: [{ scope: 'defaults', at: 'p.yaml:6:30', value: 'images' }],
    });
    expect(scopes(vms[1]!, '/source')).toMatchObject({
      value: 'other',
      chain: [{ scope: 'vm web02', at: 'p.yaml:14:32' }, { scope: 'defaults' }],
    });
    expect(scopes(vms[1]!, '/target')).toEqual({
      pointer: '/target',
      value: 'here',
      chain: [{ scope: 'the only one defined', value: 'here' }],
    });
  });

  it('lists everything without a pointer, one line each', () => {
    const { text: all, data } = explainVm(vms[1]!);
    expect(all.split('\n').length).toBe(data.settings.length + 2);
    expect(all).toMatch(/^ {2}\/memory +"1GiB" +profile small p.yaml:7:39$/m);
    expect(all).toMatch(/^ {2}\/firmware +"auto" +built-in$/m);
    expect(all).toMatch(/^ {2}\/retries\/FETCH +5 +built-in$/m);
  });

  it('refuses a pointer that leads nowhere, with what was meant', () => {
    const attempt = (): unknown => explainVm(vms[0]!, '/disk/comprss');
    expect(attempt).toThrow(DroverError);
    expect(attempt).toThrow(/no setting \/disk\/comprss/);
    try {
      attempt();
    } catch (error) {
      expect((error as DroverError).hint).toBe('did you mean /disk/compress?');
    }
  });
});
