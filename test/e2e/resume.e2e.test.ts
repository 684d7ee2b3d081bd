/** Taking runs up again with selectors, with another playbook, and running saved plans. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { drover as droverIn } from '../support/cli.js';
import { dataDisks } from '../support/data-disks.js';
import type { DataDisks } from '../support/data-disks.js';

let lab: DataDisks;
const at = (...parts: readonly string[]): string => join(lab.dir, ...parts);

beforeEach(() => {
  lab = dataDisks();
});
afterEach(() => lab.remove());

/** Starts a run in which both machines fail at FETCH, because their images are gone; then brings the images back. */
async function failBoth(...more: readonly string[]): Promise<void> {
  await lab.drover('plan', 'p.yaml', '-o', 'plan.json', ...more);
  renameSync(at('images'), at('away'));
  mkdirSync(at('images'));
  expect((await lab.drover('run', 'plan.json', '--yes', '--accept-drift')).code).toBe(1);
  rmSync(at('images'), { recursive: true });
  renameSync(at('away'), at('images'));
}

describe('a run without a terminal', () => {
  test('needs --yes and writes nothing without it', async () => {
    const refused = await lab.drover('run', 'p.yaml');
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('cli.confirmation');
    expect(refused.err).toContain('--yes');
    expect(existsSync(at('out'))).toBe(false);
    expect(existsSync(at('.drover/runs'))).toBe(false);
    expect((await lab.drover('run', 'p.yaml', '--yes')).code).toBe(0);
    expect(lab.newestRun()).toContain('b VALIDATE: succeeded');
    // Nothing to do needs no word from anybody.
    expect((await lab.drover('run', 'p.yaml')).code).toBe(0);
    expect(lab.newestRun().every((line) => line.endsWith(': cached'))).toBe(true);
  });
});

describe('resume', () => {
  test('takes the first machines in plan order with --limit', async () => {
    await failBoth();
    await lab.drover('resume', '--limit', '1');
    expect(lab.newestRun()).toContain('a VALIDATE: succeeded');
    expect(lab.newestRun()).not.toContain('b FETCH: succeeded');
    expect((await lab.drover('resume')).code).toBe(0);
    expect(lab.newestRun()).toContain('b VALIDATE: succeeded');
  });

  test('names what does not exist, with what was probably meant', async () => {
    await failBoth();
    for (const [option, value, hint] of [
      ['--only', 'vm:c', 'there are: a, b'],
      ['--only', 'wave:al', 'did you mean all?'],
      ['--skip', 'source:image', 'did you mean images?'],
      ['--until', 'CONVRET', 'did you mean CONVERT?'],
      ['--force', 'FXI', 'did you mean FIX?'],
    ] as const) {
      const refused = await lab.drover('resume', option, value);
      expect(refused.code, value).toBe(2);
      expect(refused.err, value).toContain(hint);
    }
    expect(lab.newestRun()).toContain('a FETCH: failed');
  });

  test('from a stage refuses when something before it would have to run', async () => {
    await failBoth();
    const refused = await lab.drover('resume', '--from', 'CONVERT');
    expect(refused.code).toBe(4);
    expect(refused.err).toContain('plan.from-invalid');
    expect(refused.err).toContain('a: FETCH is failed; b: FETCH is failed');
    expect((await lab.drover('resume', '--from', 'FETCH')).code).toBe(0);
    // The intermediates of a machine that is through are gone: CONVERT has nothing to read any more.
    const cleaned = await lab.drover('resume', '--from', 'CONVERT', '--force', 'CONVERT');
    expect(cleaned).toMatchObject({ code: 4, err: expect.stringContaining('has lost its intermediates') });
    expect((await lab.drover('resume', '--set', 'cpus=2')).err).toContain('--replan');
  });

  test('--replan keeps settings and selectors of the run, from any folder, and asks first', async () => {
    expect((await lab.drover('run', 'p.yaml', '--yes', '--set', 'memory=2GiB', '--only', 'vm:b')).code).toBe(0);
    lab.playbook('# a remark\n');
    mkdirSync(at('below'));
    const unsure = await droverIn(at('below'), ['resume', '--replan', '--set', 'cpus=3']);
    expect(unsure).toMatchObject({ code: 2, err: expect.stringContaining('cli.confirmation') });
    const done = await droverIn(at('below'), ['resume', '--replan', '--set', 'cpus=3', '--yes']);
    expect(done.code).toBe(0);
    const ran = lab.newestRun();
    expect(ran).toContain('b FETCH: cached');
    expect(ran).toContain('b CONVERT: succeeded');
    expect(ran.filter((line) => line.startsWith('a '))).toEqual([]);
    const xml = readFileSync(at('out/b/b.xml'), 'utf8');
    expect(xml).toContain('>2097152<');
    expect(xml).toMatch(/<vcpu[^>]*>3</);
    // Selectors that are given now count instead of the old ones.
    expect((await lab.drover('resume', '--replan', '--yes', '--only', 'vm:a', '--until', 'FETCH')).code).toBe(0);
    expect(lab.newestRun()).toContain('a FETCH: succeeded');
  });

  test('--replan of a run of a saved plan says what to do', async () => {
    await lab.drover('plan', 'p.yaml', '-o', 'plan.json', '--until', 'FETCH');
    await lab.drover('run', 'plan.json', '--yes');
    const refused = await lab.drover('resume', '--replan', '--yes');
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('no playbook to plan again');
  });
});

