/** Which columns a list of machines may have, and how a cell becomes a value: both read from the published schema. */
import { resolveRef } from '../lib/schema-prepare.js';
import type { JsonSchema } from '../lib/schema-prepare.js';
import { playbookSchema } from '../model/generated/schemas.js';
import { isMap } from './source-file.js';

export type ColumnKind = 'text' | 'integer' | 'boolean' | 'names' | 'dependencies' | 'labels';

/** A column of a list: where its cells go and what they hold. */
export interface Column {
  readonly path: readonly string[];
  readonly kind: ColumnKind;
}

/** Lists are written `a;b`, labels `key=value;key=value`. */
const LISTS: Readonly<Record<string, ColumnKind>> = {
  disks: 'names',
  profiles: 'names',
  dependsOn: 'dependencies',
  labels: 'labels',
};

function follow(schema: JsonSchema | undefined): JsonSchema | undefined {
  const branches = (schema?.['anyOf'] ?? []) as readonly JsonSchema[];
  const chosen = branches.find((branch) => branch['type'] !== 'null') ?? schema;
  const ref = chosen?.['$ref'];
  return typeof ref === 'string' ? resolveRef(playbookSchema, ref) : chosen;
}

/** The column for a property such as `ova`, `labels.tier` or `overrides.nics.0.mac`. Undefined when there is none. */
export function columnOf(property: string): Column | undefined {
  const path = property.split('.');
  const whole = path.length === 1 ? LISTS[property] : undefined;
  if (whole !== undefined) return { path, kind: whole };
  let schema = follow({ $ref: '#/definitions/vm' });
  for (const part of path) {
    const properties = schema?.['properties'];
    const more = schema?.['additionalProperties'];
    if (isMap(properties) && Object.hasOwn(properties, part)) schema = follow(properties[part] as JsonSchema);
    else schema = isMap(more) && isNameAllowed(part, schema) ? follow(more) : undefined;
  }
  const types = [schema?.['type']].flat();
  if (types.includes('integer')) return { path, kind: 'integer' };
  if (types.includes('boolean')) return { path, kind: 'boolean' };
  return types.includes('string') || schema?.['enum'] !== undefined ? { path, kind: 'text' } : undefined;
}

function isNameAllowed(name: string, schema: JsonSchema | undefined): boolean {
  const names = schema?.['propertyNames'];
  const pattern = isMap(names) ? names['pattern'] : undefined;
  return name !== '' && (typeof pattern !== 'string' || new RegExp(pattern).test(name));
}

/** Properties that a column can be, for suggestions: those of machines, and the settings one and two levels deep. */
export function knownColumns(): readonly string[] {
  const names: string[] = [];
  const vm = follow({ $ref: '#/definitions/vm' })?.['properties'];
  for (const name of Object.keys(isMap(vm) ? vm : {})) if (name !== 'overrides') names.push(name);
  const walk = (schema: JsonSchema | undefined, prefix: string, depth: number): void => {
    const properties = schema?.['properties'];
    if (!isMap(properties) || depth > 2) return;
    for (const [name, property] of Object.entries(properties)) {
      if (columnOf(`${prefix}.${name}`) !== undefined) names.push(`${prefix}.${name}`);
      walk(follow(property as JsonSchema), `${prefix}.${name}`, depth + 1);
    }
  };
  walk(follow({ $ref: '#/definitions/settings' }), 'overrides', 0);
  return names;
}

/** The value of a cell that is not empty. What does not fit stays text, and the schema will say so. */
export function cellValue(text: string, kind: ColumnKind): unknown {
  const pieces = (): string[] =>
    text
      .split(';')
      .map((piece) => piece.trim())
      .filter((piece) => piece !== '');
  switch (kind) {
    case 'text':
      return text;
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    case 'boolean':
      return /^(?:true|yes|1)$/i.test(text) ? true : /^(?:false|no|0)$/i.test(text) ? false : text;
    case 'names':
      return pieces();
    case 'dependencies':
      return pieces().map((vm) => ({ vm }));
    case 'labels':
      return Object.fromEntries(
        pieces().map((piece) => {
          const equals = piece.indexOf('=');
          return equals === -1 ? [piece, ''] : [piece.slice(0, equals).trim(), piece.slice(equals + 1).trim()];
        }),
      );
  }
}
