/** The last look: what was written is read again, and must be a guest that finds its disks. */
import type { GuestTree } from '../../common/ports.js';
import { argumentSources } from '../bootloader/facts.js';
import { volatileArguments } from '../bootloader/arguments.js';
import { blsFiles } from '../bootloader/bls.js';
import { extlinuxFiles, grubConfigFiles, grubenvFiles, legacyFiles, uniqueFiles } from '../bootloader/entries.js';
import { kernelLine } from '../bootloader/grub-cfg.js';
import { parseCrypttab } from '../crypttab/index.js';
import { classifySpec, parseFstab } from '../fstab/index.js';
import { iniValue, parseIni } from '../text/ini.js';
import { splitLines } from '../text/lines.js';

/** A device name that changes with the machine, in a file that matters for booting. */
export interface LeftoverSpec {
  readonly path: string;
  readonly spec: string;
}

/** Every volatile device name in the active parts of mount tables, units and boot configurations. */
export function bootRelevantSpecs(tree: GuestTree): LeftoverSpec[] {
  return [...mountTable(tree), ...encryptedVolumes(tree), ...units(tree), ...resume(tree), ...bootArguments(tree)];
}

/** The files that `bootRelevantSpecs` looks into. */
export function bootFiles(tree: GuestTree): string[] {
  const unitDir = '/etc/systemd/system';
  return [
    '/etc/fstab',
    '/etc/crypttab',
    resumeFile,
    ...tree
      .list(unitDir)
      .filter((name) => /\.(mount|swap)$/.test(name))
      .map((name) => `${unitDir}/${name}`),
    ...argumentSources(tree),
    ...blsFiles(tree),
    ...grubenvFiles(tree),
    ...grubConfigFiles(tree),
    ...uniqueFiles(tree, legacyFiles),
    ...uniqueFiles(tree, extlinuxFiles),
  ];
}

const resumeFile = '/etc/initramfs-tools/conf.d/resume';

function mountTable(tree: GuestTree): LeftoverSpec[] {
  return parseFstab(tree.text('/etc/fstab') ?? '').flatMap(({ entry }) =>
    entry !== undefined && classifySpec(entry.spec, entry.fsType, entry.options) === 'volatile'
      ? [{ path: '/etc/fstab', spec: entry.spec }]
      : [],
  );
}

function encryptedVolumes(tree: GuestTree): LeftoverSpec[] {
  return parseCrypttab(tree.text('/etc/crypttab') ?? '').flatMap(({ entry }) =>
    entry !== undefined && classifySpec(entry.device) === 'volatile'
      ? [{ path: '/etc/crypttab', spec: entry.device }]
      : [],
  );
}

function units(tree: GuestTree): LeftoverSpec[] {
  const dir = '/etc/systemd/system';
  return tree.list(dir).flatMap((name) => {
    if (!/\.(mount|swap)$/.test(name)) return [];
    const lines = parseIni(tree.text(`${dir}/${name}`) ?? '');
    const what = iniValue(lines, name.endsWith('.swap') ? 'Swap' : 'Mount', 'What');
    return what !== undefined && classifySpec(what) === 'volatile' ? [{ path: `${dir}/${name}`, spec: what }] : [];
  });
}

function resume(tree: GuestTree): LeftoverSpec[] {
  const path = resumeFile;
  const spec = /^\s*RESUME=["']?([^"'\s#]+)/m.exec(tree.text(path) ?? '')?.[1];
  return spec !== undefined && classifySpec(spec) === 'volatile' ? [{ path, spec }] : [];
}

function bootArguments(tree: GuestTree): LeftoverSpec[] {
  const wanted: readonly (readonly [readonly string[], RegExp])[] = [
    [argumentSources(tree), /^(?!\s*#)/],
    [blsFiles(tree), /^\s*options\s/],
    [grubenvFiles(tree), /^kernelopts=/],
    [grubConfigFiles(tree), kernelLine],
    [uniqueFiles(tree, legacyFiles), /^\s*kernel\s/],
    [uniqueFiles(tree, extlinuxFiles), /^\s*append\s/i],
  ];
  return wanted.flatMap(([paths, line]) =>
    paths.flatMap((path) =>
      splitLines(tree.text(path) ?? '')
        .filter(({ text }) => line.test(text))
        .flatMap(({ text }) => volatileArguments(text).map((argument) => ({ path, spec: argument.device }))),
    ),
  );
}
