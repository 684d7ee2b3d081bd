import { parsePointer } from '../lib/json-pointer.js';
import { FORBIDDEN_KEYS } from '../lib/yaml-limits.js';
import { parseYaml } from '../lib/yaml.js';
import type { Layer } from './merge.js';
import type { Problems } from './problems.js';
import { diagnosticOf, stripNulls } from './schema-check.js';
import { checkerOf } from './schemas.js';
import { isMap } from './source-file.js';

/** The narrowest scope: what `--set path=value` gives for every machine. Undefined without any or with mistakes. */
export function setLayer(args: readonly string[], problems: Problems): Layer | undefined {
  const value: Record<string, unknown> = {};
  for (const arg of args) {
    const parsed = parseSet(arg);
    if (typeof parsed === 'string') problems.error('playbook.bad-set', `--set ${arg}: ${parsed}`, undefined);
    else if (!put(value, parsed.path, parsed.value)) {
      problems.error('playbook.bad-set', `--set ${arg}: another --set gives a single value there`, undefined);
    }
  }
  for (const problem of checkerOf('settings')(stripNulls(value))) {
    const diagnostic = diagnosticOf(problem, problem.path, () => undefined);
    if (diagnostic === undefined) continue;
    problems.add({ ...diagnostic, message: `--set ${problem.path.join('.')}: ${diagnostic.message}` });
  }
  return args.length === 0 ? undefined : { scope: '--set', value, locate: () => undefined };
}

/** Path and value of one argument, or what is wrong with it. */
function parseSet(arg: string): { path: readonly string[]; value: unknown } | string {
  const equals = arg.indexOf('=');
  if (equals <= 0) return 'write path=value';
  const written = arg.slice(0, equals);
  const path = written.startsWith('/') ? parsePointer(written) : written.split('.');
  if (path === undefined || path.some((part) => part === '' || FORBIDDEN_KEYS.has(part)))
    return 'the path is not valid';
  const { value } = parseYaml(arg.slice(equals + 1), '--set');
  if (value === undefined) return 'the value is empty or not valid YAML';
  return { path, value: value.value };
}

function put(root: Record<string, unknown>, path: readonly string[], value: unknown): boolean {
  let map = root;
  for (const part of path.slice(0, -1)) {
    const next = (map[part] ??= {});
    if (!isMap(next)) return false;
    map = next;
  }
  map[path.at(-1) ?? ''] = value;
  return true;
}
