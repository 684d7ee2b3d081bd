import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { DroverError } from '../lib/error.js';
import type { RunEvent } from '../model/event.js';
import type { Cli } from './context.js';

/** Where `--events` sends every event besides the run's own file. */
export interface EventSink {
  write(event: RunEvent): void;
  close(): Promise<void>;
}

/** Opens `ndjson:PATH` or `fd:N`. A reader that goes away does not disturb the run. */
export async function openEventSink(cli: Cli, target: string | undefined): Promise<EventSink> {
  if (target === undefined) return { write: () => undefined, close: async () => undefined };
  const [kind, value = ''] = [target.slice(0, target.indexOf(':')), target.slice(target.indexOf(':') + 1)];
  const fd = kind === 'fd' && /^\d+$/.test(value) ? Number(value) : undefined;
  if (fd === undefined && (kind !== 'ndjson' || value === '')) {
    throw new DroverError({
      code: 'cli.usage',
      message: `--events: ${target} is not understood`,
      hint: 'write ndjson:PATH or fd:3',
    });
  }
  const stream =
    fd === undefined
      ? createWriteStream(resolve(cli.host.cwd, value), { flags: 'a', mode: 0o600 })
      : createWriteStream('', { fd, autoClose: false });
  let broken = false;
  stream.on('error', () => {
    broken = true;
  });
  return {
    write: (event) => {
      if (!broken) stream.write(`${cli.host.redactor.redact(JSON.stringify(event))}\n`);
    },
    close: () =>
      new Promise((done) => {
        if (broken) done();
        else stream.end(() => done());
      }),
  };
}
