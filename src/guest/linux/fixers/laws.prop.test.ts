import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootCases, moduleCases } from '../testing/boot-cases.js';
import type { FixCase } from '../testing/cases.js';
import { agentCases, networkCases } from '../testing/network-cases.js';
import { mac, oneNic, testContext, twoDisks } from '../testing/context.js';
import { storageCases } from '../testing/storage-cases.js';
import { dumpTree } from '../testing/tree.js';
import type { TestFile } from '../testing/tree.js';
import { classifySpec, parseFstab } from '../fstab/index.js';
import { volatileArguments } from '../bootloader/arguments.js';
import { bootRelevantSpecs } from './postcheck.js';
import { textFixers } from './registry.js';
import { runFixers } from './runner.js';

const fixtures: readonly FixCase[] = [storageCases, bootCases, moduleCases, networkCases, agentCases].flat();

/** Files of several fixtures in one guest; where they collide the later one wins. */
const guests = fc
  .uniqueArray(fc.integer({ min: 0, max: fixtures.length - 1 }), { minLength: 1, maxLength: 6 })
  .map((picks) => Object.assign({}, ...picks.map((index) => fixtures[index]?.given)) as Record<string, TestFile>);

const settings = fc.record({
  fix: fc.record({
    fstab: fc.constantFrom('stabilize' as const, 'bypath-only' as const, 'all-uuid' as const),
    boot: fc.record({ serialConsole: fc.boolean() }),
  }),
  network: fc.record({ mac: fc.constantFrom('preserve' as const, 'strip' as const), freezeCloudInit: fc.boolean() }),
});

/** Runs all text steps; a guest that cannot boot is refused, and that is an answer too. */
async function fix(files: Record<string, TestFile>, facts: object): Promise<Record<string, TestFile> | undefined> {
  const ctx = testContext(files, { nics: oneNic, block: twoDisks, ...facts });
  try {
    await runFixers(ctx, textFixers);
  } catch (error) {
    expect((error as { code?: string }).code).toBe('guest.root-spec');
    return undefined;
  }
  const after: Record<string, TestFile> = {};
  for (const [path, text] of Object.entries(dumpTree(ctx.tree))) {
    const link = /^-> (.*)$/s.exec(text);
    const file = /^([0-7]+) (.*)$/s.exec(text);
    if (link?.[1] !== undefined) after[path] = { link: link[1] };
    else if (file?.[2] !== undefined) after[path] = { content: file[2], mode: parseInt(file[1] ?? '0', 8) };
  }
  return after;
}

