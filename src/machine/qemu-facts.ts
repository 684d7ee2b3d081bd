import { posix } from 'node:path';
import { sha256 } from '../lib/canonical-json.js';
import type { Host } from '../host/index.js';

/** What this QEMU can do; decided by asking it, never by its version. */
export interface QemuFacts {
  readonly version: string;
  /** The build has a seccomp sandbox. */
  readonly sandbox: boolean;
  /** The build has user networking; some distributions leave it out. */
  readonly userNetwork: boolean;
  /** Full names of machine types by short name, such as `q35` to `pc-q35-7.2`. */
  readonly machineTypes: Readonly<Record<string, string>>;
}

/** Reads `-help` and `-machine help` of QEMU. */
export function parseQemuHelp(version: string, help: string, machines: string): QemuFacts {
  const machineTypes: Record<string, string> = {};
  for (const match of machines.matchAll(/^(\S+)\s.*\(alias of (\S+)\)/gm)) {
    machineTypes[match[1] ?? ''] = match[2] ?? '';
  }
  return {
    version: /version (\d+\.\d+\.\d+)/.exec(version)?.[1] ?? 'unknown',
    sandbox: /^-sandbox on/m.test(help),
    userNetwork: /^-netdev user,/m.test(help),
    machineTypes,
  };
}

/** A name for this very program file on this host; changes when it is replaced. */
export async function binaryKey(host: Host): Promise<string> {
  const path = await host.files.realpath(await host.resolveTool('qemu-system-x86_64'));
  const stat = await host.files.stat(path);
  return sha256(`${path}\0${stat?.mtimeNs ?? ''}\0${stat?.sizeBytes ?? ''}`).slice(0, 16);
}

/** A cache file as JSON; undefined when it is absent or spoilt, which only costs a new probe. */
export async function readCache(host: Host, path: string): Promise<unknown> {
  if (!(await host.files.exists(path))) return undefined;
  try {
    return JSON.parse(await host.files.readText(path, 1024 ** 2));
  } catch {
    return undefined;
  }
}

export async function writeCache(host: Host, path: string, value: unknown): Promise<void> {
  await host.files.makeDir(posix.dirname(path));
  await host.files.writeAtomic(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** What the installed QEMU can do, asked once per program file. Throws `exec.missing-tool`. */
export async function qemuFacts(host: Host, cacheDir: string): Promise<QemuFacts> {
  const path = posix.join(cacheDir, `qemu-${await binaryKey(host)}.json`);
  const known = (await readCache(host, path)) as QemuFacts | undefined;
  if (known?.machineTypes !== undefined) return known;
  const ask = async (...args: string[]): Promise<string> => {
    const result = await host.exec({
      tool: 'qemu-system-x86_64',
      args,
      purpose: 'ask what QEMU can do',
      mutates: false,
      timeoutMs: 20_000,
      captureBytes: 1024 ** 2,
    });
    return result.stdout;
  };
  const facts = parseQemuHelp(await ask('--version'), await ask('-help'), await ask('-machine', 'help'));
  await writeCache(host, path, facts);
  return facts;
}
