/** udev rules that name interfaces: keep what says which address, drop what says which slot or driver. */
import type { FixContext, StepNotes } from '../fixers/types.js';
import { commentOut } from '../text/lines.js';
import { isOldDriver } from './hardware.js';
import { normalizeMac } from './mac.js';
import { nicNamed } from './nics.js';
import type { KnownNics } from './nics.js';
import { udevRuleDir } from './pins.js';
import { parseUdevRules, ruleValue, withoutToken } from './udev-rules.js';
import type { UdevRule, UdevToken } from './udev-rules.js';

const cdRules = `${udevRuleDir}/70-persistent-cd.rules`;

export function fixUdevRules(ctx: FixContext, nics: KnownNics, notes: StepNotes): void {
  if (ctx.tree.lstat(cdRules) !== undefined) {
    ctx.tree.remove(cdRules);
    notes.notes.push(`${cdRules} numbered the old machine's CD drives and was removed`);
  }
  for (const name of ctx.tree.list(udevRuleDir)) {
    const path = `${udevRuleDir}/${name}`;
    if (!name.endsWith('.rules')) continue;
    const content = ctx.tree.text(path);
    if (content === undefined) continue;
    const edited = parseUdevRules(content).map((rule) => fixRule(rule, path, nics, notes) + rule.eol);
    ctx.tree.write(path, edited.join(''));
  }
}

function fixRule(rule: UdevRule, path: string, nics: KnownNics, notes: StepNotes): string {
  const name = ruleValue(rule, 'NAME');
  if (name === undefined || !isNetRule(rule)) return rule.text;
  const mac = normalizeMac(ruleValue(rule, 'ATTR', 'address') ?? ruleValue(rule, 'SYSFS', 'address') ?? '');
  if (mac !== undefined && nics.strips) {
    notes.notes.push(`${path}: the rule that pins ${name} to ${mac} was commented out`);
    return commentRule(rule);
  }
  if (mac !== undefined && nics.allMacsKnown && !nics.macs.includes(mac)) {
    notes.notes.push(`${path}: no adapter has the address ${mac} any more; its rule was commented out`);
    return commentRule(rule);
  }
  const hardware = rule.tokens.filter((token) => isHardwareCondition(token, nics));
  const first = hardware[0];
  if (first === undefined) return rule.text;
  if (mac !== undefined) {
    notes.notes.push(`${path}: the rule for ${name} no longer asks for the old machine's slot or driver`);
    return dropTokens(rule, hardware);
  }
  const known = nics.strips ? undefined : normalizeMac(nicNamed(nics, name)?.mac ?? '');
  if (known === undefined) {
    // With pins stripped the name comes from elsewhere, and a rule without conditions would take every adapter.
    notes[nics.strips ? 'notes' : 'warnings'].push(
      `${path}: the rule for ${name} asks for hardware that is gone; it was commented out`,
    );
    return commentRule(rule);
  }
  notes.notes.push(`${path}: the rule for ${name} now asks for the address ${known}`);
  const pinned = `${rule.text.slice(0, first.start)}ATTR{address}=="${known}"${rule.text.slice(first.end)}`;
  const again = parseUdevRules(pinned)[0];
  if (again === undefined) return rule.text;
  return dropTokens(
    again,
    again.tokens.filter((token) => isHardwareCondition(token, nics)),
  );
}

function isNetRule(rule: UdevRule): boolean {
  return rule.tokens.some((token) => token.key === 'SUBSYSTEM' && token.value === 'net');
}

function isHardwareCondition(token: UdevToken, nics: KnownNics): boolean {
  if (token.operator !== '==') return false;
  switch (token.key) {
    case 'KERNELS':
    case 'ID':
      return /^(\*?pci|[0-9a-f]{4}:[0-9a-f]{2}:|\*:[0-9a-f]{2}:|vmbus|vif-)/i.test(token.value);
    case 'DRIVERS':
    case 'DRIVER':
      return token.value.split('|').every((pattern) => isOldDriver(pattern, nics.drivers));
    case 'ENV':
      return /^(ID_PATH|ID_PATH_TAG|ID_NET_NAME_PATH|ID_NET_NAME_SLOT|ID_NET_DRIVER|ID_VENDOR_ID|ID_MODEL_ID)$/.test(
        token.attribute ?? '',
      );
    case 'ATTRS':
      return /^(vendor|device|subsystem_vendor|subsystem_device|class)$/.test(token.attribute ?? '');
    default:
      return false;
  }
}

/** From the last to the first, so that the places of the others stay true. */
function dropTokens(rule: UdevRule, tokens: readonly UdevToken[]): string {
  let text = rule.text;
  for (const token of [...tokens].sort((a, b) => b.start - a.start)) text = withoutToken({ ...rule, text }, token);
  return text;
}

/** Every line of a continued rule. */
function commentRule(rule: UdevRule): string {
  return rule.text
    .split('\n')
    .map((line) => commentOut(line))
    .join('\n');
}
