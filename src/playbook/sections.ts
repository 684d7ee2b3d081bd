/** The sections that several files may fill, gathered into one: named entries, single values, lists. */
import { dirname, resolve } from 'node:path';
import type { Location } from '../lib/diagnostic.js';
import { formatPointer } from '../lib/json-pointer.js';
import { parseSize } from '../lib/units.js';
import type {
  CountOrPercent,
  LoadedHost,
  LoadedPolicies,
  LoadedSource,
  LoadedTarget,
  LoadedWaiver,
  NetworkRule,
} from '../model/effective.js';
import type { Playbook, Settings, Source, Target } from '../model/generated/playbook.js';
import { schemaDefault } from './builtin.js';
import type { Layer } from './merge.js';
import type { Problems } from './problems.js';
import { isMap } from './source-file.js';
import type { SourceFile } from './source-file.js';

/** A named entry with the file that defines it and the place of its name. */
interface Named<T> {
  readonly name: string;
  readonly value: T;
  readonly file: SourceFile;
  readonly at: Location;
}

/** What every wave and machine of a playbook can refer to. */
export interface Sections {
  readonly sources: ReadonlyMap<string, LoadedSource>;
  readonly targets: ReadonlyMap<string, LoadedTarget>;
  readonly profiles: ReadonlyMap<string, Named<Settings>>;
  readonly networks: ReadonlyMap<string, Named<readonly { from: string; to: string }[]>>;
  /** `defaults` of every file, in the order in which they apply. */
  readonly defaults: readonly Layer[];
  readonly host: LoadedHost;
  readonly policies: LoadedPolicies;
  readonly maxVmsInFlight: number;
  readonly maxVmsInFlightAt: Location | undefined;
  readonly waivers: readonly LoadedWaiver[];
}

const CAPACITY = '#/definitions/hosts/properties/local/properties/capacity/properties';

export function gatherSections(files: readonly SourceFile[], problems: Problems): Sections {
  const sources = new Map<string, LoadedSource>();
  for (const entry of named<Source>(files, ['sources'], problems).values()) {
    sources.set(entry.name, loadedSource(entry, problems));
  }
  const targets = new Map<string, LoadedTarget>();
  for (const entry of named<Target>(files, ['targets'], problems).values()) {
    targets.set(entry.name, loadedTarget(entry, problems));
  }
  const most = last<number>(files, ['limits', 'maxVmsInFlight']);
  return {
    sources,
    targets,
    profiles: named<Settings>(files, ['profiles'], problems),
    networks: named<readonly { from: string; to: string }[]>(files, ['mappings', 'networks'], problems),
    defaults: files.flatMap((file) => defaultsLayer(file)),
    host: loadedHost(files, problems),
    policies: {
      onFailure: last<LoadedPolicies['onFailure']>(files, ['policies', 'onFailure'])?.value ?? 'continue',
      maxFailures: countOrPercent(last<number | string>(files, ['policies', 'maxFailures'])?.value),
    },
    maxVmsInFlight: most?.value ?? schemaDefault<number>('#/definitions/limits/properties/maxVmsInFlight'),
    maxVmsInFlightAt: most?.at,
    waivers: files.flatMap(waiversOf),
  };
}

/** A count, or a percentage written `10%`. Null for nothing. */
export function countOrPercent(value: number | string | undefined): CountOrPercent | null {
  if (value === undefined) return null;
  if (typeof value === 'number') return { count: value };
  return { percent: value === 'all' ? 100 : Number(value.slice(0, -1)) };
}

/** The layer of settings that stands at a path of a file. */
export function layerAt(
  file: Pick<SourceFile, 'document'>,
  scope: string,
  value: object,
  at: readonly (string | number)[],
): Layer {
  const locate: Layer['locate'] = (path, token) => file.document.locate([...at, ...path], token);
  return { scope, value: value as Readonly<Record<string, unknown>>, locate };
}

function defaultsLayer(file: SourceFile): Layer[] {
  const { defaults } = file.value as Partial<Playbook>;
  if (defaults === undefined) return [];
  const scope = file.role === 'playbook' ? 'defaults' : `defaults of ${file.shown}`;
  return [layerAt(file, scope, defaults, ['defaults'])];
}

