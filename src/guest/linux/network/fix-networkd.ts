/** [Match] sections of systemd-networkd and .link files. An emptied one would match every interface: never produced. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { iniValue, parseIni } from '../text/ini.js';
import type { IniLine } from '../text/ini.js';
import { isOldDriver } from './hardware.js';
import { normalizeMac } from './mac.js';
import { linkPath } from './naming.js';
import { networkdFiles } from './networkd.js';
import { nicNamed, safeName } from './nics.js';
import type { KnownNics } from './nics.js';

export function fixNetworkd(ctx: FixContext, nics: KnownNics, notes: StepNotes): void {
  const own = new Set(nics.all.flatMap((nic) => safeName(nic) ?? []).map(linkPath));
  for (const suffix of ['.link', '.network'] as const) {
    for (const path of networkdFiles(ctx.tree, suffix)) {
      const content = ctx.tree.text(path);
      if (content === undefined || own.has(path)) continue;
      if (suffix === '.link' && nics.strips && isMacLink(content)) {
        ctx.tree.remove(path);
        notes.notes.push(`${path} pinned a name to an address and was removed`);
        continue;
      }
      ctx.tree.write(path, fixMatch(content, path, ctx, nics, notes));
    }
  }
}

function isMacLink(content: string): boolean {
  const lines = parseIni(content);
  return ['MACAddress', 'PermanentMACAddress'].some((key) => iniValue(lines, 'Match', key) !== undefined);
}

const macKeys = new Set(['MACAddress', 'PermanentMACAddress']);
/** What identifies an interface; conditions on the machine do not, and a type fits every adapter. */
const strongKeys = new Set(['MACAddress', 'PermanentMACAddress', 'Name', 'OriginalName', 'Property', 'SSID', 'BSSID']);

function fixMatch(content: string, path: string, ctx: FixContext, nics: KnownNics, notes: StepNotes): string {
  const lines = parseIni(content);
  const match = lines.filter((line) => line.kind === 'pair' && line.section === 'Match' && !line.isContinued);
  const dropped = match.filter((line) => isHardware(line, nics) || (nics.strips && macKeys.has(line.key)));
  const first = dropped[0];
  if (first === undefined) return content;
  const rest = match.filter((line) => !dropped.includes(line));
  const isSpecific =
    rest.some((line) => strongKeys.has(line.key)) ||
    (nics.only !== undefined && rest.some((line) => line.key === 'Type'));
  // A condition on the hypervisor says nothing about the adapter: it goes without a replacement.
  const needsMatcher = !isSpecific && dropped.some((line) => line.key !== 'Virtualization');
  const replacement = needsMatcher ? matcherFor(lines, path, ctx, nics) : undefined;
  if (needsMatcher && replacement === undefined) {
    notes.warnings.push(`${path}: it matches hardware that is gone, and which adapter it is for is not known`);
    return content;
  }
  notes.notes.push(`${path}: it no longer asks for hardware of the old machine`);
  return lines
    .flatMap((line) => {
      if (!dropped.includes(line)) return [line.text + line.eol];
      return line === first && replacement !== undefined ? [replacement + line.eol] : [];
    })
    .join('');
}

function isHardware(line: IniLine, nics: KnownNics): boolean {
  const words = line.value.split(/\s+/).filter((word) => word !== '');
  switch (line.key) {
    case 'Path':
      return words.length > 0 && words.every((word) => /^!?(\*?pci-|acpi-|vmbus|platform-)/i.test(word));
    case 'Driver':
      return words.length > 0 && words.every((word) => isOldDriver(word, nics.drivers));
    case 'Property':
      return (
        words.length > 0 &&
        words.every((word) => /^"?(ID_PATH|ID_NET_NAME_\w+|ID_NET_DRIVER|ID_VENDOR_ID|ID_MODEL_ID)=/.test(word))
      );
    case 'Virtualization':
      return /^(vmware|microsoft|oracle|xen|parallels)$/.test(line.value);
    default:
      return false;
  }
}

/** The line that stands for the adapter a file was written for. */
function matcherFor(lines: readonly IniLine[], path: string, ctx: FixContext, nics: KnownNics): string | undefined {
  const nic = path.endsWith('.link') ? nicNamed(nics, iniValue(lines, 'Link', 'Name')) : nics.only;
  const name = safeName(nic);
  if (nics.strips) return path.endsWith('.network') && name !== undefined ? `Name=${name}` : undefined;
  const mac = normalizeMac(nic?.mac ?? '');
  if (mac === undefined) return undefined;
  return `${(ctx.inspection.systemdVersion ?? 0) >= 245 ? 'PermanentMACAddress' : 'MACAddress'}=${mac}`;
}
