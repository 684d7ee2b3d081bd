/** Generates src/model/generated/*.ts from schemas/*.schema.json. `--check` fails when they are stale. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { compile } from 'json-schema-to-typescript';

const out = new URL('../src/model/generated/', import.meta.url);
const schemas = new URL('../schemas/', import.meta.url);
const check = process.argv.includes('--check');

/** Removes what only validators read, so that the generator sees plain draft-07. */
function plain(node) {
  if (Array.isArray(node)) return node.map(plain);
  if (node === null || typeof node !== 'object') return node;
  const { discriminator: _d, ...rest } = node;
  const members = Object.entries(rest).filter(
    ([key]) => key !== 'patternProperties' || !('^x-' in (rest.patternProperties ?? {})),
  );
  const result = Object.fromEntries(members.map(([key, value]) => [key, plain(value)]));
  // A union of closed branches: the parent's own `properties` only repeat the tag.
  if (Array.isArray(result.oneOf)) delete result.properties;
  return result;
}

await mkdir(out, { recursive: true });
let stale = 0;
for (const file of (await readdir(schemas)).filter((name) => name.endsWith('.schema.json')).sort()) {
  const schema = plain(JSON.parse(await readFile(new URL(file, schemas), 'utf8')));
  const text = await compile(schema, schema.title, {
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    strictIndexSignatures: false,
    format: true,
    style: { singleQuote: true, printWidth: 120 },
    bannerComment: `/* Generated from schemas/${file} by scripts/gen-types.mjs. Do not edit. */`,
  });
  const target = new URL(file.replace('.schema.json', '.ts'), out);
  const old = await readFile(target, 'utf8').catch(() => '');
  if (old === text) continue;
  if (check) {
    process.stderr.write(`stale: ${target.pathname}\n`);
    stale += 1;
  } else await writeFile(target, text);
}
process.exitCode = stale > 0 ? 1 : 0;
