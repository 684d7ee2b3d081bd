import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Clock, Connection } from '../../host/index.js';
import type { DroverError } from '../../lib/error.js';
import { negotiateQmp } from './client.js';
import type { QmpEvent, QmpOptions } from './client.js';
import { grantedQmp } from './grant.js';
import { qmpLines } from './framing.js';

const GREETING =
  '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22},"package":"x"},"capabilities":["oob"]}}\r\n';

/** A clock whose timers fire only when the test says so. */
function manualClock(): Clock & { fire(ms: number): void } {
  const timers = new Set<{ ms: number; run: () => void }>();
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: async () => undefined,
    setTimer: (ms, run) => {
      const timer = { ms, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    fire: (ms) => {
      for (const timer of [...timers]) {
        if (timer.ms === ms) {
          timers.delete(timer);
          timer.run();
        }
      }
    },
  };
}

/** The server side of a connection: says what a script says, remembers what it was told. */
function server(answer: (message: { execute: string; id: number }) => readonly (string | Buffer)[] = () => []) {
  const input = new PassThrough();
  const output = new PassThrough();
  const heard: { execute: string; id: number; arguments?: unknown }[] = [];
  let closed = false;
  output.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\r\n').filter(Boolean)) {
      const message = JSON.parse(line) as { execute: string; id: number };
      heard.push(message);
      const answers =
        message.execute === 'qmp_capabilities' ? [`{"return":{},"id":${message.id}}\r\n`] : answer(message);
      for (const text of answers) input.write(text);
    }
  });
  const connection: Connection = {
    input,
    output,
    close: () => {
      closed = true;
      input.destroy();
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  return {
    connection,
    heard,
    say: (text: string | Buffer) => void input.write(text),
    end: () => void input.end(),
    isClosed: () => closed,
  };
}

async function connect(side: ReturnType<typeof server>, clock: Clock = manualClock(), options: QmpOptions = {}) {
  side.say(GREETING);
  return negotiateQmp(side.connection, clock, options);
}

async function failure(promise: Promise<unknown>): Promise<DroverError> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as DroverError,
  );
}

describe('framing', () => {
  const messages = ['{"a":"é漢字😀"}', '{"b":1}', '{"c":[]}'];
  const bytes = Buffer.from(messages.map((text) => `${text}\r\n`).join('') + '\r\n\n');

  it.each([1, 2, 3, 5, 7, 1000])('does not depend on how the stream is cut (%i bytes a piece)', (size) => {
    const lines: string[] = [];
    const push = qmpLines(
      (line) => lines.push(line),
      () => expect.fail('too long'),
    );
    for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size));
    expect(lines).toEqual(messages);
  });

  it('stops at a line over the limit', () => {
    const lines: string[] = [];
    let tooLong = 0;
    const push = qmpLines(
      (line) => lines.push(line),
      () => (tooLong += 1),
      10,
    );
    push(Buffer.from('{"a":1}\n0123456789'));
    push(Buffer.from('0123456789'));
    push(Buffer.from('\n{"b":1}\n'));
    expect([lines, tooLong]).toEqual([['{"a":1}'], 1]);
  });
});

