/**
 * Generates docs/playbook.md from the published schemas, docs/errors.md from the catalogue of codes, and docs/cli.md and
 * the manual page from the command line. `--check` fails when one is stale. It reads the sources as they are, so it is
 * run with `--import ./test/support/ts-loader.mjs`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { buildProgram } from '../src/cli/command-line.js';
import { EXAMPLES } from '../src/cli/examples.js';
import { EXIT_MEANINGS } from '../src/cli/exit-codes.js';
import { VERSION } from '../src/cli/version.js';
import { catalog } from '../src/lib/catalog/index.js';
import { cliManual, cliMarkdown } from './cli-docs.mjs';

const root = new URL('../', import.meta.url);
const read = (path) => readFile(new URL(path, root), 'utf8');
const playbook = JSON.parse(await read('schemas/playbook.schema.json'));
const fragment = JSON.parse(await read('schemas/fragment.schema.json'));

/** Sections of the reference: heading and the schema whose properties it lists. */
const SECTIONS = [
  ['Playbook', playbook],
  ['metadata', definition('metadata')],
  ['sources', definition('localSource'), 'sources'],
  ['targets', definition('filesTarget'), 'targets'],
  ['hosts', definition('hosts')],
  ['mappings', definition('mappings')],
  ['policies', definition('policies')],
  ['limits', definition('limits')],
  ['waive', definition('waivers').items, 'waivers'],
  ['waves', definition('wave')],
  ['vms', definition('vm')],
  ['Settings', definition('settings')],
  ['Disk settings', definition('diskSettings')],
  ['Secrets', definition('secretRef')],
  [
    'Fragment',
    { ...fragment, properties: { apiVersion: fragment.properties.apiVersion, kind: fragment.properties.kind } },
  ],
];
/** Sections that have a table of their own and are not unfolded where they are used. */
const ELSEWHERE = {
  metadata: 'metadata',
  sources: 'sources',
  targets: 'targets',
  hosts: 'hosts',
  mappings: 'mappings',
  policies: 'policies',
  limits: 'limits',
  waivers: 'waive',
  wave: 'waves',
  vm: 'vms',
  settings: 'Settings',
  diskSettings: 'Disk settings',
  secretRef: 'Secrets',
  profiles: 'Settings',
};

function definition(name) {
  return playbook.definitions[name];
}

/** The name of the definition that a schema refers to, alone or beside null. */
function refName(schema) {
  const ref = schema.$ref ?? schema.anyOf?.map((branch) => branch.$ref).find((text) => text !== undefined);
  return ref?.split('/').at(-1);
}

function resolved(schema) {
  const name = refName(schema);
  return name === undefined ? schema : { ...definition(name), ...schema };
}

const code = (value) => `\`${typeof value === 'string' ? value : flow(value)}\``;

