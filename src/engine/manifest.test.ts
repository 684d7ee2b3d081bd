import { beforeEach, describe, expect, it } from 'vitest';
import { createFakeHost } from '../host/index.js';
import type { FakeHost } from '../host/index.js';
import { sha256 } from '../lib/canonical-json.js';
import { contentIds, MANIFEST_VERSION, verifyOutputs } from './manifest.js';
import type { Manifest, ManifestOutput } from './manifest.js';
import type { VerifyLevel } from './run-types.js';

const MIB = 1024 ** 2;
const PATH = '/store/files/disk.qcow2';
let host: FakeHost;
beforeEach(() => {
  host = createFakeHost();
});

function content(sizeBytes: number, changedAt?: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, 7);
  if (changedAt !== undefined) bytes[changedAt] = 8;
  return bytes;
}

/** A manifest of one file, as it is sealed. `isWhole`: the stage gave the digest of all of it. */
async function sealed(sizeBytes: number, isWhole: boolean): Promise<Manifest> {
  const bytes = content(sizeBytes);
  host.files.put(PATH, bytes);
  const facts = await host.files.stat(PATH);
  const output: ManifestOutput = {
    role: 'disk0',
    kind: 'intermediate',
    path: 'files/disk.qcow2',
    bytes: sizeBytes,
    allocatedBytes: sizeBytes,
    mtimeNs: facts?.mtimeNs ?? '',
    ...(await contentIds(host, PATH, sizeBytes, isWhole ? sha256(bytes) : undefined)),
  };
  return {
    schema: MANIFEST_VERSION,
    vmKey: 'images:a',
    stage: 'FLATTEN',
    fingerprint: 'f',
    outputs: [output],
    result: {},
    producedBy: { run: 'r', task: 't', attempt: 1 },
    startedAt: '',
    endedAt: '',
  };
}

const look = async (manifest: Manifest, level: VerifyLevel): Promise<string> => {
  const verdict = await verifyOutputs(host, '/store', manifest, level);
  return verdict.kind === 'altered' ? verdict.how : verdict.kind;
};

describe('outputs of earlier work', () => {
  it.each([false, true])('count while they are as they were left (whole digest: %j)', async (isWhole) => {
    const manifest = await sealed(9 * MIB, isWhole);
    for (const level of ['none', 'sampled', 'full'] as const) expect(await look(manifest, level)).toBe('ok');
  });

  it.each([
    ['small, sampled', MIB, false],
    ['small, whole digest', MIB, true],
    ['large, sampled', 9 * MIB, false],
    ['large, whole digest', 9 * MIB, true],
  ])(
    'are altered when a byte at the head or tail changed and size and time did not (%s)',
    async (_name, size, isWhole) => {
      const manifest = await sealed(size, isWhole);
      for (const at of [0, size - 1]) {
        host.files.put(PATH, content(size, at));
        expect(await look(manifest, 'sampled')).toBe('its content differs');
        expect(await look(manifest, 'full')).toBe('its content differs');
        expect(await look(manifest, 'none')).toBe('ok');
      }
    },
  );

  it('are read whole by `full`: a change between the samples is found', async () => {
    const manifest = await sealed(64 * MIB, true);
    const found: string[] = [];
    for (let block = 1; block < 9; block += 1) {
      host.files.put(PATH, content(64 * MIB, block * 3 * MIB + 5));
      if ((await look(manifest, 'sampled')) !== 'ok') continue;
      found.push(await look(manifest, 'full'));
      break;
    }
    expect(found).toEqual(['its content differs']);
  });

  it('are altered when they were written to or have another size, and missing when they are gone', async () => {
    const manifest = await sealed(MIB, false);
    await host.clock.advance(5);
    host.files.put(PATH, content(MIB));
    expect(await look(manifest, 'sampled')).toBe('it was written to afterwards');
    host.files.put(PATH, content(MIB + 1));
    expect(await look(manifest, 'sampled')).toContain(`${MIB + 1} bytes instead of ${MIB}`);
    await host.files.remove(PATH);
    for (const level of ['none', 'sampled', 'full'] as const) expect(await look(manifest, level)).toBe('missing');
  });

  it('that were dropped on purpose are no loss', async () => {
    const manifest = { ...(await sealed(MIB, false)), dropped: { at: '', paths: ['files/disk.qcow2'] } };
    await host.files.remove(PATH);
    expect(await look(manifest, 'full')).toBe('dropped');
  });
});
