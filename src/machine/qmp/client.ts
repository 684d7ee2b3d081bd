/**
 * A client of the QEMU machine protocol. Replies are matched by id, a command that took too long does not spoil the connection,
 * and a connection that ends rejects everything that waits. Commands are never repeated by themselves.
 */
import { DroverError } from '../../lib/error.js';
import type { Clock, Connection, Host } from '../../host/index.js';
import { qmpLines } from './framing.js';

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When QEMU sent it, in milliseconds since the epoch. */
  readonly timeMs: number;
}

export interface QmpOptions {
  /** @default 5000 */
  readonly greetingTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Sees every message in both directions, for the record. */
  readonly onTraffic?: (direction: 'sent' | 'received', message: unknown) => void;
  readonly log?: (message: string) => void;
}

export interface QmpClient extends AsyncDisposable {
  /** Version of QEMU, such as `7.2.22`. */
  readonly version: string;
  /** Settles when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /**
   * Runs a command and gives its return value. Throws `vm.qmp.command` when QEMU refuses, `vm.qmp.timeout`,
   * `vm.qmp.disconnected`, or the signal's reason.
   * @param options.timeoutMs default 30 000
   */
  execute(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<unknown>;
  /** Calls the listener for every event until the returned function is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void;
  close(): void;
}

interface Waiting {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Message = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function versionOf(greeting: Message): string | undefined {
  const qmp = greeting['QMP'];
  const version = isRecord(qmp) && isRecord(qmp['version']) ? qmp['version']['qemu'] : undefined;
  if (!isRecord(version)) return undefined;
  return [version['major'], version['minor'], version['micro']].map((part) => String(part)).join('.');
}

function toEvent(message: Message): QmpEvent {
  const stamp = isRecord(message['timestamp']) ? message['timestamp'] : {};
  return {
    name: String(message['event']),
    data: isRecord(message['data']) ? message['data'] : {},
    timeMs: Number(stamp['seconds'] ?? 0) * 1000 + Number(stamp['microseconds'] ?? 0) / 1000,
  };
}

function startSession(connection: Connection, clock: Clock, options: QmpOptions) {
  const waiting = new Map<number, Waiting>();
  const listeners = new Set<(event: QmpEvent) => void>();
  const log = options.log ?? (() => undefined);
  let lastEvent: string | undefined;
  let nextId = 1;
  let failure: DroverError | undefined;
  let onGreeting: ((message: Message) => void) | undefined;
  let onEnd: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve;
  });

  const end = (error: DroverError): void => {
    if (failure !== undefined) return;
    failure = error;
    for (const entry of waiting.values()) entry.reject(error);
    waiting.clear();
    connection.close();
    onEnd();
  };
  const disconnected = (): void =>
    end(
      new DroverError({
        code: 'vm.qmp.disconnected',
        message: `QEMU closed the monitor connection${waiting.size === 0 ? '' : ` while ${[...waiting.values()].map((w) => w.command).join(', ')} waited`}`,
        details: { lastEvent: lastEvent ?? null, inFlight: [...waiting.values()].map((w) => w.command) },
      }),
    );
  const broken = (what: string, text: string): void =>
    end(
      new DroverError({
        code: 'vm.qmp.protocol',
        message: `the monitor sent ${what}: ${JSON.stringify(text.slice(0, 120))}`,
      }),
    );

  const onReply = (message: Message): void => {
    const error = isRecord(message['error']) ? message['error'] : undefined;
    const id = message['id'];
    if (id === undefined && error !== undefined) {
      // QEMU could not even read a command, so that nobody knows whose answer this is.
      for (const [key, entry] of waiting) {
        entry.reject(refusal(entry.command, error));
        waiting.delete(key);
      }
      return;
    }
    const entry = typeof id === 'number' ? waiting.get(id) : undefined;
    if (entry === undefined) return log(`a monitor reply with id ${JSON.stringify(id)} came too late or unasked`);
    waiting.delete(id as number);
    if (error === undefined) entry.resolve(message['return']);
    else entry.reject(refusal(entry.command, error));
  };

  const onLine = (line: string): void => {
    if (failure !== undefined) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return broken('text that is no JSON', line);
    }
    if (!isRecord(message)) return broken('a message that is no object', line);
    options.onTraffic?.('received', message);
    if ('QMP' in message) return onGreeting?.(message);
    if ('event' in message) {
      const event = toEvent(message);
      lastEvent = event.name;
      for (const listener of [...listeners]) listener(event);
      return;
    }
    if ('return' in message || 'error' in message) return onReply(message);
    log(`the monitor sent a message of unknown kind: ${line.slice(0, 120)}`);
  };

  connection.input.on(
    'data',
    qmpLines(onLine, () => broken('a line over the limit', '')),
  );
  connection.input.on('close', disconnected);
  connection.input.on('end', disconnected);
  connection.input.on('error', disconnected);
  connection.output.on('error', disconnected);

  const execute: QmpClient['execute'] = (command, args, { timeoutMs = 30_000, signal } = {}) =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const id = nextId;
      nextId += 1;
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        waiting.delete(id);
      };
      const onAbort = (): void => {
        settle();
        reject(signal?.reason as Error);
      };
      const timer = clock.setTimer(timeoutMs, () => {
        settle();
        reject(
          new DroverError({
            code: 'vm.qmp.timeout',
            message: `QEMU did not answer ${command} within ${timeoutMs} ms`,
            details: { command, timeoutMs },
          }),
        );
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      waiting.set(id, {
        command,
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      const message = { execute: command, ...(args === undefined ? {} : { arguments: args }), id };
      options.onTraffic?.('sent', message);
      connection.output.write(`${JSON.stringify(message)}\r\n`);
    });

  const greeting = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const timeoutMs = options.greetingTimeoutMs ?? 5000;
      const timer = clock.setTimer(timeoutMs, () => {
        const error = new DroverError({
          code: 'vm.qmp.no-greeting',
          message: `connected to the monitor but got no greeting within ${timeoutMs} ms: another client holds it, or QEMU hangs`,
        });
        end(error);
        reject(error);
      });
      void ended.then(() => {
        timer.cancel();
        if (failure !== undefined) reject(failure);
      });
      onGreeting = (message) => {
        onGreeting = undefined;
        timer.cancel();
        const version = versionOf(message);
        if (version !== undefined) return resolve(version);
        broken('a greeting without a version', JSON.stringify(message));
      };
    });

  return {
    ended,
    execute,
    greeting,
    onEvent: (listener: (event: QmpEvent) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () =>
      end(new DroverError({ code: 'vm.qmp.disconnected', message: 'the monitor connection was closed by Drover' })),
  };
}

function refusal(command: string, error: Record<string, unknown>): DroverError {
  const text = typeof error['desc'] === 'string' ? error['desc'] : 'no description';
  return new DroverError({
    code: 'vm.qmp.command',
    message: `QEMU refused ${command}: ${text.slice(0, 400)}`,
    details: { command, class: typeof error['class'] === 'string' ? error['class'] : 'unknown' },
  });
}

/** Negotiates on a fresh connection. Throws `vm.qmp.no-greeting`, `vm.qmp.protocol`, `vm.qmp.disconnected`. */
export async function negotiateQmp(connection: Connection, clock: Clock, options: QmpOptions = {}): Promise<QmpClient> {
  const session = startSession(connection, clock, options);
  const onAbort = (): void => session.close();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    options.signal?.throwIfAborted();
    const version = await session.greeting();
    await session.execute('qmp_capabilities', undefined, { timeoutMs: 10_000 });
    return {
      version,
      ended: session.ended,
      execute: session.execute,
      onEvent: session.onEvent,
      close: session.close,
      [Symbol.asyncDispose]: async () => session.close(),
    };
  } catch (thrown) {
    session.close();
    options.signal?.throwIfAborted();
    throw thrown;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Connects to a monitor socket and negotiates. Throws `vm.qmp.connect` and what `negotiateQmp` throws. */
export async function openQmp(host: Host, path: string, options: QmpOptions = {}): Promise<QmpClient> {
  let connection: Connection;
  try {
    connection = await host.connectUnix(path, 5000);
  } catch (cause) {
    throw new DroverError({ code: 'vm.qmp.connect', message: `cannot connect to the monitor ${path}`, cause });
  }
  return negotiateQmp(connection, host.clock, options);
}
