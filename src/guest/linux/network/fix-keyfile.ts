/** NetworkManager keyfiles: conditions on hardware go, everything else stays. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { iniValue, parseIni } from '../text/ini.js';
import type { IniLine } from '../text/ini.js';
import { isOldDriver } from './hardware.js';
import { ethernetSections, keyfiles } from './keyfile.js';
import { normalizeMac } from './mac.js';
import { safeName } from './nics.js';
import type { KnownNics } from './nics.js';

export function fixKeyfiles(ctx: FixContext, nics: KnownNics, notes: StepNotes): void {
  for (const path of keyfiles(ctx.tree)) {
    const content = ctx.tree.text(path);
    if (content?.includes('[connection]') !== true) continue;
    const edited = fixKeyfile(content, path, nics, notes);
    // NetworkManager ignores keyfiles that others may read.
    if (edited !== content) ctx.tree.write(path, edited, 0o600);
  }
}

function fixKeyfile(content: string, path: string, nics: KnownNics, notes: StepNotes): string {
  const lines = parseIni(content);
  const dropped = lines.filter((line) => isHardware(line, nics) || (nics.strips && isMacPin(line)));
  if (dropped.length === 0) return content;
  const rest = lines.filter((line) => !dropped.includes(line));
  const isSpecific =
    iniValue(rest, 'connection', 'interface-name') !== undefined ||
    iniValue(rest, 'match', 'interface-name') !== undefined ||
    ethernetSections.some((section) => iniValue(rest, section, 'mac-address') !== undefined);
  const name = isSpecific ? undefined : nameFor(lines, nics);
  if (!isSpecific && name === undefined) {
    notes.warnings.push(`${path}: it matches hardware that is gone, and which adapter it is for is not known`);
    return content;
  }
  notes.notes.push(`${path}: it no longer asks for ${nics.strips ? 'an address or ' : ''}hardware of the old machine`);
  const anchor = rest.findLast(
    (line) => line.section === 'connection' && (line.kind === 'section' || line.key === 'type'),
  );
  return rest
    .map((line) => {
      const added = line === anchor && name !== undefined ? `interface-name=${name}${line.eol || '\n'}` : '';
      return line.text + (added !== '' && line.eol === '' ? '\n' : line.eol) + added;
    })
    .join('');
}

/** Which adapter a profile without name or address is for: the only one. */
function nameFor(lines: readonly IniLine[], nics: KnownNics): string | undefined {
  const mac = ethernetSections
    .map((section) => normalizeMac(iniValue(lines, section, 'mac-address') ?? ''))
    .find(Boolean);
  return safeName(nics.all.find((nic) => mac !== undefined && nic.mac === mac) ?? nics.only);
}

function isHardware(line: IniLine, nics: KnownNics): boolean {
  if (line.kind !== 'pair' || line.section !== 'match') return false;
  const words = line.value.split(/[;,\s]+/).filter((word) => word !== '');
  if (words.length === 0) return false;
  if (line.key === 'path') return words.every((word) => /^[|&!]*(\*?pci-|acpi-|vmbus)/i.test(word));
  return line.key === 'driver' && words.every((word) => isOldDriver(word.replace(/^[|&!]+/, ''), nics.drivers));
}

function isMacPin(line: IniLine): boolean {
  const keys = ['mac-address', 'cloned-mac-address', 'mac-address-blacklist'];
  return (
    line.kind === 'pair' && (ethernetSections as readonly string[]).includes(line.section) && keys.includes(line.key)
  );
}
