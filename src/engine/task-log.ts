/** The log of one attempt: `logs/<machine>/<STAGE>.<attempt>.log`, redacted, opened by its first line. */
import { join } from 'node:path';
import type { AppendFile, Host } from '../host/index.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface TaskLog {
  write(level: LogLevel, message: string): void;
  close(): Promise<void>;
}

/** A log that cannot be written costs its lines, never the task: the journal tells of the disk that is full. */
export function openTaskLog(host: Host, dir: string, name: string): TaskLog {
  let lines: string[] = [];
  let file: Promise<AppendFile> | undefined;
  let chain: Promise<void> = Promise.resolve();
  let isQueued = false;
  const flush = async (): Promise<void> => {
    isQueued = false;
    const text = lines.join('');
    lines = [];
    if (text === '') return;
    file ??= host.files.openAppend(join(dir, name));
    await (await file).append(text);
  };
  return {
    write: (level, message) => {
      const time = new Date(host.clock.now()).toISOString();
      for (const line of host.redactor.redact(message).split('\n')) lines.push(`${time} ${level} ${line}\n`);
      if (isQueued) return;
      isQueued = true;
      chain = chain.then(flush).catch(() => undefined);
    },
    close: async () => {
      await chain;
      await (await file?.catch(() => undefined))?.close();
    },
  };
}
