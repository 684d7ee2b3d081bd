import { deepFreeze } from '../lib/deep-freeze.js';
import { resolveRef } from '../lib/schema-prepare.js';
import type { JsonSchema } from '../lib/schema-prepare.js';
import { playbookSchema } from '../model/generated/schemas.js';
import { isMap } from './source-file.js';

/** The built-in value that a schema declares, with those of its properties inside. Undefined when there is none. */
function builtinOf(schema: JsonSchema, root: JsonSchema): unknown {
  const target = followed(schema, root);
  const own = schema['default'] ?? target['default'];
  const properties = target['properties'];
  if (!isMap(properties)) return structuredClone(own);
  const value: Record<string, unknown> = isMap(own) ? structuredClone(own) : {};
  for (const [key, property] of Object.entries(properties)) {
    const inner = builtinOf(property as JsonSchema, root);
    if (inner !== undefined && !(key in value)) value[key] = inner;
  }
  return value;
}

/** The schema itself, or the one it refers to, alone or beside `null`. */
function followed(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const branches = (schema['anyOf'] ?? []) as readonly JsonSchema[];
  const ref = schema['$ref'] ?? branches.find((branch) => branch['$ref'] !== undefined)?.['$ref'];
  return typeof ref === 'string' ? (resolveRef(root, ref) ?? schema) : schema;
}

let settings: Readonly<Record<string, unknown>> | undefined;

/** The built-in settings: every default that the schema declares. Frozen. */
export function builtinSettings(): Readonly<Record<string, unknown>> {
  const definition = resolveRef(playbookSchema, '#/definitions/settings') ?? {};
  settings ??= deepFreeze(builtinOf(definition, playbookSchema) as Record<string, unknown>);
  return settings;
}

/** The built-in value at a path of the settings. */
export function builtinAt(path: readonly string[]): unknown {
  let value: unknown = builtinSettings();
  for (const part of path) value = isMap(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return value;
}

/** The built-in value that the published schema declares at a place, such as `#/definitions/limits/properties/…`. */
export function schemaDefault<T>(ref: string): T {
  const schema = resolveRef(playbookSchema, ref);
  if (schema === undefined || schema['default'] === undefined) throw new TypeError(`${ref} declares no default`);
  return schema['default'] as T;
}
