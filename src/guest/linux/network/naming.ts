/** Old interface names on new hardware: one .link file per adapter, or a udev rule where .link files are not known. */
import type { NicPlan } from '../../../model/fix.js';
import type { FixContext, StepNotes } from '../fixers/types.js';
import { appendLine } from '../text/lines.js';
import { driverOf } from './hardware.js';
import { normalizeMac } from './mac.js';
import { safeName } from './nics.js';
import type { KnownNics } from './nics.js';
import { readPins } from './pins.js';

const ruleFile = '/etc/udev/rules.d/70-persistent-net.rules';
const managed = '# Managed by Drover';

/** Path of the .link file that keeps an interface's name. */
export function linkPath(ifname: string): string {
  return `/etc/systemd/network/10-drover-${ifname}.link`;
}

/** Writes what is needed so that every adapter keeps its name. */
export function pinNames(ctx: FixContext, nics: KnownNics, notes: StepNotes): void {
  if (ctx.settings.network.naming === 'off') return;
  const written = new Set<string>();
  for (const nic of nics.all) {
    if (nic.naming === 'unknown') {
      notes.warnings.push(`adapter ${nic.index}: its interface name in the guest is not known; nothing was pinned`);
    }
    const name = safeName(nic);
    const mac = normalizeMac(nic.mac ?? '');
    if (name === undefined || (mac === undefined && !nics.strips)) continue;
    checkAgreement(ctx, name, mac, notes);
    if (nic.naming !== 'pin' && !nics.strips) continue;
    if (!nics.strips && mac !== undefined && isPinned(ctx, name, mac)) continue;
    if (written.has(name)) {
      notes.warnings.push(`adapter ${nic.index}: ${name} is the name of another adapter already; nothing was pinned`);
      continue;
    }
    written.add(name);
    if (nic.nameSource === 'order') {
      notes.warnings.push(`adapter ${nic.index}: that its name is ${name} was concluded from the order of adapters`);
    }
    writePin(ctx, nic, name, nics.strips ? undefined : mac, notes);
  }
}

/** A pin of someone else that says the same; ours is compared by content when it is written. */
function isPinned(ctx: FixContext, name: string, mac: string): boolean {
  return readPins(ctx.tree).some((pin) => pin.name === name && pin.mac === mac && pin.path !== linkPath(name));
}

function checkAgreement(ctx: FixContext, name: string, mac: string | undefined, notes: StepNotes): void {
  for (const pin of readPins(ctx.tree)) {
    if (pin.mac === mac && pin.name !== name) {
      notes.warnings.push(`${pin.path} calls the adapter ${mac} ${pin.name}, but the configuration is for ${name}`);
    }
  }
}

function writePin(ctx: FixContext, nic: NicPlan, name: string, mac: string | undefined, notes: StepNotes): void {
  const version = ctx.inspection.systemdVersion;
  const how = mac === undefined ? `driver ${driverOf(nic.model)}` : mac;
  if (ctx.inspection.init === 'systemd' && (version === undefined || version >= 209)) {
    ctx.tree.write(linkPath(name), linkFile(nic, name, mac, version), 0o644);
    notes.notes.push(`${name} is pinned to ${how} by ${linkPath(name)}`);
    return;
  }
  const match = mac === undefined ? 'KERNEL=="eth*"' : `ATTR{address}=="${mac}"`;
  const rule = `SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ${match}, NAME="${name}"`;
  const content = ctx.tree.text(ruleFile);
  if (content?.split('\n').includes(rule) === true) return;
  ctx.tree.write(ruleFile, appendLine(content ?? `${managed}\n`, rule), content === undefined ? 0o644 : undefined);
  notes.notes.push(`${name} is pinned to ${how} by ${ruleFile}`);
}

function linkFile(nic: NicPlan, name: string, mac: string | undefined, version: number | undefined): string {
  const match =
    mac === undefined
      ? [`Driver=${driverOf(nic.model)}`]
      : version !== undefined && version >= 245
        ? [`PermanentMACAddress=${mac}`]
        : // Bonds and bridges borrow the address of their first member, but they are no plain ethernet devices.
          [`MACAddress=${mac}`, 'Type=ether'];
  return [managed, '[Match]', ...match, '', '[Link]', `Name=${name}`, ''].join('\n');
}
