import { DroverError } from '../lib/error.js';
import type { Location } from '../lib/diagnostic.js';
import { formatPointer, parsePointer } from '../lib/json-pointer.js';
import { suggest } from '../lib/suggest.js';
import type { LoadedVm, SettingOrigin } from '../model/effective.js';
import { isMap } from './source-file.js';

/** One effective value and every scope that had a say, the winner first. */
interface ExplainedSetting {
  readonly pointer: string;
  /** Undefined (absent in JSON) when nothing is set: the value comes from the machine's descriptor then. */
  readonly value?: unknown;
  readonly chain: readonly { readonly scope: string; readonly at?: string; readonly value: unknown }[];
}

interface Explanation {
  readonly vm: string;
  readonly wave: string;
  readonly at: string;
  readonly settings: readonly ExplainedSetting[];
}

/**
 * Where the settings of a machine come from.
 *
 * @param pointer JSON pointer of a setting or a group of them (`/validate/level`, `/validate`); dots work too. All without
 * @throws DroverError `cli.usage` when there is no such setting
 */
export function explainVm(vm: LoadedVm, pointer?: string): { readonly data: Explanation; readonly text: string } {
  const leaves = leavesOf(vm);
  const wanted = pointer === undefined || pointer === '' || pointer === '/' ? undefined : pathOf(pointer);
  const chosen = wanted === undefined ? leaves : leaves.filter((leaf) => isUnder(leaf.pointer, wanted));
  if (chosen.length === 0) throw unknownPointer(pointer ?? '', leaves);
  const { file, line, column } = vm.at.vm;
  const data = { vm: vm.name, wave: vm.wave, at: `${file}:${line}:${column}`, settings: chosen };
  return { data, text: wanted === undefined ? overview(data) : chains(data) };
}

function pathOf(pointer: string): string {
  const path = pointer.startsWith('/') ? parsePointer(pointer) : pointer.split('.');
  return formatPointer(path ?? [pointer]);
}

function isUnder(pointer: string, prefix: string): boolean {
  return pointer === prefix || pointer.startsWith(`${prefix}/`);
}

function unknownPointer(pointer: string, leaves: readonly ExplainedSetting[]): DroverError {
  const known = new Set<string>();
  for (const leaf of leaves) {
    const parts = leaf.pointer.split('/');
    for (let i = 2; i <= parts.length; i += 1) known.add(parts.slice(0, i).join('/'));
  }
  const near = suggest(pathOf(pointer), known);
  return new DroverError({
    code: 'cli.usage',
    message: `there is no setting ${pointer}`,
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'without a pointer, all settings are listed',
  });
}

/** Every leaf of the settings and everything that any scope set, sorted. */
function leavesOf(vm: LoadedVm): ExplainedSetting[] {
  const values = new Map<string, unknown>([
    ['/source', vm.source],
    ['/target', vm.target],
  ]);
  const walk = (value: unknown, path: readonly string[]): void => {
    if (isMap(value) && Object.keys(value).length > 0) {
      for (const [key, item] of Object.entries(value)) walk(item, [...path, key]);
    } else values.set(formatPointer(path), value);
  };
  walk(vm.settings, []);
  for (const pointer of Object.keys(vm.originChains)) if (!values.has(pointer)) values.set(pointer, undefined);
  return [...values.keys()].sort().map((pointer) => {
    const value = values.get(pointer);
    const own =
      pointer === '/source' || pointer === '/target'
        ? chainOf(vm, pointer === '/source' ? 'source' : 'target')
        : undefined;
    const chain = own ?? vm.originChains[pointer] ?? [{ scope: 'built-in', value }];
    return { pointer, ...(value === undefined ? {} : { value }), chain: chain.map(step) };
  });
}

/** The chain of a source or target: what the machine's own entry says stands before all scopes. */
function chainOf(vm: LoadedVm, kind: 'source' | 'target'): readonly SettingOrigin[] {
  const chain = vm.originChains[`/${kind}`] ?? [];
  const [location, value] = [vm.at[kind], vm[kind]];
  const [winner] = chain;
  if (winner !== undefined && (winner.location === undefined || isSamePlace(winner.location, location))) return chain;
  if (!isSamePlace(location, vm.at.vm)) return [{ scope: `vm ${vm.name}`, location, value }, ...chain];
  return [{ scope: 'the only one defined', value }];
}

function isSamePlace(a: Location, b: Location): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column;
}

function step({ scope, location, value }: SettingOrigin): ExplainedSetting['chain'][number] {
  const at = location === undefined ? {} : { at: `${location.file}:${location.line}:${location.column}` };
  return { scope, ...at, value };
}

function valueText(value: unknown): string {
  if (value === undefined) return '(not set)';
  return value === null ? 'null (back to built-in)' : JSON.stringify(value);
}

function heading({ vm, wave, at }: Explanation): string {
  return `machine ${vm}, wave ${wave}, ${at}\n`;
}

/** One line per setting: value, and who set it last. */
function overview(data: Explanation): string {
  const rows = data.settings.map(({ pointer, value, chain: [winner] }) => {
    const at = winner?.at === undefined ? '' : ` ${winner.at}`;
    return [pointer, valueText(value), `${winner?.scope ?? ''}${at}`] as const;
  });
  const widths = [0, 1].map((i) => Math.min(40, Math.max(...rows.map((row) => row[i]?.length ?? 0))));
  const lines = rows.map(([pointer, value, from]) => {
    return `  ${pointer.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${from}`.trimEnd();
  });
  return `${heading(data)}${lines.join('\n')}\n`;
}

/** Every scope of every setting, the winner first. */
function chains(data: Explanation): string {
  const blocks = data.settings.map(({ pointer, value, chain }) => {
    const width = Math.max(...chain.map((origin) => origin.scope.length));
    const steps = chain.map((origin, i) => {
      const from = `${origin.scope.padEnd(width)}  ${valueText(origin.value)}`;
      return `  ${i === 0 ? '>' : ' '} ${from}${origin.at === undefined ? '' : `  ${origin.at}`}`;
    });
    return `${pointer} = ${valueText(value)}\n${steps.join('\n')}\n`;
  });
  return `${heading(data)}${blocks.join('')}`;
}
