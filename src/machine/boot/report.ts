import type { GuestReport } from '../../model/index.js';

const MARK = 'DROVER-VALIDATE ';
const LONGEST = 64 * 1024;

/** POSIX cksum: the CRC that every guest can compute with its own tools. */
export function posixCksum(data: Uint8Array): number {
  let crc = 0;
  const step = (byte: number): void => {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  };
  for (const byte of data) step(byte);
  for (let length = data.length; length > 0; length = Math.floor(length / 256)) step(length & 0xff);
  return ~crc >>> 0;
}

function text(value: unknown): string {
  // Written by the guest: one line, printable, short.
  return typeof value === 'string' ? value.replaceAll(/[\p{Cc}\p{Cs}]/gu, '').slice(0, 256) : '';
}

function list<T>(value: unknown, read: (entry: unknown) => T): readonly T[] {
  return Array.isArray(value) ? value.slice(0, 256).map(read) : [];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * The report in a line of the console, or undefined for any other line. The kernel may write into the middle of it, so that the sum
 * behind the JSON decides; the guest sends it several times.
 */
export function parseReportLine(line: string): GuestReport | undefined {
  const at = line.indexOf(MARK);
  if (at === -1 || line.length > LONGEST) return undefined;
  const match = /^(\{.*\}) (\d{1,10}) (\d{1,6})\s*$/.exec(line.slice(at + MARK.length));
  const json = match?.[1];
  if (json === undefined) return undefined;
  const bytes = Buffer.from(json, 'utf8');
  if (Number(match?.[3]) !== bytes.length || Number(match?.[2]) !== posixCksum(bytes)) return undefined;
  let root: Readonly<Record<string, unknown>>;
  try {
    root = record(JSON.parse(json));
  } catch {
    return undefined;
  }
  if (typeof root['hostname'] !== 'string' || !Array.isArray(root['interfaces'])) return undefined;
  return {
    hostname: text(root['hostname']),
    kernel: text(root['kernel']),
    interfaces: list(root['interfaces'], (entry) => {
      const facts = record(entry);
      const master = text(facts['master']);
      return {
        name: text(facts['name']),
        mac: text(facts['mac']).toLowerCase(),
        state: text(facts['state']),
        addresses: list(facts['addresses'], text),
        ...(master === '' ? {} : { master }),
      };
    }),
    defaultRoutes: list(root['defaultRoutes'], (entry) => ({
      via: text(record(entry)['via']),
      dev: text(record(entry)['dev']),
    })),
    failedUnits: list(root['failedUnits'], text),
    systemState: text(root['systemState']),
  };
}
