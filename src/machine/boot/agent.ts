/**
 * The guest agent: like QMP in its framing, but without greeting, negotiation and ids. The channel takes bytes even when nobody
 * listens in the guest, so that silence means "not there". Everything it says is written by the guest.
 */
import { DroverError } from '../../lib/error.js';
import type { Connection, Host } from '../../host/index.js';
import { qmpLines } from '../qmp/framing.js';

const LONGEST_REPLY = 16 * 1024 ** 2;
const DELIMITER = 0xff;

export interface AgentInterface {
  readonly name: string;
  readonly mac: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

export interface AgentFacts {
  readonly system: string;
  readonly interfaces: readonly AgentInterface[];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function clean(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/[\p{Cc}\p{Cs}]/gu, '').slice(0, 256) : '';
}

/** The adapters in the answer to guest-network-get-interfaces, without the loopback. */
export function readAgentInterfaces(value: unknown): readonly AgentInterface[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, 256)
    .map(record)
    .filter((entry) => entry['name'] !== 'lo')
    .map((entry) => ({
      name: clean(entry['name']),
      mac: clean(entry['hardware-address']).toLowerCase(),
      addresses: (Array.isArray(entry['ip-addresses']) ? entry['ip-addresses'] : [])
        .slice(0, 256)
        .map(record)
        .map((address) => `${clean(address['ip-address'])}/${Number(address['prefix'] ?? 0)}`),
    }));
}

interface AgentSession {
  ask(command: string, args: Readonly<Record<string, unknown>> | undefined, timeoutMs: number): Promise<unknown>;
}

function agentSession(host: Host, connection: Connection, signal: AbortSignal | undefined): AgentSession {
  let onMessage: ((message: Readonly<Record<string, unknown>>) => void) | undefined;
  const push = qmpLines(
    (line) => {
      try {
        onMessage?.(record(JSON.parse(line)));
      } catch {
        // What lies in the channel from before the session may be cut anywhere; the synchronisation skips it.
      }
    },
    () => connection.close(),
    LONGEST_REPLY,
  );
  connection.input.on('data', (chunk: Buffer) => {
    // The delimiter is no part of any text: it stands for the end of whatever was before.
    push(Buffer.from(chunk.map((byte) => (byte === DELIMITER ? 0x0a : byte))));
  });
  const exchange = (bytes: Buffer, accept: (m: Readonly<Record<string, unknown>>) => boolean, timeoutMs: number) =>
    new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      const done = (act: () => void): void => {
        timer.cancel();
        signal?.removeEventListener('abort', stop);
        onMessage = undefined;
        act();
      };
      const stop = (): void => done(() => reject(signal?.reason as Error));
      const silent = new DroverError({ code: 'vm.qmp.timeout', message: 'the guest agent does not answer' });
      const timer = host.clock.setTimer(timeoutMs, () => done(() => reject(silent)));
      signal?.addEventListener('abort', stop, { once: true });
      connection.input.once('close', () => done(() => reject(silent)));
      onMessage = (message) => {
        if (accept(message)) done(() => resolve(message));
      };
      connection.output.write(bytes);
    });
  return {
    ask: async (command, args, timeoutMs) => {
      const id = host.random.bytes(4).readUInt32LE() & 0x7fffffff;
      const sync = JSON.stringify({ execute: 'guest-sync-delimited', arguments: { id } });
      const head = Buffer.concat([Buffer.from([DELIMITER]), Buffer.from(`${sync}\n`)]);
      await exchange(head, (message) => message['return'] === id, timeoutMs);
      const text = JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }) });
      const reply = await exchange(Buffer.from(`${text}\n`), () => true, timeoutMs);
      if ('error' in reply) {
        throw new DroverError({
          code: 'vm.qmp.command',
          message: `the guest agent refused ${command}: ${clean(record(reply['error'])['desc'])}`,
          hint: 'Agents of the RHEL family block calls in their configuration (allow-rpcs, block-rpcs).',
        });
      }
      return reply['return'];
    },
  };
}

/** Asks the agent in the guest what it is and which adapters it has. Undefined when nobody answers. */
export async function askAgent(host: Host, socket: string, signal?: AbortSignal): Promise<AgentFacts | undefined> {
  try {
    await using connection = await host.connectUnix(socket, 2000);
    const agent = agentSession(host, connection, signal);
    await agent.ask('guest-ping', undefined, 5000);
    const orNothing = (): undefined => undefined;
    const system = record(await agent.ask('guest-get-osinfo', undefined, 5000).catch(orNothing));
    const interfaces = await agent.ask('guest-network-get-interfaces', undefined, 5000).catch(orNothing);
    return { system: clean(system['pretty-name']), interfaces: readAgentInterfaces(interfaces) };
  } catch (thrown) {
    signal?.throwIfAborted();
    if (thrown instanceof DroverError) return undefined;
    throw thrown;
  }
}