/** A value as it is written in YAML's flow style. */
function flow(value) {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(
      ([key, item]) => `${/^\d+$/.test(key) ? `"${key}"` : key}: ${flow(item)}`,
    );
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  if (typeof value !== 'string') return String(value);
  const needsQuotes = [
    /^$|^\s|\s$|^[-?:,[\]{}#&*!|>'"%@`]|: |:$| #|[,[\]{}]/,
    // What YAML would read as something else than text, and what people mistake for it.
    /^[-+.\d]+$|^(?:true|false|null|yes|no|on|off)$|^(?:[\da-f]{2}:){5}/i,
  ];
  return needsQuotes.some((pattern) => pattern.test(value)) ? JSON.stringify(value) : value;
}

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function typeText(schema) {
  const name = refName(schema);
  const target = resolved(schema);
  if (target.enum !== undefined)
    return target.enum
      .filter((value) => value !== null)
      .map(code)
      .join(', ');
  if (target.const !== undefined) return code(target.const);
  const simple = { size: 'size', rate: 'rate', duration: 'duration', mac: 'MAC address', name: 'name', stage: 'stage' };
  if (simple[name] !== undefined) return simple[name];
  if (target.format === 'date') return 'date';
  const words = {
    string: 'text',
    integer: 'whole number',
    number: 'number',
    boolean: 'true or false',
    array: 'list',
    object: 'map',
  };
  const types = [target.type ?? []].flat().filter((type) => type !== 'null');
  if (types.length === 0 && target.anyOf !== undefined) return target.anyOf.map(typeText).join(' or ');
  const range =
    target.minimum !== undefined && target.maximum !== undefined ? `, ${target.minimum} to ${target.maximum}` : '';
  return types.map((type) => words[type]).join(' or ') + range;
}

function link(heading) {
  return `[${heading}](#${heading.toLowerCase().replaceAll(' ', '-')})`;
}

/** Rows of a table: one per property, those of inner maps by dotted names. */
function rows(schema, prefix, required = schema.required ?? []) {
  const out = [];
  for (const [key, raw] of Object.entries(schema.properties ?? {})) {
    const property = resolved(raw);
    const path = `${prefix}${key}`;
    const elsewhere = ELSEWHERE[refName(raw)] ?? ELSEWHERE[refName(property.items ?? {})];
    const pointer = elsewhere === undefined || elsewhere === prefix ? '' : ` See ${link(elsewhere)}.`;
    const fallback =
      property.default === undefined ? (required.includes(key) ? '**required**' : '') : code(flow(property.default));
    const example = property.examples?.[0] === undefined ? '' : code(flow(property.examples[0]));
    out.push([code(path), typeText(raw), fallback, property.description + pointer, example]);
    if (elsewhere !== undefined) continue;
    out.push(...rows(property, `${path}.`));
    const named = property.additionalProperties;
    const holder = property.propertyNames?.pattern?.startsWith('^(0|') ? '<n>' : '<name>';
    if (named?.properties !== undefined) out.push(...rows(named, `${path}.${holder}.`));
    if (named?.items?.properties !== undefined) out.push(...rows(named.items, `${path}.${holder}[].`));
    if (property.items?.properties !== undefined) out.push(...rows(property.items, `${path}[].`));
    for (const branch of property.oneOf ?? []) {
      const own = Object.fromEntries(
        Object.entries(branch.properties).filter(([name]) => !(name in property.properties)),
      );
      const tag = Object.keys(property.properties)[0];
      for (const row of rows({ properties: own, required: branch.required }, `${path}.`)) {
        out.push(row.with(3, `With ${code(`${tag}: ${branch.properties[tag].const}`)}. ${row[3]}`));
      }
    }
  }
  return out;
}

function section([heading, schema, holder]) {
  const described = holder === undefined ? schema : definition(holder);
  const lines = [`## ${heading}`, '', described.description];
  if (holder !== undefined && schema.description !== undefined && schema !== described)
    lines.push('', schema.description);
  lines.push('', '| Key | Type | Default | Meaning | Example |', '|---|---|---|---|---|');
  for (const row of rows(schema, '')) lines.push(`| ${row.map(cell).join(' | ')} |`);
  return lines.join('\n');
}

const NOTICE = (sources) => `<!-- Generated by scripts/gen-docs.mjs from ${sources}. Do not edit. -->`;

async function playbookDoc() {
  const intro = await read('schemas/playbook.intro.md');
  return `${NOTICE('schemas/')}\n\n${intro.trim()}\n\n${SECTIONS.map(section).join('\n\n')}\n`;
}

/** What the first word of a code stands for. */
const AREAS = {
  cli: 'Command line',
  convert: 'CONVERT',
  domain: 'Domain XML',
  engine: 'Engine',
  exec: 'Programs',
  fetch: 'FETCH',
  file: 'Files',
  fix: 'FIX',
  flatten: 'FLATTEN',
  guest: 'Guests',
  inspect: 'INSPECT',
  internal: 'Bugs',
  journal: 'Journal',
  lock: 'Locks',
  plan: 'Planner',
  playbook: 'Playbooks',
  preflight: 'Preflight',
  report: 'Reports',
  run: 'Runs',
  secret: 'Secrets',
  select: 'Selectors',
  source: 'Sources',
  target: 'Targets',
  validate: 'VALIDATE',
  vm: 'Boot tests',
};

function errorsDoc() {
  const byArea = new Map();
  for (const [name, entry] of Object.entries(catalog)) {
    const area = name.split('.')[0];
    byArea.set(area, [...(byArea.get(area) ?? []), [name, entry]]);
  }
  const areas = [...byArea.keys()].sort();
  const title = (area) => AREAS[area] ?? area;
  const lines = [
    NOTICE('src/lib/catalog/'),
    '',
    '# Errors and diagnostics',
    '',
    'Every message of Drover carries a code that never changes its meaning. `drover explain <code>` prints the same as this',
    'page. The class says how Drover itself reacts: `transient` is tried again, `resource` once more after a check, the others',
    'not.',
    '',
    ...areas.map((area) => `- ${link(title(area))}: \`${area}.*\``),
  ];
  for (const area of areas) {
    lines.push('', `## ${title(area)}`);
    for (const [name, entry] of byArea.get(area).sort(([a], [b]) => (a < b ? -1 : 1))) {
      lines.push('', `### ${name}`, '', `${entry.cause} Class: ${entry.class}.`, '');
      lines.push(`- Check: ${entry.check}`, `- Cure: ${entry.cure}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const cli = {
  program: buildProgram(() => async () => undefined),
  examples: EXAMPLES,
  exits: EXIT_MEANINGS,
};
let stale = 0;
for (const [path, text] of [
  ['docs/playbook.md', await playbookDoc()],
  ['docs/errors.md', errorsDoc()],
  ['docs/cli.md', cliMarkdown(NOTICE('src/cli/'), cli)],
  ['docs/man/drover.1', cliManual('Generated by scripts/gen-docs.mjs from src/cli/. Do not edit.', VERSION, cli)],
]) {
  const old = await read(path).catch(() => '');
  if (old === text) continue;
  if (process.argv.includes('--check')) {
    process.stderr.write(`stale: ${path}; run npm run generate\n`);
    stale += 1;
  } else await writeFile(new URL(path, root), text);
}
if (stale > 0) process.exitCode = 1;
