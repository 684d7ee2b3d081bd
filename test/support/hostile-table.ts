/** Many hostile machines in one playbook: each must be refused by itself, at its own place, and none may hide another. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { census, expectPolite, hostileGround } from './hostile.js';
import type { HostileGround } from './hostile.js';

/** A machine that must be refused. */
export interface HostileVm {
  readonly title: string;
  /** The machine without its name, as it stands in the playbook: `disks: [x.vmdk]`. */
  readonly vm: string;
  /** Codes of its errors, in any order. */
  readonly codes: readonly string[];
  /** A part of what is said. */
  readonly says?: string | RegExp;
}

interface Refusal {
  readonly code: string;
  /** The whole paragraph. */
  readonly text: string;
}

const SETTINGS = 'guest: { family: none }, validate: { level: image }, firmware: bios, memory: 1GiB, cpus: 1';

/** A playbook of machines that are called m0, m1 and so on. */
export function playbookOf(vms: readonly string[], more = ''): string {
  const lines = vms.map((vm, n) => `      - { name: m${n}, ${vm} }\n`);
  return `apiVersion: drover/v1alpha1
kind: Playbook
metadata: { name: hostile }
sources: { images: { type: local, dir: ./images } }
targets: { here: { type: files, dir: ./out } }
defaults: { ${SETTINGS} }
${more}waves:
  - name: all
    vms:
${lines.join('')}`;
}

/** A file below `images/` that makes a machine unusable; its content, or who makes it. */
export type ImageRow = readonly [
  title: string,
  file: string,
  make: ((ground: HostileGround, file: string) => void) | Uint8Array | string,
  code: string,
  says?: string | RegExp,
];

export function writeRows(ground: HostileGround, rows: readonly ImageRow[]): void {
  for (const [, file, make] of rows) {
    if (typeof make === 'function') make(ground, `images/${file}`);
    else ground.put(`images/${file}`, make);
  }
}

/** A machine with one disk for each file. */
export function imageVms(rows: readonly ImageRow[], entry: (file: string) => string = (file) => file): HostileVm[] {
  return rows.map(([title, file, , code, says]) => ({
    title,
    vm: `disks: [${entry(file)}]`,
    codes: [code],
    ...(says === undefined ? {} : { says }),
  }));
}

/** The bytes with others in one place. */
export function patched(bytes: Uint8Array, at: number, ...values: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  return copy;
}

/** One test per machine; the commands run once for all of them. */
export function hostileTable(prepare: (ground: HostileGround) => void, vms: readonly HostileVm[]): void {
  let ground: HostileGround;
  let refusals: readonly (readonly Refusal[])[] = [];
  beforeAll(async () => {
    ground = hostileGround();
    prepare(ground);
    refusals = await refuseAll(ground, vms);
  });
  afterAll(() => ground.remove());

  it.each(vms.map((vm, index) => [vm.title, index] as const))('%s', (_title, index) => {
    expectRefused(vms, index, refusals[index] ?? []);
  });

  it('nothing of the files that they point at is shown', () => {
    const said = refusals.flat().map(({ text }) => text);
    expect(said).not.toHaveLength(0);
    expect(said.join('\n')).not.toMatch(/root:[x*]/);
  });
}

/**
 * Runs `validate`, `plan` and `run` over all machines at once and sorts what is said by machine. The text is valid, so
 * the first one accepts it; the others refuse every machine, start nothing and leave everything as it was.
 */
async function refuseAll(ground: HostileGround, vms: readonly HostileVm[]): Promise<readonly (readonly Refusal[])[]> {
  ground.put('p.yaml', playbookOf(vms.map(({ vm }) => vm)));
  const before = census(ground.dir);
  const checked = await ground.drover(['validate', 'p.yaml']);
  expectPolite(ground, checked, 0);
  const planned = await ground.drover(['plan', 'p.yaml', '--all-errors']);
  expectPolite(ground, planned, 4);
  const run = await ground.drover(['run', 'p.yaml', '--yes', '--all-errors']);
  expectPolite(ground, run, 4);
  expect(run.err, 'both say the same').toBe(planned.err);
  expect(census(ground.dir)).toEqual(before);
  const found: Refusal[][] = vms.map(() => []);
  for (const text of planned.err.split(/\n\n(?=p\.yaml:)/)) {
    const [, code = '', name = ''] = /^p\.yaml:\d+:\d+: error (\S+) m(\d+): /.exec(text) ?? [];
    if (code !== '') found[Number(name)]?.push({ code, text });
  }
  return found;
}

/** One machine was refused as it should be: codes, a place in its own line, and what to do. */
function expectRefused(vms: readonly HostileVm[], index: number, refusals: readonly Refusal[]): void {
  const { codes, says = '' } = vms[index] as HostileVm;
  const said = refusals.map(({ text }) => text).join('\n\n');
  expect(refusals.map(({ code }) => code).sort(), said).toEqual([...codes].sort());
  expect(said).toMatch(says);
  const line = playbookOf(vms.map(({ vm }) => vm))
    .split('\n')
    .findIndex((text) => text.includes(`{ name: m${index},`));
  for (const { text } of refusals) {
    expect(text).toMatch(new RegExp(`^p\\.yaml:${line + 1}:\\d+: error`));
    expect(text).toMatch(/\n {2}hint: \S/);
  }
}