/** The entries of a section over all files. Two of one name are a mistake unless one says that it overrides. */
function named<T>(files: readonly SourceFile[], section: readonly string[], problems: Problems): Map<string, Named<T>> {
  const entries = new Map<string, Named<T> & { readonly overrides: boolean }>();
  for (const file of files) {
    let map: unknown = file.value;
    for (const part of section) map = isMap(map) ? map[part] : undefined;
    if (!isMap(map)) continue;
    for (const [name, value] of Object.entries(map)) {
      const path = [...section, name];
      const at = file.document.locate(path, 'key');
      const overrides = file.value['override'] === true || (isMap(value) && value['override'] === true);
      const earlier = entries.get(name);
      if (earlier !== undefined && !overrides && !earlier.overrides) {
        const message = `"${name}" is defined in two files (${section.join('.')})`;
        const origins = [{ ...earlier.at, note: 'the other definition' }];
        problems.error('playbook.duplicate-name', message, at, { pointer: formatPointer(path), origins });
      }
      if (earlier !== undefined && earlier.overrides && !overrides) continue;
      entries.set(name, { name, value: value as T, file, at, overrides });
    }
  }
  return entries;
}

/** The value at a path in the last file that has one. */
function last<T>(
  files: readonly SourceFile[],
  path: readonly string[],
): { value: T; at: Location; file: SourceFile } | undefined {
  for (const file of [...files].reverse()) {
    let value: unknown = file.value;
    for (const part of path) value = isMap(value) ? value[part] : undefined;
    if (value !== undefined) return { value: value as T, at: file.document.locate(path), file };
  }
  return undefined;
}

/** An absolute folder from a path as it is written in a file. */
function folder(written: string, file: SourceFile, path: readonly (string | number)[], problems: Problems): string {
  const at = file.document.locate(path);
  const pointer = formatPointer(path);
  if (written === '~' || written.startsWith('~/')) {
    const hint = `write "\${env:HOME}${written.slice(1)}"`;
    problems.error('playbook.bad-format', `"~" is not expanded in paths`, at, { pointer, hint });
  }
  if (written.includes('\0')) {
    problems.error('playbook.bad-format', 'a path cannot hold a NUL character', at, { pointer });
  }
  return resolve(dirname(file.path), written);
}

function loadedSource({ name, value, file }: Named<Source>, problems: Problems): LoadedSource {
  const path = ['sources', name];
  const allowDirs = (value.allowDirs ?? []).map((dir, i) => folder(dir, file, [...path, 'allowDirs', i], problems));
  return {
    name,
    type: 'local',
    dir: folder(value.dir, file, [...path, 'dir'], problems),
    allowDirs,
    connections:
      value.limits?.connections ??
      schemaDefault<number>('#/definitions/localSource/properties/limits/properties/connections'),
    location: file.document.locate([...path, 'dir']),
  };
}

function loadedTarget({ name, value, file }: Named<Target>, problems: Problems): LoadedTarget {
  const path = ['targets', name, 'dir'];
  const dir = folder(value.dir, file, path, problems);
  return {
    name,
    type: 'files',
    dir,
    ingest:
      value.limits?.ingest ?? schemaDefault<number>('#/definitions/filesTarget/properties/limits/properties/ingest'),
    location: file.document.locate(path),
  };
}

function loadedHost(files: readonly SourceFile[], problems: Problems): LoadedHost {
  const scratch = last<string>(files, ['hosts', 'local', 'scratch']);
  const capacity = (key: string): number | undefined => last<number>(files, ['hosts', 'local', 'capacity', key])?.value;
  const bytes = last<string>(files, ['hosts', 'local', 'capacity', 'scratch']);
  const [cpu, appliance] = [capacity('cpu'), capacity('appliance')];
  const scratchBytes = bytes === undefined ? undefined : parseSize(bytes.value);
  return {
    ...(scratch === undefined
      ? {}
      : { scratch: folder(scratch.value, scratch.file, ['hosts', 'local', 'scratch'], problems) }),
    capacity: {
      net: capacity('net') ?? schemaDefault<number>(`${CAPACITY}/net`),
      disk: capacity('disk') ?? schemaDefault<number>(`${CAPACITY}/disk`),
      ...(cpu === undefined ? {} : { cpu }),
      ...(appliance === undefined ? {} : { appliance }),
      ...(scratchBytes === undefined ? {} : { scratchBytes }),
    },
  };
}

function waiversOf(file: SourceFile): LoadedWaiver[] {
  const { waive = [] } = file.value as Partial<Playbook>;
  return waive.map((waiver, i) => ({ ...waiver, location: file.document.locate(['waive', i, 'concern']) }));
}

/** The rules of every network map, with their places. */
export function networkRules(sections: Sections): Record<string, readonly NetworkRule[]> {
  const rules: Record<string, readonly NetworkRule[]> = {};
  for (const { name, value, file } of sections.networks.values()) {
    rules[name] = value.map((rule, i) => {
      const location = file.document.locate(['mappings', 'networks', name, i, 'from']);
      return { from: rule.from, to: rule.to, location };
    });
  }
  return rules;
}
