/** What signals and screens do to a run: the work goes on or ends in order, and the journal tells the same story. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENTRY, startDrover, startOnTerminal } from '../support/cli.js';
import { dataDisks } from '../support/data-disks.js';
import type { DataDisks } from '../support/data-disks.js';

let lab: DataDisks;
const at = (...parts: readonly string[]): string => join(lab.dir, ...parts);

beforeEach(() => {
  lab = dataDisks();
});
afterEach(() => lab.remove());

/** Makes CONVERT of `a` take several seconds: it compresses what cannot be compressed. */
function slowDown(): void {
  writeFileSync(at('images/a.raw'), randomBytes(160 * 1024 ** 2));
}

const SLOW = ['run', 'p.yaml', '--yes', '--only', 'vm:a', '--set', 'disk.compress=zlib'];

interface Line {
  readonly type: string;
  readonly task?: string;
  readonly state?: string;
  readonly stage?: string;
  readonly data?: { readonly to?: string; readonly message?: string; readonly counts?: Record<string, number> };
}

/** Records of the newest run, or none when there is no run yet. */
function lines(file: 'journal' | 'events'): readonly Line[] {
  const runs = existsSync(at('.drover/runs')) ? readdirSync(at('.drover/runs')).sort() : [];
  const path = at('.drover/runs', runs.at(-1) ?? '', `${file}.ndjson`);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  // The last line may be half written.
  const whole = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean);
  return whole.map((line) => JSON.parse(file === 'journal' ? line.slice(9) : line) as Line);
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2400; turn += 1) {
    if (isTrue()) return;
    await sleep(50);
  }
  throw new Error(`${what} did not happen within two minutes`);
}

const isConverting = (): boolean =>
  lines('events').some(
    ({ type, stage, data }) => type === 'task.state' && stage === 'CONVERT' && data?.to === 'running',
  );

describe('a signal', () => {
  test('SIGTERM ends the run in order with 143, and resume goes on', async () => {
    slowDown();
    const run = startDrover(lab.dir, SLOW);
    await until('CONVERT', isConverting);
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(143);
    expect(lines('journal').at(-1)).toMatchObject({ type: 'run.end', exitCode: 143 });
    expect(existsSync(at('out/a/a-disk0.qcow2'))).toBe(false);
    expect((await lab.drover('resume')).code).toBe(0);
    expect(existsSync(at('out/a/a-disk0.qcow2'))).toBe(true);
  });

  test('SIGUSR1 writes how everything stands and changes nothing', async () => {
    slowDown();
    const run = startDrover(lab.dir, SLOW);
    await until('CONVERT', isConverting);
    run.child.kill('SIGUSR1');
    expect((await run.ended).code).toBe(0);
    const snapshot = lines('events').find(({ type }) => type === 'status.snapshot');
    expect(snapshot?.data?.counts).toMatchObject({ running: 1 });
    expect(snapshot?.data?.counts?.['succeeded']).toBeGreaterThanOrEqual(5);
    expect(snapshot?.data?.counts?.['pending']).toBeGreaterThanOrEqual(1);
  });

  test('a terminal that hangs up takes the screen away, not the run', async () => {
    slowDown();
    const terminal = startOnTerminal(lab.dir, SLOW);
    await until('CONVERT', isConverting);
    terminal.child.kill('SIGKILL');
    await until('the end of the run', () => lines('journal').at(-1)?.type === 'run.end');
    expect(lines('journal').at(-1)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect(lines('events').some(({ data }) => data?.message?.includes('terminal hung up'))).toBe(true);
    const [id = ''] = readdirSync(at('.drover/runs'));
    await until('the report', () => existsSync(at('.drover/runs', id, 'report.html')));
  });
});

describe('a reader that goes away', () => {
  test('does not turn into an error', async () => {
    const script = `set -o pipefail; "$0" "$@" | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
    const said = await new Promise<string>((resolve) => {
      const child = spawn(
        'bash',
        ['-c', script, process.execPath, ENTRY, 'graph', 'p.yaml', '--format', 'json', '--level', 'task'],
        {
          cwd: lab.dir,
        },
      );
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      child.on('close', () => resolve(text));
    });
    expect(said.split('\n').filter((line) => /Error|EPIPE|at /.test(line))).toEqual([]);
    expect(said.trimEnd().split('\n').at(-1)).toBe('0');
  });
});

describe('the live screen', () => {
  test('draws wave after wave to the end, on a terminal', async () => {
    slowDown();
    const vm = (name: string): string =>
      `{ name: ${name}, source: images, target: here, disks: [{ file: ${name}.raw, format: raw }] }`;
    const waves = `waves:\n  - { name: one, vms: [${vm('b')}] }\n  - { name: two, dependsOn: [{ wave: one }], vms: [${vm('a')}] }\n`;
    const text = readFileSync(at('p.yaml'), 'utf8');
    writeFileSync(at('p.yaml'), text.replace(/waves:[^]*/, waves));
    const args = ['run', 'p.yaml', '--yes', '--set', 'disk.compress=zlib'];
    const { code, out: shown } = await startOnTerminal(lab.dir, args).ended;
    expect(code).toBe(0);
    expect(shown).not.toMatch(/TypeError|at .*\.js:\d+/);
    // The row of the first wave is final while the second one is drawn, and the bar of its machine moves.
    expect(shown).toContain('two');
    expect(new Set(shown.match(/ \d+% /g)).size).toBeGreaterThan(2);
    expect(shown).toMatch(/✔ a .*succeeded/);
  });
});

describe('a log on a terminal', () => {
  test('cannot steer it; a pipe gets every byte', async () => {
    expect((await lab.drover('run', 'p.yaml', '--yes', '--until', 'FETCH')).code).toBe(0);
    const [id = ''] = readdirSync(at('.drover/runs'));
    appendFileSync(at('.drover/runs', id, 'logs/a/FETCH.1.log'), 'a guest says \u001b[2J\n');
    const piped = await lab.drover('logs', '--vm', 'a');
    expect(piped.out).toContain('a guest says \u001b[2J');
    const { out: shown } = await startOnTerminal(lab.dir, ['logs', '--vm', 'a']).ended;
    expect(shown).toContain('a guest says \\u001b[2J');
    expect(shown).not.toContain('\u001b[2J');
  });
});

describe('every screen', () => {
  /** What the journal says, without what differs from run to run. */
  const story = (): readonly string[] =>
    lines('journal').map(({ type, task, state }) => [type, task, state].filter((part) => part !== undefined).join(' '));

  test('sees the same run', async () => {
    // One at a time, so that the order of tasks does not depend on how long each takes.
    lab.playbook('limits: { maxVmsInFlight: 1 }\n');
    const stories = new Map<string, readonly string[]>();
    for (const renderer of ['live', 'plain', 'json', 'silent']) {
      const args = ['run', 'p.yaml', '--yes', '--force', 'FETCH', '--renderer', renderer];
      expect((await lab.drover(...args)).code, renderer).toBe(0);
      stories.set(renderer, story());
    }
    expect(stories.get('silent')?.length).toBeGreaterThan(20);
    for (const [renderer, told] of stories) expect(told, renderer).toEqual(stories.get('silent'));
  });
});
