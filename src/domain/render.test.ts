import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { describe, expect, it } from 'vitest';
import { MACHINES } from '../../test/fixtures/boot/machines.js';
import { DroverError } from '../lib/error.js';
import type { DomainView } from '../model/index.js';
import { DOMAIN_TEMPLATES, renderDomainXml, templateFile } from './index.js';
import type { TemplateTexts } from './index.js';
import { templateModel } from './render.js';

const templates = Object.fromEntries(
  DOMAIN_TEMPLATES.map((name) => [name, readFileSync(templateFile(name), 'utf8')]),
) as TemplateTexts;
const base = MACHINES['bios-q35'] as DomainView;

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (thrown) {
    return thrown instanceof DroverError ? thrown.code : String(thrown);
  }
  return undefined;
}

describe('domain XML', () => {
  it.each(Object.keys(MACHINES))('of %s is as kept', async (name) => {
    const xml = renderDomainXml(MACHINES[name] as DomainView, templates);
    await expect(xml).toMatchFileSnapshot(`../../test/fixtures/boot/golden/${name}.xml`);
  });

  it('refuses text that XML cannot carry', () => {
    for (const bad of ['a\nb', 'a\u0000b', 'a\u001bb', 'a\ud800b', 'a\uffffb', 'tab\there']) {
      expect(codeOf(() => renderDomainXml({ ...base, name: bad }, templates))).toBe('vm.domain.unsafe-text');
      const disks = base.disks.map((disk) => ({ ...disk, path: `/srv/${bad}` }));
      expect(codeOf(() => renderDomainXml({ ...base, disks }, templates))).toBe('vm.domain.unsafe-text');
    }
  });

  it('lets no value become markup', () => {
    const xml = renderDomainXml({ ...base, name: `x</name><evil a="1" b='2'/>&amp;` }, templates);
    expect(xml).toContain('<name>x&lt;/name&gt;&lt;evil a=&quot;1&quot; b=&apos;2&apos;/&gt;&amp;amp;</name>');
  });

  it.each([
    ['ide on q35', { ...base, disks: [{ ...base.disks[0], bus: 'ide', target: 'hda' }] }],
    ['two disks on one target', { ...base, disks: [base.disks[0], { ...base.disks[0], index: 1 }] }],
    ['a target of another bus', { ...base, disks: [{ ...base.disks[0], target: 'sda' }] }],
    ['secure boot on pc', { ...base, machine: 'pc', firmware: { ...base.firmware, kind: 'uefi-secure' } }],
    ['uefi without firmware', { ...base, firmware: { kind: 'uefi' } }],
    ['no processors', { ...base, cpus: 0 }],
    ['odd memory', { ...base, memoryBytes: 1000 }],
  ])('refuses %s', (_, view) => {
    expect(codeOf(() => renderDomainXml(view as DomainView, templates))).toBe('vm.domain.unsupported');
  });
});

describe('the templates', () => {
  /** Every name that a template looks up, and every helper that prints. */
  function namesIn(text: string): { readonly paths: Set<string>; readonly printers: Set<string> } {
    const paths = new Set<string>();
    const printers = new Set<string>();
    class Names extends Handlebars.Visitor {
      override PathExpression(path: hbs.AST.PathExpression): void {
        paths.add(path.original);
      }
      override MustacheStatement(mustache: hbs.AST.MustacheStatement): void {
        printers.add((mustache.path as hbs.AST.PathExpression).original);
        super.MustacheStatement(mustache);
      }
    }
    new Names().accept(Handlebars.parse(text));
    for (const helper of ['xml', 'if', 'each', 'domain-disk', 'domain-nic']) paths.delete(helper);
    return { paths, printers };
  }

  it.each(DOMAIN_TEMPLATES)('%s prints values through the one escaping helper only', (name) => {
    expect(templates[name]).not.toContain('{{{');
    expect(templates[name]).not.toContain('{{&');
    expect([...namesIn(templates[name]).printers]).toEqual(['xml']);
  });

  it('name only what the model holds', () => {
    const model = templateModel(base) as { disks: unknown[]; nics: unknown[] };
    const contexts = { domain: model, 'domain-disk': model.disks[0], 'domain-nic': model.nics[0] };
    for (const name of DOMAIN_TEMPLATES) {
      for (const path of namesIn(templates[name]).paths) {
        let value: unknown = contexts[name];
        for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
        expect(value, `${path} in ${name}`).toBeDefined();
      }
    }
  });
});
