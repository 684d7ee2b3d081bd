/** Where programs are. Looked up once, checked again before use, and never taken from a folder that anybody may write to. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { DroverError } from '../lib/error.js';
import { TOOLS } from './tools.js';
import type { ToolFacts, ToolName } from './tools.js';

/** A hit is looked at again at most this often. */
const HIT_MS = 1_000;
/** A miss is forgotten after this: somebody may be installing the program right now. */
const MISS_MS = 2_000;

export interface ResolverOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly isRoot: boolean;
  monotonic(): number;
  log(level: 'debug' | 'warn', message: string): void;
}

interface Found {
  readonly path: string;
  readonly inode: bigint;
  readonly mtimeNs: bigint;
  checkedAt: number;
}

export interface ToolResolver {
  /** Absolute path of a program, as it was found. Throws `exec.missing-tool`. */
  resolve(tool: ToolName): Promise<string>;
  /** Changes when the program behind the name does. */
  identity(tool: ToolName): Promise<string>;
}

export function createToolResolver(options: ResolverOptions): ToolResolver {
  const hits = new Map<ToolName, Found>();
  const misses = new Map<ToolName, { readonly error: DroverError; readonly at: number }>();
  const pending = new Map<ToolName, Promise<Found>>();
  const warned = new Set<string>();

  const warnOnce = (message: string): void => {
    if (warned.has(message)) return;
    warned.add(message);
    options.log('warn', message);
  };
  const search = async (tool: ToolName): Promise<Found> => {
    const facts: ToolFacts = TOOLS[tool];
    const override = options.env[overrideName(tool)];
    if (override !== undefined && override !== '') {
      const found = await look(override);
      if (found !== undefined) return found;
      throw missing(tool, facts, `${overrideName(tool)} says ${override}, which is no program`);
    }
    // Empty and relative entries would mean the current folder.
    const inPath = (options.env['PATH'] ?? '').split(delimiter).filter((dir) => isAbsolute(dir));
    for (const dir of [...new Set([...inPath, ...(facts.fallbackDirs ?? [])])]) {
      const path = join(dir, facts.command);
      const found = await look(path);
      if (found === undefined) continue;
      const open = options.isRoot ? await openToAll(path) : undefined;
      if (open !== undefined) {
        warnOnce(`${path} is not used: everybody may write to ${open}`);
        continue;
      }
      return found;
    }
    throw missing(tool, facts, `searched ${inPath.length} folders of PATH`);
  };
  const look = async (path: string): Promise<Found | undefined> => {
    if (!isAbsolute(path)) return undefined;
    try {
      await access(path, constants.X_OK);
      const facts = await stat(path, { bigint: true });
      if (!facts.isFile()) return undefined;
      return { path, inode: facts.ino, mtimeNs: facts.mtimeNs, checkedAt: options.monotonic() };
    } catch {
      // Not here: the caller looks in the next folder and names them all when none has it.
      return undefined;
    }
  };
  const find = async (tool: ToolName): Promise<Found> => {
    const now = options.monotonic();
    const hit = hits.get(tool);
    if (hit !== undefined) {
      if (now - hit.checkedAt < HIT_MS) return hit;
      const again = await look(hit.path);
      if (again?.inode === hit.inode && again.mtimeNs === hit.mtimeNs) {
        hit.checkedAt = now;
        return hit;
      }
      hits.delete(tool);
    }
    const miss = misses.get(tool);
    if (miss !== undefined && now - miss.at < MISS_MS) throw miss.error;
    try {
      const found = await search(tool);
      options.log('debug', `${tool} is ${found.path}`);
      misses.delete(tool);
      hits.set(tool, found);
      return found;
    } catch (cause) {
      if (cause instanceof DroverError) misses.set(tool, { error: cause, at: now });
      throw cause;
    }
  };
  /** Many askers at once share one search. */
  const findOnce = (tool: ToolName): Promise<Found> => {
    let search = pending.get(tool);
    if (search === undefined) {
      search = find(tool).finally(() => pending.delete(tool));
      pending.set(tool, search);
    }
    return search;
  };
  return {
    resolve: async (tool) => (await findOnce(tool)).path,
    identity: async (tool) => {
      const { path, inode, mtimeNs } = await findOnce(tool);
      return `${path} ${inode} ${mtimeNs}`;
    },
  };
}

function overrideName(tool: ToolName): string {
  return `DROVER_BIN_${tool.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
}

/** The file or folder on the way to a program that anybody may write to. */
async function openToAll(path: string): Promise<string | undefined> {
  const real = await realpath(path);
  for (const place of new Set([dirname(path), dirname(real), real])) {
    if (((await stat(place)).mode & 0o002) !== 0) return place;
  }
  return undefined;
}

function missing(tool: ToolName, facts: ToolFacts, how: string): DroverError {
  return new DroverError({
    code: 'exec.missing-tool',
    message: `${facts.command} was not found (${how}); it serves ${facts.serves}`,
    hint: `Debian, Ubuntu: apt install ${facts.apt}. Fedora, RHEL: dnf install ${facts.dnf}. SUSE: zypper install ${facts.zypper}.`,
    details: { tool },
  });
}
