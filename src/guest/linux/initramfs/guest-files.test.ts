import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../../../host/index.js';
import { fakeSession } from '../testing/session.js';
import type { FakeSession } from '../testing/session.js';
import { installAppended } from './guest-files.js';

const PATH = '/boot/initrd.img-6.1.0-1-amd64';
const ASIDE = '/boot/.drover-initrd.img-6.1.0-1-amd64';
const MIB = 1024 ** 2;

/** Appends 100 bytes behind 4 of padding to an image of 1000 bytes; `failing` names the call that does not go. */
async function install(freeBytes: number | undefined, failing = ''): Promise<FakeSession> {
  const host = createFakeHost();
  await host.files.makeDir('/scratch');
  const session = fakeSession({
    call: ([word = '']) =>
      word === failing
        ? { ok: false, output: '', error: 'No space left on device' }
        : { ok: true, output: word === 'filesize' ? '1104\n' : '', error: '' },
  });
  await installAppended(host, session, {
    path: PATH,
    oldBytes: 1000,
    result: {
      action: 'append',
      tool: 'initramfs-tools',
      image: '/scratch/image',
      added: ['virtio_blk'],
      files: [],
      paddingBytes: 4,
      segment: Buffer.alloc(100),
      reason: '',
    },
    scratchDir: '/scratch',
    ...(freeBytes === undefined ? {} : { freeBytes }),
  });
  return session;
}

const upload = (target: string): string => `call: upload-offset /scratch/segment ${target} 1000`;

describe('an initramfs that grew', () => {
  it.each([undefined, 10 * MIB])(
    'takes the place of the old one whole where there is room (%s bytes free)',
    async (free) => {
      const { asked } = await install(free);
      expect(asked).toEqual([
        `call: cp-a ${PATH} ${ASIDE}`,
        upload(ASIDE),
        `call: filesize ${ASIDE}`,
        `call: mv ${ASIDE} ${PATH}`,
      ]);
    },
  );

  it('grows where it is when there is no room for a copy', async () => {
    const { asked } = await install(MIB);
    expect(asked).toEqual([upload(PATH), `call: filesize ${PATH}`]);
  });

  it('grows where it is when the room is gone by then, and leaves no half copy', async () => {
    const { asked } = await install(10 * MIB, 'cp-a');
    expect(asked).toEqual([
      `call: cp-a ${PATH} ${ASIDE}`,
      `call: rm-f ${ASIDE}`,
      upload(PATH),
      `call: filesize ${PATH}`,
    ]);
  });
});
