import { createSchemas } from '../lib/schema.js';
import type { SchemaChecker } from '../lib/schema.js';
import { fragmentSchema, playbookSchema } from '../model/generated/schemas.js';

let compiled: ((ref: string) => SchemaChecker) | undefined;
const checkers = new Map<string, SchemaChecker>();

/** What can be checked on its own. */
export type SchemaPart = 'playbook' | 'fragment' | 'vm' | 'settings';

const REFS: Readonly<Record<SchemaPart, string>> = {
  playbook: 'playbook.schema.json',
  fragment: 'fragment.schema.json',
  vm: 'playbook.schema.json#/definitions/vm',
  settings: 'playbook.schema.json#/definitions/settings',
};

/** The checker of a part of the language; compiled when it is first needed. */
export function checkerOf(part: SchemaPart): SchemaChecker {
  compiled ??= createSchemas({ 'playbook.schema.json': playbookSchema, 'fragment.schema.json': fragmentSchema });
  let checker = checkers.get(part);
  if (checker === undefined) {
    checker = compiled(REFS[part]);
    checkers.set(part, checker);
  }
  return checker;
}
