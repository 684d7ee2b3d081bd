/** `drover state` on journals that are not what was written, and what the other commands do meanwhile. */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeLine } from '../../src/engine/record.js';
import { dataDisks } from '../support/data-disks.js';
import type { DataDisks } from '../support/data-disks.js';

let lab: DataDisks;
let run = '';
const journal = (): string => join(run, 'journal.ndjson');

beforeEach(async () => {
  lab = dataDisks();
  expect((await lab.drover('run', 'p.yaml', '--yes')).code).toBe(0);
  const runs = join(lab.dir, '.drover/runs');
  run = join(runs, readdirSync(runs)[0] ?? '');
});
afterEach(() => lab.remove());

/** Flips one bit in a line of the journal, counted from 1. */
function flipBitIn(line: number): void {
  const bytes = readFileSync(journal());
  let offset = 0;
  for (let at = 1; at < line; at += 1) offset = bytes.indexOf(0x0a, offset) + 1;
  bytes[offset + 30] = (bytes[offset + 30] ?? 0) ^ 4;
  writeFileSync(journal(), bytes);
}

describe('drover state', () => {
  test('finds a flipped bit, repairs with a copy, and resume makes the rest again', async () => {
    expect(await lab.drover('state', 'verify')).toMatchObject({ code: 0, out: 'every journal is whole\n' });
    flipBitIn(12);
    const damaged = readFileSync(journal());
    const verified = await lab.drover('state', 'verify');
    expect(verified.code).toBe(5);
    expect(verified.out).toContain('line 12: the checksum does not fit');
    for (const args of [['status'], ['resume'], ['report']]) {
      const refused = await lab.drover(...args);
      expect(refused.code, args[0]).toBe(5);
      expect(refused.err, args[0]).toContain('engine.journal-damaged');
      expect(refused.err, args[0]).toContain('drover state repair');
    }
    expect(readFileSync(journal())).toEqual(damaged);
    expect((await lab.drover('state', 'list')).code).toBe(0);

    const repaired = await lab.drover('state', 'repair');
    expect(repaired.code).toBe(0);
    expect(repaired.out).toMatch(/^kept 11 records, cut .*journal\.ndjson\.damaged-/);
    const copy = /\S+damaged-\S+/.exec(repaired.out)?.[0] ?? '';
    expect(readFileSync(copy)).toEqual(damaged);
    expect((await lab.drover('state', 'verify')).code).toBe(0);
    expect((await lab.drover('state', 'repair')).out).toMatch(/is whole/);
    expect((await lab.drover('status')).out).toContain('interrupted');

    const resumed = await lab.drover('resume');
    expect(resumed.err).not.toMatch(/^error/m);
    expect(resumed.code).toBe(0);
    expect((await lab.drover('status')).out).toContain('succeeded');
    expect((await lab.drover('state', 'verify')).code).toBe(0);
  });

  test('takes a torn end for what it is, and a missing snapshot for nothing', async () => {
    truncateSync(journal(), readFileSync(journal()).length - 7);
    rmSync(join(run, 'state.json'), { force: true });
    const verified = await lab.drover('state', 'verify');
    expect(verified).toMatchObject({ code: 0, out: expect.stringMatching(/^warning .*the last record is torn/) });
    expect((await lab.drover('status')).out).toContain('note: the last record of the journal is torn');
    expect((await lab.drover('resume')).code).toBe(0);
    expect(await lab.drover('state', 'verify')).toMatchObject({ code: 0, out: 'every journal is whole\n' });
  });

  test('refuses the journal of a newer Drover and leaves it alone', async () => {
    const text = readFileSync(journal(), 'utf8');
    const first = text.slice(0, text.indexOf('\n'));
    const newer = encodeLine(JSON.stringify({ ...(JSON.parse(first.slice(9)) as object), v: 99 }));
    writeFileSync(journal(), newer + text.slice(text.indexOf('\n') + 1));
    const before = readFileSync(journal());
    for (const args of [['status'], ['resume'], ['state', 'repair']]) {
      const refused = await lab.drover(...args);
      expect(refused.err, args.join(' ')).toContain('engine.journal-version');
      expect(refused.code, args.join(' ')).toBe(5);
    }
    expect(await lab.drover('state', 'verify')).toMatchObject({ code: 5, out: expect.stringContaining('format 99') });
    expect(readFileSync(journal())).toEqual(before);
  });
});
