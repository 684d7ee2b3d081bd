import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Connection, Host } from '../../host/index.js';
import { askAgent, readAgentInterfaces } from './agent.js';

interface Question {
  readonly execute: string;
  readonly arguments?: { readonly id: number };
}

/** A host whose one socket leads to an agent that answers by this script; timers fire at once when nobody answers. */
function hostWith(answer: (question: Question) => readonly (string | Buffer)[] | undefined): Host {
  const input = new PassThrough();
  const output = new PassThrough();
  output.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString('latin1').replaceAll('\xff', '').split('\n').filter(Boolean)) {
      const answers = answer(JSON.parse(line) as Question);
      for (const text of answers ?? []) input.write(text);
    }
  });
  const connection: Connection = {
    input,
    output,
    close: () => void input.destroy(),
    [Symbol.asyncDispose]: async () => void input.destroy(),
  };
  let seed = 0;
  return {
    connectUnix: async () => connection,
    random: { bytes: () => Buffer.from([(seed += 1), 2, 3, 0xff]) },
    clock: {
      setTimer: (_ms: number, run: () => void) => {
        const timer = setTimeout(run, 40);
        return { cancel: () => clearTimeout(timer) };
      },
    },
  } as unknown as Host;
}

const sync = (q: Question): Buffer =>
  Buffer.concat([Buffer.from([0xff]), Buffer.from(`{"return": ${q.arguments?.id ?? 0}}\n`)]);

const INTERFACES = [
  { name: 'lo', 'ip-addresses': [{ 'ip-address': '127.0.0.1', prefix: 8 }] },
  {
    name: 'ens192',
    'hardware-address': '00:50:56:3A:5B:7C',
    'ip-addresses': [
      { 'ip-address': '10.0.2.15', prefix: 24, 'ip-address-type': 'ipv4' },
      { 'ip-address': 'fe80::1', prefix: 64, 'ip-address-type': 'ipv6' },
    ],
  },
];
const EXPECTED = [{ name: 'ens192', mac: '00:50:56:3a:5b:7c', addresses: ['10.0.2.15/24', 'fe80::1/64'] }];

describe('the guest agent', () => {
  it('is asked what it is and which adapters it has', async () => {
    const facts = await askAgent(
      hostWith((q) => {
        switch (q.execute) {
          case 'guest-sync-delimited':
            // Leftovers of an earlier talk come first, cut anywhere.
            return ['"return": {}}\n{"error": {"class": "Gene', sync(q)];
          case 'guest-get-osinfo':
            return ['{"return": {"pretty-name": "Debian GNU/Linux 12", "id": "debian"}}\n'];
          case 'guest-network-get-interfaces':
            return [`{"return": ${JSON.stringify(INTERFACES)}}\n`];
          default:
            return ['{"return": {}}\n'];
        }
      }),
      '/x',
    );
    expect(facts).toEqual({ system: 'Debian GNU/Linux 12', interfaces: EXPECTED });
  });

  it('may keep some answers to itself', async () => {
    const facts = await askAgent(
      hostWith((q) =>
        q.execute === 'guest-sync-delimited'
          ? [sync(q)]
          : q.execute === 'guest-ping'
            ? ['{"return": {}}\n']
            : ['{"error": {"class": "CommandNotFound", "desc": "The command has been disabled"}}\n'],
      ),
      '/x',
    );
    expect(facts).toEqual({ system: '', interfaces: [] });
  });

  it.each([
    ['nobody answers', () => undefined],
    ['somebody answers with another number', () => ['{"return": 1}\n']],
    ['somebody talks nonsense', () => ['hello\n', Buffer.from([0xff, 0x0a])]],
  ])('is not there when %s', async (_, answer) => {
    expect(await askAgent(hostWith(answer), '/x')).toBeUndefined();
  });

  it.each([[null], [{}], [[null, 1, 'x', { name: 1 }]], [[{ name: 'a\u001b[2J', 'ip-addresses': 'x' }]]])(
    'cannot do harm with the adapters %j',
    (value) => {
      for (const one of readAgentInterfaces(value)) expect(JSON.stringify(one)).not.toContain('u001b');
    },
  );
});
