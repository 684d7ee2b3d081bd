import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createHost } from '../../src/host/index.js';
import { formatText } from '../../src/lib/diagnostic-format.js';
import { allVms } from '../../src/model/effective.js';
import { loadPlaybook } from '../../src/playbook/index.js';

const dir = fileURLToPath(new URL('../../playbooks/', import.meta.url));
const examples = readdirSync(dir).filter((name) => name.endsWith('.yaml'));

/** Machines that each example is about; a new example is added here, so that it cannot be empty by mistake. */
const machines: Readonly<Record<string, readonly string[]>> = {
  'first.yaml': ['web01'],
  'ova.yaml': ['web01'],
  'wave.yaml': ['app01', 'app02', 'log01', 'store01', 'web01'],
};

describe('example playbooks', () => {
  it('are all known here', () => {
    expect(examples.sort()).toEqual(Object.keys(machines).sort());
  });

  it.each(examples)('%s loads without a single remark', async (name) => {
    const { value, diagnostics } = await loadPlaybook(
      [name],
      { cwd: dir, env: () => undefined, strict: true },
      createHost().files,
    );
    expect(formatText(diagnostics)).toBe('');
    expect(
      value &&
        allVms(value)
          .map((vm) => vm.name)
          .sort(),
    ).toEqual(machines[name]);
  });

  it.each(examples)('%s tells editors where its schema is', (name) => {
    const [first] = readFileSync(`${dir}${name}`, 'utf8').split('\n');
    expect(first).toBe('# yaml-language-server: $schema=../schemas/playbook.schema.json');
  });
});
