/**
 * Merging of settings over scopes, with the origin of every value. Maps merge, scalars and lists replace, `null` goes
 * back to the built-in value, and lists can be edited with `$append`, `$prepend` and `$remove`.
 */
import type { Location } from '../lib/diagnostic.js';
import { formatPointer } from '../lib/json-pointer.js';
import type { SettingOrigin } from '../model/effective.js';
import type { Problems } from './problems.js';
import { isMap } from './source-file.js';

/** Settings of one scope. */
export interface Layer {
  /** How explanations call it, such as `wave pilot`. */
  readonly scope: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** The place of the value (the key with `key`) at a path of this layer; undefined for what stands in no file. */
  readonly locate: (path: readonly string[], token?: 'key' | 'value') => Location | undefined;
}

/** Merged settings. Never changed after they were made: further merges copy what they touch. */
export interface Merged {
  readonly value: Readonly<Record<string, unknown>>;
  /** Pointer of a leaf to the scopes that set it, the winner first. */
  readonly chains: Readonly<Record<string, readonly SettingOrigin[]>>;
}

const EDITS = ['$append', '$prepend', '$remove'];

/** Lays one scope over what the wider scopes gave. Type changes are reported and left out. */
export function mergeLayer(
  base: Merged,
  layer: Layer,
  builtin: Readonly<Record<string, unknown>>,
  problems: Problems,
): Merged {
  const merge = new LayerMerge({ ...base.chains }, layer, problems);
  return { value: merge.map(base.value, layer.value, builtin, []), chains: merge.chains };
}

class LayerMerge {
  constructor(
    readonly chains: Record<string, readonly SettingOrigin[]>,
    readonly layer: Layer,
    readonly problems: Problems,
  ) {}

  map(base: unknown, over: Readonly<Record<string, unknown>>, builtin: unknown, path: readonly string[]) {
    const result: Record<string, unknown> = isMap(base) ? { ...base } : {};
    for (const [key, value] of Object.entries(over)) {
      if (value === undefined || (path.length === 0 && key.startsWith('x-'))) continue;
      const inner = [...path, key];
      const was = Object.hasOwn(result, key) ? result[key] : undefined;
      const fallback = isMap(builtin) && Object.hasOwn(builtin, key) ? builtin[key] : undefined;
      const merged = this.#entry(was, value, fallback, inner);
      if (merged === undefined) delete result[key];
      else result[key] = merged;
    }
    return result;
  }

  #entry(was: unknown, value: unknown, builtin: unknown, path: readonly string[]): unknown {
    if (value === null) {
      this.#backToBuiltin(was, builtin, path);
      return builtin;
    }
    if (isEdit(value)) return this.#edited(was, value, builtin, path);
    if (was !== undefined && shapeOf(was) !== shapeOf(value)) {
      this.#typeChange(was, value, path);
      return was;
    }
    if (isMap(value)) return this.map(was, value, builtin, path);
    this.#record(path, value, builtin);
    return value;
  }

  #record(path: readonly string[], value: unknown, builtin: unknown): void {
    const pointer = formatPointer(path);
    const location = this.layer.locate(path);
    const origin: SettingOrigin = {
      scope: this.layer.scope,
      ...(location === undefined ? {} : { location }),
      value,
    };
    const before = this.chains[pointer];
    const start: readonly SettingOrigin[] = builtin === undefined ? [] : [{ scope: 'built-in', value: builtin }];
    this.chains[pointer] = [origin, ...(before ?? start)];
  }

  /** Every leaf below the path goes back; each remembers who sent it back. */
  #backToBuiltin(was: unknown, builtin: unknown, path: readonly string[]): void {
    if (!isMap(was) && !isMap(builtin)) {
      this.#record(path, null, builtin);
      return;
    }
    const names = new Set([...(isMap(was) ? Object.keys(was) : []), ...(isMap(builtin) ? Object.keys(builtin) : [])]);
    const deeper = { ...this.layer, locate: () => this.layer.locate(path) };
    const inner = new LayerMerge(this.chains, deeper, this.problems);
    for (const name of names) {
      const [from, to] = [isMap(was) ? was[name] : undefined, isMap(builtin) ? builtin[name] : undefined];
      inner.#backToBuiltin(from, to, [...path, name]);
    }
  }

  #edited(was: unknown, edit: Readonly<Record<string, unknown>>, builtin: unknown, path: readonly string[]): unknown {
    if (was !== undefined && !Array.isArray(was)) {
      this.#typeChange(was, [], path);
      return was;
    }
    for (const [key, items] of Object.entries(edit)) {
      if (EDITS.includes(key) && Array.isArray(items)) continue;
      const message = EDITS.includes(key) ? `"${key}" needs a list` : `"${key}" cannot stand beside a list edit`;
      this.problems.error('playbook.bad-list-edit', message, this.layer.locate([...path, key], 'key'), {
        pointer: formatPointer([...path, key]),
        allowed: EDITS,
      });
      return was;
    }
    const { $append = [], $prepend = [], $remove = [] } = edit as Readonly<Record<string, readonly unknown[]>>;
    const removed = new Set($remove.map((item) => JSON.stringify(item)));
    const kept = ((was ?? []) as readonly unknown[]).filter((item) => !removed.has(JSON.stringify(item)));
    const value = [...$prepend, ...kept, ...$append];
    this.#record(path, value, builtin);
    return value;
  }

  #typeChange(was: unknown, value: unknown, path: readonly string[]): void {
    const pointer = formatPointer(path);
    const earlier = Object.entries(this.chains).find(([at]) => at === pointer || at.startsWith(`${pointer}/`))?.[1][0];
    const message = `"${path.at(-1)}" is ${shapeOf(was)} in wider scopes and cannot become ${shapeOf(value)}`;
    const note = `${shapeOf(was)} is given here (${earlier?.scope})`;
    this.problems.error('playbook.type-change', message, this.layer.locate(path), {
      pointer,
      ...(earlier?.location === undefined ? {} : { origins: [{ ...earlier.location, note }] }),
    });
  }
}

function isEdit(value: unknown): value is Readonly<Record<string, unknown>> {
  return isMap(value) && Object.keys(value).some((key) => key.startsWith('$'));
}

function shapeOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : isMap(value) ? 'a map' : 'a single value';
}