describe('a saved plan', () => {
  test('goes through the same preflight as a playbook', async () => {
    await lab.drover('plan', 'p.yaml', '-o', 'plan.json');
    mkdirSync(at('out/a'), { recursive: true });
    writeFileSync(at('out/a/a-disk0.qcow2'), 'mine');
    const refused = await lab.drover('run', 'plan.json', '--yes');
    expect(refused.code).toBe(4);
    expect(refused.err).toContain('preflight.output-exists');
    expect(existsSync(at('.drover/runs'))).toBe(false);
  });

  test('and a playbook go on without blocked machines when told to', async () => {
    await lab.drover('plan', 'p.yaml', '-o', 'plan.json');
    mkdirSync(at('out/a'), { recursive: true });
    writeFileSync(at('out/a/a-disk0.qcow2'), 'mine');
    for (const what of ['plan.json', 'p.yaml']) {
      const run = await lab.drover('run', what, '--yes', '--skip-blocked');
      expect(run.code, what).toBe(0);
      expect(run.err, what).toMatch(/^left out: a: .*a-disk0\.qcow2/m);
      expect(lab.newestRun().filter((line) => line.startsWith('b '))).toHaveLength(7);
      expect(readFileSync(at('out/a/a-disk0.qcow2'), 'utf8')).toBe('mine');
    }
    expect(readdirSync(at('out')).sort()).toEqual(['a', 'b']);
  });
});

describe('a plan that is not shown on a terminal', () => {
  test('says every reason whole', async () => {
    await lab.drover('run', 'p.yaml', '--yes', '--until', 'CONVERT');
    const long = [
      'memory=2GiB',
      'cpus=3',
      'machine=pc',
      'convert.verify=full',
      'convert.checksum=true',
      'disk.compress=zlib',
    ];
    const { out } = await lab.drover('plan', 'p.yaml', ...long.flatMap((setting) => ['--set', setting]));
    const line = out.split('\n').find((text) => text.startsWith('  a ')) ?? '';
    expect(line.length).toBeGreaterThan(120);
    expect(line).not.toContain('…');
  });
});

describe('commands about runs', () => {
  test('name runs, machines and stages that do not exist', async () => {
    expect((await lab.drover('run', 'p.yaml', '--yes', '--until', 'FETCH')).code).toBe(0);
    const id = readdirSync(at('.drover/runs'))[0] ?? '';
    const wrongRun = `${id.slice(0, -1)}${id.endsWith('a') ? 'b' : 'a'}`;
    for (const args of [
      ['status', wrongRun],
      ['report', wrongRun],
      ['logs', wrongRun],
      ['cancel', wrongRun],
      ['clean', wrongRun],
      ['state', 'verify', wrongRun],
      ['resume', wrongRun],
    ]) {
      const said = await lab.drover(...args);
      expect(said.code, args.join(' ')).toBe(2);
      expect(said.err, args.join(' ')).toContain(`did you mean ${id}?`);
    }
    for (const [args, hint] of [
      [['status', '--vm', 'aa'], 'a'],
      [['logs', '--vm', 'bb'], 'b'],
      [['logs', '--stage', 'FECTH'], 'FETCH'],
      [['cancel', '--vm', 'zz'], 'a, b'],
      [['state', 'verfy'], 'verify'],
    ] as const) {
      const said = await lab.drover(...args);
      expect(said.code, args.join(' ')).toBe(2);
      expect(said.err, args.join(' ')).toContain(hint);
    }
  });
});
