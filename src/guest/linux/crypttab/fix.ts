/** /etc/crypttab: devices by the UUID of their LUKS header, or by partition for what has no header. */
import { chooseIdentifier, classifySpec, explainSpec, replaceField } from '../fstab/index.js';
import { resolveContext, rootDevice } from '../fstab/fix.js';
import { stepNotes } from '../fixers/types.js';
import type { FixContext, Fixer, StepNotes } from '../fixers/types.js';
import { shown } from '../text/display.js';
import { joinLines } from '../text/lines.js';
import { isUnlockedEarly, parseCrypttab } from './parse.js';
import type { CrypttabLine } from './parse.js';

const path = '/etc/crypttab';

/** Step `crypttab`. Names of mappings never change: fstab and the kernel command line use them. */
export const crypttabFixer: Fixer = {
  id: 'crypttab',
  warningCode: 'guest.crypttab',
  run(ctx) {
    const notes = stepNotes();
    const content = ctx.tree.text(path);
    if (content !== undefined) ctx.tree.write(path, fixCrypttab(content, ctx, notes));
    return notes;
  },
};

/** Rewrites the lines whose devices would not be found again. */
function fixCrypttab(content: string, ctx: FixContext, notes: StepNotes): string {
  return joinLines(parseCrypttab(content).map((line) => ({ ...line, text: fixLine(line, ctx, notes) })));
}

function fixLine(line: CrypttabLine, ctx: FixContext, notes: StepNotes): string {
  if (line.entry === undefined) return line.text;
  const { name, device, key, options } = line.entry;
  const where = `${path}:${line.number}`;
  const keyDevice = /^(?:.*:)?(\/dev\/(?:disk\/|sd|hd|vd|xvd|nvme)[^:\s]*)/.exec(key)?.[1];
  if (keyDevice !== undefined && classifySpec(keyDevice) === 'volatile') {
    notes.warnings.push(`${where}: the key of ${shown(name)} lies on ${shown(keyDevice)}, a name that changes`);
  }
  if (classifySpec(device) !== 'volatile') return line.text;
  const isPlain = isHeaderless(key, options);
  const fsType = isPlain ? undefined : 'crypto_LUKS';
  const found = explainSpec(device, { ...resolveContext(ctx), ...(fsType === undefined ? {} : { fsType }) });
  // Without a header nothing on the device says what it is, and a wrong one would be overwritten: only the partition counts.
  const prefer = isPlain ? (['PARTUUID'] as const) : (['UUID', 'PARTUUID'] as const);
  const token =
    found === undefined ? undefined : chooseIdentifier(found.device, ctx.inspection.block, { prefer })?.token;
  if (token === undefined) return unresolved(line, where, isPlain, ctx, notes);
  notes.mapped.push({ from: shown(device), to: token, where });
  const isRoot = found !== undefined && carriesRoot(found.device, ctx);
  if (isUnlockedEarly(options) || isRoot) {
    ctx.state.rebuildReasons.push({
      why: `it unlocks ${shown(name)} by the old name of its device`,
      copies: ['etc/crypttab', 'cryptroot/crypttab', 'conf/conf.d/cryptroot'],
      critical: isRoot,
    });
  }
  return replaceField(line, 1, token);
}

/** Plain dm-crypt and swap under a random key. */
function isHeaderless(key: string, options: string): boolean {
  const names = options.split(',').map((option) => option.split('=')[0]);
  return names.includes('plain') || names.includes('swap') || names.includes('tmp') || /^\/dev\/u?random$/.test(key);
}

function unresolved(line: CrypttabLine, where: string, isPlain: boolean, ctx: FixContext, notes: StepNotes): string {
  const { device = '', key = 'none', options = '' } = line.entry ?? {};
  ctx.state.toleratedSpecs.push(device);
  const present = options.split(',').filter((option) => option !== '');
  const wanted = isPlain ? 'noauto' : 'nofail';
  if (present.includes('noauto') || present.includes(wanted)) {
    notes.warnings.push(`${where}: ${shown(device)} names no device of this machine`);
    return line.text;
  }
  notes.warnings.push(`${where}: ${shown(device)} names no device of this machine; it is not waited for (${wanted})`);
  if (line.fields[3] !== undefined) return replaceField(line, 3, [...present, wanted].join(','));
  const end = line.fields.at(-1)?.end ?? line.text.length;
  const missing = line.fields[2] === undefined ? ` ${key}` : '';
  return `${line.text.slice(0, end)}${missing} ${wanted}${line.text.slice(end)}`;
}

function carriesRoot(device: string, ctx: FixContext): boolean {
  const seen = new Set<string>();
  const queue = [rootDevice(ctx)?.device];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (name === device) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    queue.push(...(ctx.inspection.block.find((each) => each.device === name)?.parents ?? []));
  }
  return false;
}
