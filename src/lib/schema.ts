/** JSON Schema checks whose problems a person can act on: one per mistake, in the branch that was meant. */
import { Ajv } from 'ajv';
import type { ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';
import { FORMATS } from './schema-formats.js';
import { prepareSchema } from './schema-prepare.js';
import type { JsonSchema } from './schema-prepare.js';
import { problemOf } from './schema-problem.js';
import type { SchemaProblem } from './schema-problem.js';

export type { JsonSchema } from './schema-prepare.js';
export type { SchemaProblem } from './schema-problem.js';

/** Checks a value; the problems stand in the order in which the schema was walked. */
export type SchemaChecker = (value: unknown) => readonly SchemaProblem[];

/** Problems of one value that are worth listing. */
const MOST_PROBLEMS = 1000;

/**
 * Compiles schemas that may refer to each other by file name. Checkers are compiled when they are first asked for.
 *
 * @param schemas published schemas by the name under which they refer to each other
 * @returns a function from a reference, such as `playbook.schema.json#/definitions/vm`, to its checker
 */
export function createSchemas(schemas: Readonly<Record<string, JsonSchema>>): (ref: string) => SchemaChecker {
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    strictTypes: true,
    strictTuples: true,
    allowUnionTypes: true,
    discriminator: true,
    verbose: true,
    // The schemas are our own and checked by a test; checking them at every start would cost 30 ms.
    validateSchema: false,
    // Making the generated code smaller takes longer than running it over ten thousand machines.
    code: { optimize: false },
  });
  addFormats.default(ajv, ['date']);
  for (const [name, format] of Object.entries(FORMATS)) ajv.addFormat(name, format.isValid);
  for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(prepareSchema(schema), name);
  return (ref) => {
    const validate = ajv.getSchema(ref);
    if (validate === undefined) throw new TypeError(`there is no schema ${ref}`);
    return (value) => (validate(value) === true ? [] : problemsOf(validate.errors ?? []));
  };
}

function problemsOf(errors: readonly ErrorObject[]): SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  const seen = new Set<string>();
  for (const error of errors) {
    const problem = problemOf(error);
    if (problem === undefined) continue;
    const key = `${problem.kind} ${JSON.stringify(problem.path)} ${problem.missing ?? ''}`;
    if (seen.has(key)) continue;
    seen.add(key);
    problems.push(problem);
    if (problems.length >= MOST_PROBLEMS) break;
  }
  return withoutMisspelled(problems);
}

/** A required key that was misspelled is one mistake, not a missing key and an unknown one. */
function withoutMisspelled(problems: readonly SchemaProblem[]): SchemaProblem[] {
  const meant = new Set<string>();
  for (const { kind, path, suggestions } of problems) {
    if (kind === 'unknown-key' && suggestions?.length === 1) {
      meant.add(JSON.stringify([path.slice(0, -1), suggestions[0]]));
    }
  }
  return problems.filter(
    ({ kind, path, missing }) => kind !== 'missing-key' || !meant.has(JSON.stringify([path, missing])),
  );
}