describe('a monitor session', () => {
  it('negotiates and tells the version', async () => {
    const side = server();
    const client = await connect(side);
    expect(client.version).toBe('7.2.22');
    expect(side.heard.map((m) => m.execute)).toEqual(['qmp_capabilities']);
  });

  it('waits for a greeting that comes in pieces', async () => {
    const side = server();
    const connecting = negotiateQmp(side.connection, manualClock());
    for (const piece of GREETING.match(/.{1,9}/gs) ?? []) {
      side.say(piece);
      await new Promise(setImmediate);
    }
    expect((await connecting).version).toBe('7.2.22');
  });

  it('says that another client holds the socket when no greeting comes', async () => {
    const clock = manualClock();
    const side = server();
    const connecting = negotiateQmp(side.connection, clock);
    clock.fire(5000);
    const error = await failure(connecting);
    expect([error.code, side.isClosed()]).toEqual(['vm.qmp.no-greeting', true]);
    expect(error.message).toContain('another client');
  });

  it('refuses what is not the protocol', async () => {
    const side = server();
    side.say('SSH-2.0-OpenSSH_9.2\r\n');
    expect((await failure(negotiateQmp(side.connection, manualClock()))).code).toBe('vm.qmp.protocol');
  });

  it('matches replies by id, whatever their order, with events between them', async () => {
    const held: string[] = [];
    const side = server((m) => {
      held.push(`{"return":"${m.execute}","id":${m.id}}\r\n`);
      return held.length < 2
        ? []
        : [held[1] ?? '', '{"event":"RESUME","timestamp":{"seconds":5,"microseconds":500000}}\r\n', held[0] ?? ''];
    });
    const client = await connect(side);
    const events: QmpEvent[] = [];
    client.onEvent((event) => events.push(event));
    expect(await Promise.all([client.execute('query-status'), client.execute('query-name')])).toEqual([
      'query-status',
      'query-name',
    ]);
    expect(events).toEqual([{ name: 'RESUME', data: {}, timeMs: 5500 }]);
  });

  it('turns a refusal of QEMU into an error', async () => {
    const side = server((m) => [`{"error":{"class":"GenericError","desc":"no such thing"},"id":${m.id}}\r\n`]);
    const error = await failure((await connect(side)).execute('screendump', { filename: '/x' }));
    expect([error.code, error.details]).toEqual(['vm.qmp.command', { command: 'screendump', class: 'GenericError' }]);
    expect(error.message).toContain('no such thing');
  });

  it('rejects everything in flight on an error without id', async () => {
    const side = server();
    const client = await connect(side);
    const both = [failure(client.execute('stop')), failure(client.execute('cont'))];
    side.say('{"error":{"class":"GenericError","desc":"JSON parse error"}}\r\n');
    expect((await Promise.all(both)).map((error) => error.code)).toEqual(['vm.qmp.command', 'vm.qmp.command']);
  });

  it('drops the late reply of a command that took too long and goes on', async () => {
    const clock = manualClock();
    let late = '';
    const side = server((m) => {
      if (m.execute !== 'query-block') return [late, `{"return":"fine","id":${m.id}}\r\n`];
      late = `{"return":"late","id":${m.id}}\r\n`;
      return [];
    });
    const logged: string[] = [];
    const client = await connect(side, clock, { log: (message) => logged.push(message) });
    const slow = failure(client.execute('query-block', undefined, { timeoutMs: 77 }));
    clock.fire(77);
    expect((await slow).code).toBe('vm.qmp.timeout');
    expect(await client.execute('query-status')).toBe('fine');
    expect(logged).toHaveLength(1);
  });

  it('rejects what waits when the connection ends, naming it and the last event', async () => {
    const side = server();
    const client = await connect(side);
    const waiting = failure(client.execute('system_powerdown'));
    side.say('{"event":"SHUTDOWN","data":{"guest":true},"timestamp":{"seconds":1,"microseconds":0}}\r\n');
    await new Promise(setImmediate);
    side.end();
    const error = await waiting;
    expect([error.code, error.details]).toEqual([
      'vm.qmp.disconnected',
      { lastEvent: 'SHUTDOWN', inFlight: ['system_powerdown'] },
    ]);
    await client.ended;
    expect((await failure(client.execute('stop'))).code).toBe('vm.qmp.disconnected');
  });

  it('ends a wait when its signal aborts', async () => {
    const client = await connect(server());
    const abort = new AbortController();
    const waiting = failure(client.execute('stop', undefined, { signal: abort.signal }));
    abort.abort(new Error('cancelled by the test'));
    expect((await waiting).message).toBe('cancelled by the test');
  });

  it('shows all traffic to whoever keeps the record', async () => {
    const seen: string[] = [];
    const side = server((m) => [`{"return":{},"id":${m.id}}\r\n`]);
    const client = await connect(side, manualClock(), {
      onTraffic: (direction, message) => seen.push(`${direction} ${Object.keys(message as object).join(',')}`),
    });
    await client.execute('stop');
    expect(seen).toEqual([
      'received QMP',
      'sent execute,id',
      'received return,id',
      'sent execute,id',
      'received return,id',
    ]);
  });
});

describe('a granted monitor', () => {
  it('passes what is granted and sends nothing else', async () => {
    const side = server((m) => [`{"return":1,"id":${m.id}}\r\n`]);
    const monitor = grantedQmp(await connect(side), 'the boot proof', ['query-status', 'qmp_capabilities']);
    expect(await monitor.execute('query-status')).toBe(1);
    for (const command of ['quit', 'human-monitor-command', 'qmp_capabilities', 'Query-Status', '']) {
      expect((await failure(monitor.execute(command))).code).toBe('vm.qmp.blocked');
    }
    expect(side.heard.map((m) => m.execute)).toEqual(['qmp_capabilities', 'query-status']);
  });
});
