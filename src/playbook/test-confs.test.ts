import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createHost } from '../host/index.js';
import { playbookCodes } from '../lib/catalog/playbook.js';
import { formatText } from '../lib/diagnostic-format.js';
import { hasErrors } from '../lib/diagnostic.js';
import type { LoadedVm } from '../model/effective.js';
import { loadPlaybook } from './index.js';
import type { LoadResult } from './index.js';

/**
 * Every playbook in test-confs/ is loaded. A broken one must give exactly the text of its `.expected`, a valid one exactly
 * the machines of its `.expected`. `UPDATE_GOLDEN=1` writes them anew; read the difference before committing it.
 */
const confs = fileURLToPath(new URL('../../test-confs', import.meta.url));
const { files } = createHost({ env: {}, cwd: confs });
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';

/** The playbook of a case: a file, or `playbook.yaml` in its folder or in the `project` below. */
function entryOf(dir: string, name: string): string {
  const candidates = [name, join(name, 'playbook.yaml'), join(name, 'project/playbook.yaml')];
  const entry = candidates.find((path) => existsSync(join(dir, path)) && path.endsWith('.yaml'));
  if (entry === undefined) throw new Error(`${name} holds no playbook`);
  return entry;
}

function casesIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => !name.endsWith('.expected') && !name.startsWith('.'));
}

/** Options of a case stand in its first line: `# options: {"strict": true}`. */
async function load(dir: string, entry: string): Promise<LoadResult> {
  const [, json = '{}'] = /^# options: (.*)$/m.exec(readFileSync(join(dir, entry), 'latin1')) ?? [];
  const { env = {}, ...options } = JSON.parse(json) as { env?: Record<string, string> };
  return loadPlaybook([entry], { cwd: dir, env: (name) => env[name], ...options }, files);
}

function compare(expectedPath: string, actual: string): void {
  const text = actual.replaceAll(dirname(confs), '<project>');
  if (isUpdate) writeFileSync(expectedPath, text);
  expect(text).toBe(readFileSync(expectedPath, 'utf8'));
}

describe('broken playbooks', () => {
  const dir = join(confs, 'broken');
  const names = casesIn(dir);
  const seen = new Set<string>();

  it.each(names)('%s', async (name) => {
    const result = await load(dir, entryOf(dir, name));
    expect(result.value).toBeUndefined();
    expect(hasErrors(result.diagnostics)).toBe(true);
    for (const { code } of result.diagnostics) seen.add(code);
    const text = formatText(result.diagnostics, { textOf: (file) => result.texts.get(file), all: true });
    compare(join(dir, `${name.replace(/\.yaml$/, '')}.expected`), text);
  });

  it('are at least sixty, and every expectation belongs to one', () => {
    expect(names.length).toBeGreaterThanOrEqual(60);
    const expected = readdirSync(dir).filter((name) => name.endsWith('.expected'));
    expect(expected.sort()).toEqual(names.map((name) => `${name.replace(/\.yaml$/, '')}.expected`).sort());
  });

  it('show every code that loading can report', () => {
    const elsewhere = [
      // Cannot arise from files: the schema gives every setting one type, and no setting is a list yet.
      'playbook.type-change',
      'playbook.bad-list-edit',
    ];
    const codes = Object.keys(playbookCodes).filter((code) => code.startsWith('playbook.'));
    expect(codes.filter((code) => !seen.has(code)).sort()).toEqual(elsewhere.sort());
  });
});

/** A machine with those of its settings that somebody set, and who. */
function vmText({ settings, origins, originChains: _chains, at, ...vm }: LoadedVm): string {
  const lines = [JSON.stringify(vm), `  at ${JSON.stringify(at)}`];
  for (const pointer of Object.keys(origins).sort()) {
    let value: unknown = settings;
    for (const part of pointer.slice(1).split('/')) value = (value as Record<string, unknown>)[part];
    lines.push(`  ${pointer} = ${JSON.stringify(value)} from ${origins[pointer]}`);
  }
  return lines.join('\n');
}

describe('valid playbooks', () => {
  const dir = join(confs, 'valid');
  const names = casesIn(dir);

  it.each(names)('%s', async (name) => {
    const { value, diagnostics, texts } = await load(dir, entryOf(dir, name));
    const found = formatText(diagnostics, { textOf: (file) => texts.get(file) });
    expect(value, found).toBeDefined();
    const { waves = [], files: _files, ...rest } = value ?? {};
    const lines = [JSON.stringify(rest, null, 1)];
    for (const { vms, ...wave } of waves) {
      lines.push(JSON.stringify(wave, null, 1));
      for (const vm of vms) lines.push(vmText(vm));
    }
    compare(join(dir, `${name.replace(/\.yaml$/, '')}.expected`), `${lines.join('\n')}\n${found}`);
  });

  it('are at least eight', () => expect(names.length).toBeGreaterThanOrEqual(8));
});