describe('laws of FIX', () => {
  it('changes nothing when it runs again over its own result', async () => {
    await fc.assert(
      fc.asyncProperty(guests, settings, async (files, facts) => {
        const once = await fix(files, facts);
        if (once === undefined) return;
        expect(await fix(once, facts)).toEqual(once);
      }),
      { numRuns: 150 },
    );
  });

  it('changes nothing when a fixture is fixed twice', async () => {
    for (const fixture of fixtures) {
      const once = await fix({ ...fixture.given }, fixture.facts ?? {});
      if (once === undefined) continue;
      expect(await fix(once, fixture.facts ?? {}), fixture.name).toEqual(once);
    }
  });

  it('leaves no name that changes in a file that matters for booting, unless it was reported', async () => {
    await fc.assert(
      fc.asyncProperty(guests, async (files) => {
        const ctx = testContext(files, { nics: oneNic, block: twoDisks });
        try {
          await runFixers(ctx, textFixers);
        } catch {
          return;
        }
        const left = bootRelevantSpecs(ctx.tree).filter(({ spec }) => !ctx.state.toleratedSpecs.includes(spec));
        expect(left).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps every line of a mount table that it does not have to change', async () => {
    const word = fc.constantFrom(
      'UUID=1',
      '/dev/sda1',
      '/dev/sdb1',
      'LABEL=data',
      '/dev/sr0',
      'proc',
      '/x',
      'ext4',
      'swap',
      '#',
      '"',
      'nofail',
      '\u00ff',
    );
    const line = fc
      .array(fc.tuple(word, fc.constantFrom(' ', '\t', '  ')), { maxLength: 8 })
      .map((words) => words.flat().join(''));
    const file = fc
      .tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'))
      .map(([lines, eol]) => lines.join(eol));
    await fc.assert(
      fc.asyncProperty(file, async (content) => {
        const after = (await fix({ '/etc/fstab': content }, {}))?.['/etc/fstab'];
        if (after === undefined) return;
        const before = parseFstab(content);
        const lines = parseFstab((after as { content: string }).content);
        expect(lines).toHaveLength(before.length);
        for (const [index, old] of before.entries()) {
          const isVolatile =
            old.entry !== undefined && classifySpec(old.entry.spec, old.entry.fsType, old.entry.options) === 'volatile';
          expect(lines[index]?.eol).toBe(old.eol);
          if (!isVolatile) expect(lines[index]?.text).toBe(old.text);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('finds device arguments wherever they stand and no others', () => {
    const argument = fc.constantFrom(
      'ro',
      'quiet',
      'root=UUID=1',
      'root=/dev/sda1',
      'resume=/dev/sdb1',
      'xroot=/dev/sda1',
      'rd.lvm.lv=a/b',
      'root=/dev/mapper/a-b',
    );
    fc.assert(
      fc.property(fc.array(argument), (args) => {
        const wanted = args
          .filter((arg) => arg === 'root=/dev/sda1' || arg === 'resume=/dev/sdb1')
          .map((arg) => arg.split('=')[1]);
        expect(volatileArguments(args.join(' ')).map((each) => each.device)).toEqual(wanted);
        expect(volatileArguments(`GRUB_CMDLINE_LINUX="${args.join(' ')}"`).map((each) => each.device)).toEqual(wanted);
      }),
    );
  });
});

describe('hostile guests', () => {
  const nasty: Record<string, Record<string, TestFile>> = {
    'a mount table of 2 MiB': { '/etc/fstab': '/dev/sda1 /x ext4 noauto 0 0\n'.repeat(75_000) },
    'one line of 2 MiB': {
      '/etc/fstab': `${'a '.repeat(1_000_000)}\n`,
      '/boot/grub/grub.cfg': `linux ${'"'.repeat(2_000_000)}`,
    },
    'control characters': { '/etc/fstab': 'UUID=\u001b[2J /\u0007 ext4\n/dev/sdq1 /\u001b]0;x\u0007 ext4\n' },
    'names that look like options': {
      '/etc/fstab': '-rf / ext4\n--help /x ext4 nofail\n',
      '/etc/systemd/network/-x.network': '[Match]\nName=-rf\n',
      '/etc/udev/rules.d/-rf.rules': `SUBSYSTEM=="net", ATTR{address}=="${mac}", NAME="../../etc/passwd"\n`,
    },
    'a mount table that leads out of the guest': { '/etc/fstab': { link: '../../../../../../etc/passwd' } },
    'a loop of links': { '/etc/fstab': { link: '/etc/b' }, '/etc/b': { link: '/etc/fstab' } },
    'a folder where a file belongs': { '/etc/fstab/x': 'x', '/etc/default/grub/y': 'y', '/etc/crypttab/z': '' },
    'unfinished quotes, brackets and continuations': {
      '/etc/default/grub': 'GRUB_CMDLINE_LINUX="root=/dev/sda1\n',
      '/etc/udev/rules.d/70-x.rules': 'SUBSYSTEM=="net", NAME="x \\\n \\\n',
      '/etc/network/interfaces': 'source /etc/[a-\niface eth0 inet dhcp\nsource /etc/network/interfaces\n',
      '/etc/lvm/lvm.conf': 'filter = [ "a|(|"\n',
      '/etc/netplan/x.yaml': 'a: &a [*a]\n',
    },
  };

  it.each(Object.entries(nasty))('%s', async (_name, files) => {
    const began = Date.now();
    const ctx = testContext(files, { nics: [{ ...oneNic[0]!, ifname: '../../../etc/x' }] });
    const reports = await runFixers(ctx, textFixers).catch((error: unknown) => {
      expect((error as { code?: string }).code).toBe('guest.root-spec');
      return [];
    });
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(reports.filter((report) => report.status === 'failed')).toEqual([]);
    for (const change of reports.flatMap((report) => report.changes)) {
      expect(Buffer.byteLength(change.diff)).toBeLessThanOrEqual(64 * 1024 + 200);
    }
    const texts = JSON.stringify(reports.map(({ notes, warnings, mapped }) => [notes, warnings, mapped]));
    expect(texts).not.toMatch(/\\u00(0[0-8b-f]|1)/);
    expect(Object.keys(dumpTree(ctx.tree)).filter((path) => path.includes('..'))).toEqual([]);
  });
});
