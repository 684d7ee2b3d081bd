import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFakeHost } from '../../host/fake-host.js';
import { createFakeProcess } from '../../host/fake-exec.js';
import { startGuestfish } from './guestfish.js';
import type { Guestfish } from './guestfish.js';

interface Answer {
  readonly stdout?: string | Buffer;
  readonly stderr?: string;
}

interface Scene {
  readonly host: ReturnType<typeof createFakeHost>;
  readonly fish: Guestfish;
  readonly process: ReturnType<typeof createFakeProcess>;
  readonly lines: string[];
}

/** A guestfish whose commands are answered by a function; `deliver` cuts what it writes into pieces. */
async function scene(
  answer: (line: string) => Answer | undefined,
  options: { readonly pieces?: number; readonly signal?: AbortSignal } = {},
): Promise<Scene> {
  const host = createFakeHost();
  const process = createFakeProcess();
  const lines: string[] = [];
  const deliver = (stream: typeof process.stdout, data: string | Buffer): void => {
    const bytes = Buffer.from(data);
    const size = options.pieces ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
  };
  let rest = '';
  let ended = false;
  void process.exited.then(() => (ended = true));
  process.stdin.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      if (ended) return;
      lines.push(line);
      const echo = /^-echo (\S+)$/.exec(line);
      const unknown = /^-([a-z0-9]+-\d+)$/.exec(line);
      if (echo !== null) deliver(process.stdout, `${echo[1]}\n`);
      else if (unknown !== null) deliver(process.stderr, `${unknown[1]}: unknown command\n`);
      else {
        const said = answer(line);
        if (said === undefined) {
          ended = true;
          process.exit(1);
          return;
        }
        if (said.stdout !== undefined) deliver(process.stdout, said.stdout);
        if (said.stderr !== undefined) deliver(process.stderr, said.stderr);
      }
    }
  });
  host.programs.expectSpawn({ tool: 'guestfish' }, () => process);
  const fish = await startGuestfish(host, {
    env: {},
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { host, fish, process, lines };
}

test('output, failure and silence belong to the command that made them', async () => {
  const { fish } = await scene((line) => {
    if (line === '-good') return { stdout: 'one\ntwo' };
    if (line === '-bad') return { stdout: 'half', stderr: '*stdin*:4: libguestfs: error: cat: /x: No such file\n' };
    return {};
  });
  const results = await Promise.all(['good', 'bad', 'quiet', 'good'].map((line) => fish.send(line, 1000)));
  expect(results.map(({ ok, output, error }) => [ok, output.toString(), error])).toEqual([
    [true, 'one\ntwo', ''],
    [false, 'half', 'cat: /x: No such file'],
    [true, '', ''],
    [true, 'one\ntwo', ''],
  ]);
});

test('a warning is no failure', async () => {
  const { fish } = await scene(() => ({ stderr: 'libguestfs: warning: something slow\n' }));
  expect(await fish.send('run', 1000)).toMatchObject({ ok: true, error: '' });
});

test('answers are the same however the bytes arrive', async () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data));
  await fc.assert(
    fc.asyncProperty(
      fc.array(bytes, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 40 }),
      async (outputs, pieces) => {
        const queue = [...outputs];
        const { fish } = await scene(() => ({ stdout: queue.shift() ?? '' }), { pieces });
        const results = await Promise.all(outputs.map(() => fish.send('read', 1000)));
        expect(results.map((result) => result.output.toString('hex'))).toEqual(
          outputs.map((each) => each.toString('hex')),
        );
      },
    ),
    { numRuns: 30 },
  );
});

test('an appliance that ends takes every waiting command with it, and later ones too', async () => {
  const { fish } = await scene((line) => (line === '-die' ? undefined : {}));
  const results = await Promise.allSettled(['fine', 'die', 'late'].map((line) => fish.send(line, 1000)));
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(results[1]).toMatchObject({ reason: { code: 'guest.appliance-lost' } });
  expect(results[1]).toMatchObject({ reason: { message: expect.stringContaining('during "die"') as string } });
  await expect(fish.send('more', 1000)).rejects.toMatchObject({ code: 'guest.appliance-lost' });
});

test('a command that does not answer ends the appliance; the time of the one before it does not count', async () => {
  const { fish, host, process } = await scene(() => ({}));
  process.stdin.removeAllListeners('data');
  const silent = fish.send('slow', 5000);
  const outcome = expect(silent).rejects.toMatchObject({ code: 'guest.call-timeout' });
  await host.clock.advance(4999);
  expect(process.signals).toEqual([]);
  await host.clock.advance(2);
  await outcome;
  expect(process.signals).toEqual(['SIGTERM']);
});

test('cancelling is told apart from dying', async () => {
  const abort = new AbortController();
  const { fish, process } = await scene(() => ({}), { signal: abort.signal });
  process.stdin.removeAllListeners('data');
  const waiting = expect(fish.send('slow', 5000)).rejects.toMatchObject({ code: 'exec.cancelled' });
  abort.abort();
  await waiting;
});

test('closing lets it end by itself, and ends it by force after the grace', async () => {
  const obedient = await scene(() => ({}));
  obedient.process.stdin.on('finish', () => obedient.process.exit(0));
  await obedient.fish.close(1000);
  const deaf = await scene(() => ({}));
  const closing = deaf.fish.close(1000);
  await deaf.host.clock.advance(1001);
  await closing;
  expect(deaf.process.signals).toEqual(['SIGTERM', 'SIGTERM']);
});
