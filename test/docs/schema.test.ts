import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryFiles } from '../support/memory-playbook.js';
import { formatText } from '../../src/lib/diagnostic-format.js';
import { parseYaml } from '../../src/lib/yaml.js';
import { playbookSchema } from '../../src/model/generated/schemas.js';
import { loadPlaybook } from '../../src/playbook/index.js';
import { builtinSettings } from '../../src/playbook/builtin.js';
import { checkerOf } from '../../src/playbook/schemas.js';

type Node = Record<string, unknown>;

const root = fileURLToPath(new URL('../../', import.meta.url));
const schemaNames = readdirSync(join(root, 'schemas')).filter((name) => name.endsWith('.schema.json'));
const schemas = new Map(
  schemaNames.map((name) => [name, JSON.parse(readFileSync(join(root, 'schemas', name), 'utf8')) as Node]),
);

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A reference with what it leads to, the words beside it first. */
function followed(schema: Node, file: string): Node {
  const branches = ((schema['anyOf'] ?? []) as Node[]).filter((branch) => branch['type'] !== 'null');
  const ref = schema['$ref'] ?? (branches.length === 1 ? branches[0]?.['$ref'] : undefined);
  if (typeof ref !== 'string') return schema;
  const [name, pointer = ''] = ref.split('#');
  let target: unknown = schemas.get(name === '' ? file : (name ?? ''));
  for (const part of pointer.split('/').slice(1)) target = isNode(target) ? target[part] : undefined;
  return isNode(target) ? { ...target, ...schema } : schema;
}

/** Every property, list item and named value of a schema, with its path. */
function describedParts(node: unknown, path: string, file: string, found: [string, Node][] = []): [string, Node][] {
  if (Array.isArray(node)) node.forEach((item, i) => describedParts(item, `${path}/${i}`, file, found));
  if (!isNode(node)) return found;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'examples' || key === 'default' || key === 'enum' || key === 'const') continue;
    const isMap = key === 'properties' || key === 'patternProperties';
    if (isMap && isNode(value)) {
      for (const [name, property] of Object.entries(value)) {
        if (isNode(property)) found.push([`${path}/${key}/${name}`, followed(property, file)]);
        describedParts(property, `${path}/${key}/${name}`, file, found);
      }
      continue;
    }
    if (isNode(value) && (key === 'items' || key === 'additionalProperties')) {
      found.push([`${path}/${key}`, followed(value, file)]);
    }
    describedParts(value, `${path}/${key}`, file, found);
  }
  return found;
}

