/** `npm run demo` as people see it: what it promises, what it prints, and that a second run has nothing to do. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNotHere } from '../guests/index.mjs';

const ROOT = new URL('../../', import.meta.url).pathname;

const obstacle = await whyNotHere();
if (obstacle !== undefined) {
  if (process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(obstacle);
  console.warn(`skipped: ${obstacle}`);
}

describe.skipIf(obstacle !== undefined)('the demo', () => {
  let dir = '';
  const demo = () => execa('bash', ['scripts/demo.sh', dir], { cwd: ROOT, reject: false, all: true });
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drover-demo-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('ends with evidence for everything it promises', async () => {
    const { exitCode, all } = await demo();
    expect(all).toMatch(/✔ login prompt reached +web01 login:/);
    expect(all).toMatch(/✔ ens192 up with a DHCP address +10\.\d+\.\d+\.\d+\/\d+, still 00:50:56:3a:5b:7c/);
    expect(all).toMatch(/✔ zero failed units +systemd says running/);
    expect(all).toMatch(/✔ proof passed +level network/);
    expect(exitCode).toBe(0);
    for (const what of ['disk', 'xml', 'report']) {
      const path = new RegExp(`^ {2}${what} +(\\S+)`, 'm').exec(all)?.[1] ?? `no ${what}`;
      expect((await stat(path)).size).toBeGreaterThan(0);
    }
  });

  test('run again, finds nothing to do within seconds', async () => {
    const began = Date.now();
    const { exitCode, all } = await demo();
    expect(all).toContain('nothing had to be done');
    expect(exitCode).toBe(0);
    expect(Date.now() - began).toBeLessThan(30_000);
  });
});
