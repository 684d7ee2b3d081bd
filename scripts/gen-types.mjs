/**
 * Generates src/model/generated/ from schemas/*.schema.json: TypeScript types, and the schemas themselves as a module, so
 * that the built program needs no file beside its code. `--check` fails when something is stale.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { compile } from 'json-schema-to-typescript';

const out = new URL('../src/model/generated/', import.meta.url);
const schemas = new URL('../schemas/', import.meta.url);
const check = process.argv.includes('--check');

/** Removes what only validators and editors read, so that the generator sees plain draft-07. */
function plain(node, root = node) {
  if (Array.isArray(node)) return node.map((item) => plain(item, root));
  if (node === null || typeof node !== 'object') return node;
  const { discriminator: _d, ...rest } = node;
  const members = Object.entries(rest).filter(
    ([key]) => key !== 'patternProperties' || !('^x-' in (rest.patternProperties ?? {})),
  );
  const result = Object.fromEntries(members.map(([key, value]) => [key, plain(value, root)]));
  // Words beside a reference to a map would make a second type of the same shape.
  const target = root.definitions?.[result.$ref?.split('/').at(-1)];
  if (target?.properties !== undefined) return { $ref: result.$ref };
  // A union of closed branches: the parent's own `properties` only repeat the tag.
  if (Array.isArray(result.oneOf)) delete result.properties;
  return withoutNull(result);
}

/** `null` stands for "back to the built-in value" while scopes are merged; no merged value holds one. */
function withoutNull(node) {
  if (Array.isArray(node.enum)) node.enum = node.enum.filter((value) => value !== null);
  if (Array.isArray(node.type) && node.type.includes('null')) {
    const types = node.type.filter((type) => type !== 'null');
    node.type = types.length === 1 ? types[0] : types;
  }
  if (!Array.isArray(node.anyOf)) return node;
  const { anyOf, ...rest } = node;
  const branches = anyOf.filter((branch) => branch.type !== 'null');
  return branches.length === 1 ? { ...branches[0], ...rest } : { anyOf: branches, ...rest };
}

const options = {
  additionalProperties: false,
  ignoreMinAndMaxItems: true,
  strictIndexSignatures: false,
  format: true,
  style: { singleQuote: true, printWidth: 120 },
};

await mkdir(out, { recursive: true });
const files = new Map();
const constants = [];
for (const file of (await readdir(schemas)).filter((name) => name.endsWith('.schema.json')).sort()) {
  const schema = JSON.parse(await readFile(new URL(file, schemas), 'utf8'));
  const name = file.replace('.schema.json', '');
  const json = JSON.stringify(JSON.stringify(schema));
  constants.push(`export const ${name}Schema = JSON.parse(\n  ${json},\n) as JsonSchema;\n`);
  // A schema that borrows the definitions of another one has no types of its own.
  if (JSON.stringify(schema).includes('.schema.json#')) continue;
  const bannerComment = `/* Generated from schemas/${file} by scripts/gen-types.mjs. Do not edit. */`;
  files.set(`${name}.ts`, await compile(plain(schema), schema.title, { ...options, bannerComment }));
}
files.set(
  'schemas.ts',
  `/* Generated from schemas/ by scripts/gen-types.mjs. Do not edit. */
import type { JsonSchema } from '../../lib/schema.js';

${constants.join('\n')}`,
);

let stale = 0;
for (const [file, text] of files) {
  const target = new URL(file, out);
  const old = await readFile(target, 'utf8').catch(() => '');
  if (old === text) continue;
  if (check) {
    process.stderr.write(`stale: ${target.pathname}\n`);
    stale += 1;
  } else await writeFile(target, text);
}
if (stale > 0) process.exitCode = 1;
