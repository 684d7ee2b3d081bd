import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeHost } from '../host/index.js';
import type { DroverError } from '../lib/error.js';
import { openJournal } from './journal.js';
import type { Journal } from './journal.js';
import { decodeLine, encodeLine, isWholeLine, JOURNAL_VERSION } from './record.js';
import type { RecordBody } from './record.js';
import { scanJournal } from './recovery.js';

const body: RecordBody = { type: 'circuit.closed', resource: 'x' };

async function open(host: FakeHost): Promise<{ journal: Journal; broken: DroverError[]; syncs: number[] }> {
  const broken: DroverError[] = [];
  const syncs: number[] = [];
  host.files.put('/j/keep', '');
  const inner = host.files.fault;
  host.files.fault = (act, path) => {
    if (act === 'sync') syncs.push(host.clock.monotonic());
    return inner?.(act, path);
  };
  const journal = await openJournal({
    host,
    path: '/j/journal',
    nextSeq: 0,
    sync: true,
    onDurable: () => undefined,
    onBroken: (error) => void broken.push(error),
  });
  return { journal, broken, syncs };
}

describe('the journal', () => {
  it('says that a record is durable only when it is', async () => {
    const host = createFakeHost();
    const { journal } = await open(host);
    const seen: string[] = [];
    journal.append(body, () => {
      host.files.crash();
      seen.push(host.files.peek('/j/journal')?.toString() ?? '');
    });
    expect(seen).toEqual([]);
    await host.clock.advance(20);
    expect(seen).toHaveLength(1);
    expect(scanJournal(Buffer.from(seen[0] ?? '')).records).toMatchObject([{ seq: 0, ...body }]);
    await journal.close();
  });

  it('groups what comes within 10 ms, writes 64 at once without waiting, and is quick when it has been quiet', async () => {
    const host = createFakeHost();
    const { journal, syncs } = await open(host);
    journal.append(body);
    await host.clock.advance(1);
    expect(syncs).toHaveLength(1);
    for (let at = 0; at < 5; at += 1) {
      journal.append(body);
      await host.clock.advance(1);
    }
    expect(syncs).toHaveLength(1);
    await host.clock.advance(10);
    expect(syncs).toHaveLength(2);
    for (let at = 0; at < 64; at += 1) journal.append(body);
    await host.clock.advance(0);
    expect(syncs).toHaveLength(3);
    await journal.close();
    const { records, damage } = scanJournal(host.files.peek('/j/journal') ?? Buffer.alloc(0));
    expect(damage).toBeUndefined();
    expect(records.map((record) => record.seq)).toEqual(Array.from({ length: 70 }, (_, at) => at));
  });

  it('tells once that the disk is full, and lets nothing happen that was not recorded', async () => {
    const host = createFakeHost();
    const { journal, broken } = await open(host);
    host.files.fault = (act) => (act === 'append to' ? 'ENOSPC' : undefined);
    let happened = 0;
    journal.append(body, () => (happened += 1));
    await host.clock.advance(20);
    journal.append(body, () => (happened += 1));
    await host.clock.advance(20);
    expect([happened, broken.map((error) => error.code), journal.isBroken]).toEqual([
      0,
      ['engine.journal-write'],
      true,
    ]);
    await expect(journal.flushed()).rejects.toMatchObject({ code: 'engine.journal-write' });
    await journal.close();
  });

  it('keeps secrets out of records and of what follows from them', async () => {
    const host = createFakeHost();
    host.redactor.add('sesame-9');
    const { journal } = await open(host);
    journal.append({ type: 'circuit.closed', resource: 'url with sesame-9' });
    await journal.flushed();
    expect(host.files.peek('/j/journal')?.toString()).toContain('url with [secret]');
    await journal.close();
  });
});

describe('a line of the journal', () => {
  const line = Buffer.from(encodeLine(JSON.stringify({ seq: 3, ts: 't', ...body })).trimEnd());

  it('is whole when its checksum fits, and no byte of it may change', () => {
    expect(isWholeLine(line)).toBe(true);
    expect(decodeLine(line)).toMatchObject({ seq: 3 });
    for (let at = 0; at < line.length; at += 1) {
      const changed = Buffer.from(line);
      changed[at] = (changed[at] ?? 0) ^ 4;
      expect(isWholeLine(changed)).toBe(false);
    }
  });
});

describe('reading a journal back', () => {
  const lines = [0, 1, 2, 3].map((seq) => encodeLine(JSON.stringify({ seq, ts: 't', ...body })));
  const bytes = (...parts: string[]): Buffer => Buffer.from(parts.join(''));

  it('takes zeros and garbage at the end for a torn record', () => {
    for (const end of ['\0\0\0\0\0\0', 'deadbeef {"seq"', 'garbage\nmore garbage\n', '\n']) {
      const scan = scanJournal(bytes(...lines, end));
      expect([scan.records.length, scan.damage, scan.totalBytes - scan.goodBytes]).toEqual([4, undefined, end.length]);
    }
  });

  it('refuses a bad record that good ones follow, and a gap in the numbers', () => {
    const bad = scanJournal(bytes(lines[0] ?? '', 'xx\n', lines[1] ?? ''));
    expect(bad.damage).toMatchObject({ line: 2 });
    const gap = scanJournal(bytes(lines[0] ?? '', lines[2] ?? ''));
    expect(gap.damage).toMatchObject({ line: 2, what: 'record 2 follows record 0' });
  });

  it('refuses a journal of a newer format', () => {
    const newer = encodeLine(JSON.stringify({ seq: 0, ts: 't', type: 'run.start', v: JOURNAL_VERSION + 1 }));
    expect(() => scanJournal(bytes(newer))).toThrow(
      expect.objectContaining({ code: 'engine.journal-version' }) as Error,
    );
  });
});
