import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drover as runDrover, ENTRY } from '../support/cli.js';

let dir = '';

/** Runs the built command line in the folder of these tests. */
const drover = (args: readonly string[], env?: NodeJS.ProcessEnv) => runDrover(dir, args, env);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('the command line', () => {
  test('prints its version at once', async () => {
    const version = (
      JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    ).version;
    expect(await drover(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  test('says its version for little more than what starting Node costs', () => {
    // The best of several: other work on the machine only ever adds. The figure itself is in bench/cli.mjs.
    const best = (args: readonly string[]): number =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const script = `TIMEFORMAT='%U %S'; time "$@" >/dev/null`;
          const { stderr } = spawnSync('bash', ['-c', script, 'bash', process.execPath, ...args], { encoding: 'utf8' });
          const [user = Number.NaN, system = Number.NaN] = stderr.trim().split(' ').map(Number);
          return user + system;
        }),
      );
    expect(best([ENTRY, '--version'])).toBeLessThan(best(['-e', '0']) * 1.6);
  });

  test('lists every command with --help and exits 0', async () => {
    const help = await drover(['--help']);
    expect(help.code).toBe(0);
    for (const name of [
      'plan',
      'run',
      'status',
      'resume',
      'report',
      'graph',
      'validate',
      'explain',
      'logs',
      'cancel',
      'clean',
      'doctor',
      'init',
      'completion',
    ]) {
      expect(help.out).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });

  test.each([
    [['frobnicate'], /unknown command/],
    [['run'], /missing required argument/],
    [['run', 'x.yaml', '--renderer', 'fancy'], /renderer/],
    [['status', '--no-such-option'], /unknown option/],
  ] as const)('exit 2 for the usage error %j', async (args, message) => {
    const result = await drover(args);
    expect(result.code).toBe(2);
    expect(result.err).toMatch(message);
    expect(result.out).toBe('');
  });

  test('an unknown run is a usage error with a hint', async () => {
    const result = await drover(['status', '20260101T000000Z-aaaaaa']);
    expect(result.code).toBe(2);
    expect(result.err).toContain('cli.no-run');
    expect(result.err).toContain('hint:');
  });

  test('explains error codes, and refuses what is none', async () => {
    expect((await drover(['explain', 'lock.held'])).out).toMatch(/cause .*\n.*check .*\n.*cure /);
    expect((await drover(['explain', 'no.such-code'])).code).toBe(2);
  });

  test.each(['bash', 'zsh', 'fish'])('prints completion for %s that knows every command', async (shell) => {
    const result = await drover(['completion', shell]);
    expect(result.code).toBe(0);
    for (const name of ['validate', 'resume', 'doctor']) expect(result.out).toContain(name);
  });

  test('the bash completion is valid and completes commands', async () => {
    const script = join(dir, 'completion.bash');
    writeFileSync(script, (await drover(['completion', 'bash'])).out);
    const probe = `source ${script}; COMP_WORDS=(drover re); COMP_CWORD=1; _drover; echo "\${COMPREPLY[*]}"`;
    const result = spawnSync('bash', ['-c', probe], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.stdout.trim().split(' ').sort()).toEqual(['report', 'resume']);
  });

  test('init writes a playbook that validates, and never overwrites it', async () => {
    mkdirSync(join(dir, 'images'), { recursive: true });
    const there = ['web01.ova', 'db01.vmdk', 'db01-s001.vmdk', 'log_01.raw', 'log-01.vdi', 'notes.txt'];
    for (const name of there) writeFileSync(join(dir, 'images', name), '');
    writeFileSync(join(dir, 'images', 'cloud.img'), 'QFI\xfb', 'latin1');
    writeFileSync(join(dir, 'images', 'old.img'), '# Disk DescriptorFile\nversion=1\n');
    expect((await drover(['init', '.'])).code).toBe(0);
    const text = readFileSync(join(dir, 'playbook.yaml'), 'utf8');
    expect(text).toContain('{ name: "db01", disks: ["db01.vmdk"] }');
    expect(text).toContain('{ name: "web01", ova: "web01.ova" }');
    expect(text).toContain('{ name: "cloud", disks: ["cloud.img"] }');
    expect(text).toContain('{ name: "old", disks: ["old.img"] }');
    expect(text).toContain('{ name: "log-01", disks: ["log-01.vdi"] }');
    expect(text).toContain('{ name: "log-01-2", disks: [{ file: "log_01.raw", format: raw }] }');
    expect(text).not.toMatch(/s001|notes/);
    expect(await drover(['validate', 'playbook.yaml'])).toMatchObject({ code: 0 });
    const again = await drover(['init', '.']);
    expect(again.code).toBe(2);
    expect(again.err).toContain('cli.exists');
    expect(readFileSync(join(dir, 'playbook.yaml'), 'utf8')).toBe(text);
  });

  test('a broken playbook: located, with a suggestion and a caret; exit 3', async () => {
    writeFileSync(
      join(dir, 'broken.yaml'),
      'apiVersion: drover/v1alpha1\nkind: Playbook\nmetadata: { name: x }\nsources: { images: { type: local, dir: ./images } }\ntargets: { here: { type: files, dir: ./out } }\nwaves:\n  - name: all\n    vms:\n      - { name: web01, ova: web01.ova, overrides: { memroy: 1GiB } }\n',
    );
    const result = await drover(['validate', 'broken.yaml']);
    expect(result.code).toBe(3);
    expect(result.err).toContain('broken.yaml:9:');
    expect(result.err).toContain('did you mean "memory"');
    expect(result.err).toContain('^^^^^^');
    const json = await drover(['validate', 'broken.yaml', '--format', 'json']);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.out)).toEqual([
      expect.objectContaining({ code: 'playbook.unknown-key', severity: 'error' }),
    ]);
    expect((await drover(['validate', 'broken.yaml', '--format', 'github'])).out).toMatch(
      /^::error file=broken\.yaml,line=9,col=\d+/,
    );
  });

  test('doctor says what is here and what is not', async () => {
    const result = await drover(['doctor', '--json'], { PATH: '/nonexistent' });
    const report = JSON.parse(result.out) as {
      ok: boolean;
      findings: { name: string; status: string; remedy?: string }[];
    };
    expect(result.code).toBe(4);
    expect(report.ok).toBe(false);
    expect(report.findings.find((finding) => finding.name === 'qemu-img')).toMatchObject({
      status: 'missing',
      remedy: expect.stringContaining('apt install qemu-utils'),
    });
  });
});