describe.each(schemaNames)('%s', (name) => {
  const schema = schemas.get(name) ?? {};
  const parts = describedParts(schema, '', name);

  it('is draft-07, and names nothing that an editor would have to fetch', () => {
    expect(schema['$schema']).toBe('http://json-schema.org/draft-07/schema#');
    expect(schema).not.toHaveProperty('$id');
    expect(new Ajv({ strict: false, logger: false }).validateSchema(schema)).toBe(true);
    for (const [, ref] of JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)) {
      const [file = '', pointer = ''] = (ref ?? '').split('#');
      expect(file === '' || schemas.has(file), ref).toBe(true);
      expect(pointer, ref).toMatch(/^\/definitions\/[A-Za-z]+$/);
    }
  });

  it('describes every property in a sentence', () => {
    expect(parts.length).toBeGreaterThan(15);
    for (const [path, part] of parts) {
      expect(part['description'], path).toMatch(/^[A-Z`].*\.$/s);
    }
  });

  it('gives examples for every property, and they are valid', () => {
    const ajv = new Ajv({ strict: false, logger: false, validateFormats: false });
    for (const [other, content] of schemas) ajv.addSchema(content, other);
    for (const [path, part] of parts) {
      if (path.endsWith('^x-')) continue;
      const examples = part['examples'] as unknown[];
      expect(Array.isArray(examples) && examples.length > 0, path).toBe(true);
      const { $ref: _ref, anyOf, ...own } = part;
      const check = ajv.compile({
        ...own,
        ...(anyOf === undefined ? {} : { anyOf }),
        definitions: schemas.get('playbook.schema.json')?.['definitions'],
      });
      for (const example of examples) expect(check(example), `${path}: ${JSON.stringify(example)}`).toBe(true);
    }
  });

  it('declares defaults that are valid, for every map and every optional choice', () => {
    const ajv = new Ajv({ strict: false, logger: false, validateFormats: false });
    for (const [path, part] of parts) {
      const { $ref: _ref, default: value, ...own } = part;
      if (value !== undefined) {
        const check = ajv.compile({ ...own, definitions: schemas.get('playbook.schema.json')?.['definitions'] });
        expect(check(value), `${path}: ${JSON.stringify(value)}`).toBe(true);
      }
      const isSetting = /\/definitions\/(?:settings|diskSettings)\/.*properties\/[^/]+$/.test(path);
      const isChoice =
        Array.isArray(part['enum']) || [part['type']].flat().some((type) => type === 'boolean' || type === 'object');
      if (isSetting && isChoice) expect(value, path).toBeDefined();
    }
  });
});

it('the fragment has every section of the playbook but its name and its waves', () => {
  const properties = (file: string): Node => (schemas.get(file)?.['properties'] ?? {}) as Node;
  const { metadata: _m, waves: _w, kind: _k, ...shared } = properties('playbook.schema.json');
  const { kind: _kind, ...own } = properties('fragment.schema.json');
  const local = JSON.parse(JSON.stringify(own).replaceAll('playbook.schema.json#', '#')) as Node;
  expect(local).toEqual(shared);
});

describe('editors', () => {
  /** What a language server does with the published files: no formats of ours, no discriminator, no rewriting. */
  const editor = new Ajv({ strict: false, logger: false, allErrors: true });
  beforeAll(() => {
    for (const [name, schema] of schemas) editor.addSchema(schema, name);
  });

  const yamlFiles = ['test-confs/valid', 'playbooks'].flatMap((dir) =>
    (readdirSync(join(root, dir), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => join(dir, name)),
  );

  it.each(yamlFiles)('%s names its schema and is accepted', (path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const [, relative = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
    const schemaPath = resolve(root, dirname(path), relative);
    expect(statSync(schemaPath).isFile()).toBe(true);
    const name = schemaPath.split('/').at(-1) ?? '';
    // References stand for values of any type; an editor cannot know them.
    if (text.includes('${')) return;
    const validate = editor.getSchema(name);
    const isValid = validate?.(parseYaml(text, path).value?.value);
    expect(validate?.errors ?? null).toBeNull();
    expect(isValid).toBe(true);
  });

  it('find the mistakes that need no formats of ours', () => {
    const validate = editor.getSchema('playbook.schema.json');
    const base = { apiVersion: 'drover/v1alpha1', kind: 'Playbook', metadata: { name: 'p' } };
    const wrong = (settings: unknown): boolean =>
      validate?.({ ...base, defaults: settings, waves: [{ name: 'a', vms: ['b'] }] }) !== true;
    expect(wrong({ memory: null, firmware: null, nics: { '0': null } })).toBe(false);
    expect(wrong({ memroy: '1GiB' })).toBe(true);
    expect(wrong({ firmware: 'efi' })).toBe(true);
    expect(wrong({ cpus: '2' })).toBe(true);
  });
});

describe('what is generated', () => {
  it.each(['gen-types.mjs', 'gen-docs.mjs'])('%s finds nothing stale', (script) => {
    expect(() =>
      execFileSync(
        process.execPath,
        ['--import', join(root, 'test/support/ts-loader.mjs'), join(root, 'scripts', script), '--check'],
        { stdio: 'pipe' },
      ),
    ).not.toThrow();
  });

  it('the built-in settings are complete and valid', () => {
    expect(checkerOf('settings')(builtinSettings())).toEqual([]);
    expect(playbookSchema).toEqual(schemas.get('playbook.schema.json'));
  });
});

describe('docs/playbook.md', () => {
  const text = readFileSync(join(root, 'docs/playbook.md'), 'utf8');

  it('names every property', () => {
    for (const [path] of describedParts(schemas.get('playbook.schema.json'), '', 'playbook.schema.json')) {
      const name = path.split('/').at(-1) ?? '';
      if (!path.includes('/properties/') || ['items', 'additionalProperties'].includes(name) || /[\^$]/.test(path))
        continue;
      expect(text, path).toMatch(new RegExp(`\`(?:[\\w.<>[\\]]*\\.)?${name}\``));
    }
  });

  it('shows playbooks that load', async () => {
    const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '');
    expect(blocks.length).toBeGreaterThanOrEqual(2);
    for (const block of blocks) {
      const files = memoryFiles({ '/w/p.yaml': block });
      const { diagnostics } = await loadPlaybook(['p.yaml'], { cwd: '/w', env: () => undefined }, files);
      expect(formatText(diagnostics)).toBe('');
    }
  });

  it('links only to headings that exist', () => {
    const headings = new Set(
      [...text.matchAll(/^#+ (.*)$/gm)].map((m) => (m[1] ?? '').toLowerCase().replaceAll(' ', '-')),
    );
    for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(headings).toContain(anchor);
  });
});
