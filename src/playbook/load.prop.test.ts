import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-playbook.js';
import { formatGithub, formatJson, formatText } from '../lib/diagnostic-format.js';
import { hasErrors } from '../lib/diagnostic.js';
import { allVms } from '../model/effective.js';
import { loadPlaybook } from './index.js';
import type { LoadResult } from './index.js';

const options = { cwd: '/w', env: (name: string): string | undefined => (name === 'A' ? 'b' : undefined) };

const valid = `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: p, labels: { site: dc1 } }
include: [f.yaml]
vars: { pool: "fast-\${env:A}", n: 2 }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: "./\${var:pool}" } }
mappings: { networks: { default: [{ from: "*", to: default }] } }
profiles: { small: { cpus: 2, validate: { level: boot } } }
defaults: { memory: 2GiB, disk: { format: qcow2 } }
policies: { maxFailures: 10% }
waves:
  - name: pilot
    batches: [1, 100%]
    vms: [web01, { name: db01, profiles: [small], disks: [a, b], overrides: { disks: { "1": { format: raw } } } }]
  - name: main
    dependsOn: [{ wave: pilot, require: 50% }]
    vms:
      - name: app01
        dependsOn: [{ vm: db01, reached: FIX }]
        overrides: { cpus: null, nics: { "0": { mac: "00:50:56:00:00:01" } } }
    vmsFrom: { file: l.csv }
`;
const fragment = 'apiVersion: drover/v1alpha1\nkind: PlaybookFragment\ndefaults: { cpus: 1 }\n';
const list = 'name,ova\nx1,x1.ova\nx2,x2.ova\n';

function load(
  playbook: string | Uint8Array,
  f: string | Uint8Array = fragment,
  l: string | Uint8Array = list,
): Promise<LoadResult> {
  return loadPlaybook(['p.yaml'], options, memoryFiles({ '/w/p.yaml': playbook, '/w/f.yaml': f, '/w/l.csv': l }));
}

/** Whatever is loaded: a value or located errors, and every form of the errors can be written. */
function expectSane(result: LoadResult): void {
  expect(result.value === undefined).toBe(hasErrors(result.diagnostics));
  for (const { code, location } of result.diagnostics) {
    expect(code).toMatch(/^playbook\.[a-z-]+$/);
    if (location === undefined) continue;
    expect(location.line).toBeGreaterThan(0);
    expect(location.column).toBeGreaterThan(0);
    expect(location.endColumn ?? Infinity).toBeGreaterThan(location.column);
    const lines = result.texts.get(location.file)?.split('\n').length;
    if (lines !== undefined) expect(location.line).toBeLessThanOrEqual(lines);
  }
  formatText(result.diagnostics, { textOf: (file) => result.texts.get(file) });
  formatJson(result.diagnostics);
  formatGithub(result.diagnostics);
}

const noise = fc.constantFrom(
  ...['', ' ', '\n', '  ', ': ', '- ', '[', ']', '{', '}', '"', "'", '#', '&a ', '*a', '!t ', '|\n', '\t', '0', '-1'],
  ...[
    'null',
    'true',
    '${',
    '${var:pool}',
    '${vm:name}',
    '${env:X}',
    '$${',
    '~',
    '%',
    'x-y: ',
    '{}',
    '[]',
    '"": ',
    'é',
    '\0',
  ],
  ...[
    'waves:\n',
    'name: ',
    'vms:\n',
    'include: [p.yaml]\n',
    'overrides: ',
    '12345678901234567890',
    '---\n',
    '__proto__: ',
  ],
);

describe('loading', () => {
  it('accepts the playbook that the others are made from', async () => {
    const { value, diagnostics } = await load(valid);
    expect(diagnostics).toEqual([]);
    expect(allVms(value!).length).toBe(5);
  });

  it('never throws on a playbook with a piece cut out and another put in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(40), fc.array(noise, { maxLength: 3 }), async (at, cut, parts) => {
        const start = at % valid.length;
        expectSane(await load(valid.slice(0, start) + parts.join('') + valid.slice(start + cut)));
      }),
      { numRuns: 500 },
    );
  });

  it('never throws on lines moved, dropped and doubled', async () => {
    const lines = valid.split('\n');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(lines.length - 1), { maxLength: 30 }), fc.boolean(), async (picks, keepHead) => {
        const head = keepHead ? lines.slice(0, 7) : [];
        expectSane(await load([...head, ...picks.map((i) => lines[i])].join('\n')));
      }),
      { numRuns: 300 },
    );
  });

  it('never throws on random bytes, in the playbook, a fragment or a list', async () => {
    const bytes = fc.uint8Array({ maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('p', 'f', 'l'), async (data, where) => {
        const result = where === 'p' ? load(data) : where === 'f' ? load(valid, data) : load(valid, fragment, data);
        expectSane(await result);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws on any value in any place', async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const keys = [
      'vars',
      'sources',
      'targets',
      'mappings',
      'profiles',
      'defaults',
      'policies',
      'limits',
      'waves',
      'hosts',
    ];
    const place = fc.constantFrom(...keys, 'waive', 'hooks', 'include', 'envAllow', 'metadata', 'kind', 'override');
    await fc.assert(
      fc.asyncProperty(place, value, async (key, given) => {
        const base = {
          apiVersion: 'drover/v1alpha1',
          kind: 'Playbook',
          metadata: { name: 'p' },
          waves: [{ name: 'a', vms: ['b'] }],
        };
        expectSane(await load(JSON.stringify({ ...base, [key]: given })));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same result twice', async () => {
    const [a, b] = [await load(valid), await load(valid)];
    expect(JSON.stringify(a.value)).toBe(JSON.stringify(b.value));
  });
});
