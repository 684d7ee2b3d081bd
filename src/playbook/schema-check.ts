import type { Diagnostic, Location } from '../lib/diagnostic.js';
import { formatPointer } from '../lib/json-pointer.js';
import type { LocatedDocument } from '../lib/located.js';
import type { SchemaProblem } from '../lib/schema.js';
import { playbookSchema } from '../model/generated/schemas.js';
import { aliasOf, misplacedHint } from './aliases.js';
import type { Problems } from './problems.js';
import { isLate } from './references.js';
import { checkerOf } from './schemas.js';
import { isMap } from './source-file.js';
import type { SourceFile } from './source-file.js';

/** Checks one file against the schema of its kind. */
export function checkFileSchema(file: SourceFile, problems: Problems): void {
  const found = checkerOf(file.role)(withoutNulls(file.value));
  for (const problem of found) {
    const diagnostic = diagnosticOf(problem, problem.path, (path, token) => file.document.locate(path, token));
    if (diagnostic !== undefined) problems.add(diagnostic);
  }
}

/**
 * The diagnostic of a schema problem. Undefined when the value still waits for its machine.
 *
 * @param path the problem's path within the file or within what `locate` knows
 */
export function diagnosticOf(
  problem: SchemaProblem,
  path: readonly string[],
  locate: (path: readonly string[], token: SchemaProblem['token']) => Location | undefined,
): Diagnostic | undefined {
  if (isLate(problem.value)) return undefined;
  const { kind, token, message, hint, suggestions, allowed } = problem;
  const location = locate(path, token);
  const meant = kind === 'unknown-key' ? meantKey(path, suggestions) : { suggestions, hint: undefined };
  const spoken = meant.hint ?? hint;
  return {
    code: `playbook.${kind}`,
    severity: 'error',
    message,
    ...(spoken === undefined ? {} : { hint: spoken }),
    ...(location === undefined ? {} : { location }),
    pointer: formatPointer(path),
    ...(meant.suggestions === undefined ? {} : { suggestions: meant.suggestions }),
    ...(allowed === undefined || allowed.length === 0 ? {} : { allowed }),
  };
}

let settingNames: ReadonlySet<string> | undefined;

function namesOfSettings(): ReadonlySet<string> {
  const { definitions } = playbookSchema as { definitions?: { settings?: { properties?: object } } };
  settingNames ??= new Set(Object.keys(definitions?.settings?.properties ?? {}));
  return settingNames;
}

function meantKey(
  path: readonly string[],
  suggestions: readonly string[] | undefined,
): { suggestions?: readonly string[]; hint?: string } {
  const key = path.at(-1) ?? '';
  const misplaced = misplacedHint(key, path, namesOfSettings());
  if (misplaced !== undefined) return { hint: misplaced };
  const alias = aliasOf(key);
  if (alias !== undefined) return { suggestions: [alias.now], hint: alias.hint };
  return suggestions === undefined ? {} : { suggestions };
}

/**
 * The value without the `null`s of its settings, which say "back to the built-in value" and are no values. Everywhere
 * else `null` is a mistake and stays. What holds none is not copied.
 */
function withoutNulls(file: SourceFile['value']): unknown {
  const copy = { ...file };
  if ('defaults' in copy) copy['defaults'] = stripNulls(copy['defaults']);
  if (isMap(copy['profiles'])) copy['profiles'] = mapValues(copy['profiles'], stripNulls);
  if (Array.isArray(copy['waves'])) {
    copy['waves'] = copy['waves'].map((wave: unknown) => {
      if (!isMap(wave)) return wave;
      const vms = Array.isArray(wave['vms']) ? { vms: wave['vms'].map(withoutNullOverrides) } : {};
      return { ...(withoutNullOverrides(wave) as object), ...vms };
    });
  }
  return copy;
}

/** An entry of a wave or a machine with the `null`s of its overrides taken out. */
function withoutNullOverrides(entry: unknown): unknown {
  if (!isMap(entry) || !isMap(entry['overrides'])) return entry;
  const overrides = stripNulls(entry['overrides']);
  return overrides === entry['overrides'] ? entry : { ...entry, overrides };
}

function mapValues(map: Record<string, unknown>, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

/** The same map when nothing in it is null. */
export function stripNulls(value: unknown): unknown {
  if (!isMap(value)) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const kept = item === null ? undefined : stripNulls(item);
    if (kept === item) continue;
    copy ??= { ...value };
    if (kept === undefined) delete copy[key];
    else copy[key] = kept;
  }
  return copy ?? value;
}

/** Checks one entry of a list of machines. */
export function checkListEntry(entry: unknown, document: LocatedDocument, index: number, problems: Problems): void {
  for (const problem of checkerOf('vm')(withoutNullOverrides(entry))) {
    const path = [String(index), ...problem.path];
    const diagnostic = diagnosticOf(problem, path, (p, token) => document.locate(p, token));
    if (diagnostic === undefined) continue;
    problems.add({ ...diagnostic, message: diagnostic.message.replace(/^the document/, 'an entry') });
  }
}
