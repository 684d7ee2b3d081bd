/** Every file that holds kernel arguments: the sources from which configurations are generated, and the generated ones. */
import type { FixContext, Fixer, StepNotes } from '../fixers/types.js';
import { stepNotes } from '../fixers/types.js';
import { shown } from '../text/display.js';
import { mapLines, splitLines } from '../text/lines.js';
import { argumentSources } from './facts.js';
import { rootArgument, stabilizeArguments, volatileArguments, withSerialConsole } from './arguments.js';
import type { DeviceArgument } from './arguments.js';
import { blsFiles } from './bls.js';
import { extlinuxFiles, grubConfigFiles, grubenvFiles, legacyFiles, readBootEntries, uniqueFiles } from './entries.js';
import { kernelLine, parseGrubConfig } from './grub-cfg.js';
import { grubenvValue, parseGrubenv, withGrubenvValue } from './grubenv.js';

/** Step `bootloader`. A missing `root=` is never added: several layouts legitimately have none. */
export const bootloaderFixer: Fixer = {
  id: 'bootloader',
  warningCode: 'guest.boot-config',
  run(ctx) {
    const notes = stepNotes();
    const editor = argumentEditor(ctx, notes);
    const hadVolatileRoot = generatedRootIsVolatile(ctx);
    for (const path of argumentSources(ctx.tree)) fixSource(path, ctx, editor, hadVolatileRoot);
    for (const path of blsFiles(ctx.tree)) fixBlsEntry(path, ctx, editor);
    for (const path of grubenvFiles(ctx.tree)) fixGrubenv(path, ctx, editor, notes);
    for (const path of grubConfigFiles(ctx.tree)) fixGrubConfig(path, ctx, editor, notes);
    for (const path of uniqueFiles(ctx.tree, legacyFiles)) fixLines(path, /^\s*kernel\s/, ctx, editor);
    for (const path of uniqueFiles(ctx.tree, extlinuxFiles)) fixLines(path, /^\s*append\s/i, ctx, editor);
    reportLilo(ctx, notes);
    for (const path of ['/boot/grub/device.map', '/boot/grub2/device.map', '/etc/device.map']) {
      if (ctx.tree.lstat(path) === undefined) continue;
      ctx.tree.remove(path);
      notes.notes.push(`${path} named disks of the old machine and was removed`);
    }
    reportLeft(editor.unresolved, ctx, notes);
    return notes;
  },
};

interface ArgumentEditor {
  /** Edits kernel arguments. `boots` says that the text is what a kernel gets, so that a console may be added. */
  edit(args: string, where: string, boots: boolean): string;
  readonly unresolved: { readonly where: string; readonly argument: DeviceArgument }[];
}

function argumentEditor(ctx: FixContext, notes: StepNotes): ArgumentEditor {
  const unresolved: { where: string; argument: DeviceArgument }[] = [];
  return {
    unresolved,
    edit(args, where, boots) {
      const edited = stabilizeArguments(args, where, ctx, notes);
      unresolved.push(...edited.unresolved.map((argument) => ({ where, argument })));
      return boots && ctx.settings.fix.boot.serialConsole ? withSerialConsole(edited.text) : edited.text;
    },
  };
}

function generatedRootIsVolatile(ctx: FixContext): boolean {
  return grubConfigFiles(ctx.tree).some((path) =>
    splitLines(ctx.tree.text(path) ?? '').some(
      ({ text }) => kernelLine.test(text) && volatileArguments(text).some((argument) => argument.key === 'root'),
    ),
  );
}

/** Files of assignments, and files that are nothing but arguments. */
function fixSource(path: string, ctx: FixContext, editor: ArgumentEditor, hadVolatileRoot: boolean): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  if (/^\/etc\/(kernel\/cmdline|cmdline|cmdline\.d\/)/.test(path)) {
    const boots = path === '/etc/kernel/cmdline';
    const edited = mapLines(content, (line) =>
      /^\s*(#|$)/.test(line.text) ? line.text : editor.edit(line.text, `${path}:${line.number}`, boots),
    );
    ctx.tree.write(path, edited);
    return;
  }
  ctx.tree.write(path, fixAssignments(path, content, editor, hadVolatileRoot));
}

/** Names of variables that hold kernel arguments. */
const argumentVariable = /^\s*(?:export\s+)?(GRUB_CMDLINE_\w+|kernel_cmdline|\w*APPEND\w*)\+?=/;
const turnedOff = /^(\s*(?:export\s+)?GRUB_DISABLE_LINUX_(?:PART)?UUID=)(["']?)true\2(\s*(?:#.*)?)$/;

function fixAssignments(path: string, content: string, editor: ArgumentEditor, hadVolatileRoot: boolean): string {
  let openQuote = '';
  return mapLines(content, (line) => {
    const where = `${path}:${line.number}`;
    if (openQuote === '') {
      const off = turnedOff.exec(line.text);
      // With UUIDs switched off the next generated entry would name the device again.
      if (off !== null && hadVolatileRoot) return `${off[1]}${off[2]}false${off[3]}`;
      const assignment = argumentVariable.exec(line.text);
      if (assignment === null) return line.text;
      const start = assignment[0].length;
      const rest = line.text.slice(start);
      const quote = rest[0] === '"' || rest[0] === "'" ? rest[0] : '';
      const isMain = /GRUB_CMDLINE_LINUX$/.test(assignment[1] ?? '');
      if (quote === '') return line.text.slice(0, start) + editor.edit(rest, where, false);
      const end = closingQuote(rest, quote, 1);
      if (end === -1) openQuote = quote;
      const value = rest.slice(1, end === -1 ? undefined : end);
      const edited = editor.edit(value, where, isMain && end !== -1);
      return `${line.text.slice(0, start)}${quote}${edited}${end === -1 ? '' : rest.slice(end)}`;
    }
    const end = closingQuote(line.text, openQuote, 0);
    if (end !== -1) openQuote = '';
    const value = end === -1 ? line.text : line.text.slice(0, end);
    return editor.edit(value, where, false) + (end === -1 ? '' : line.text.slice(end));
  });
}

function closingQuote(text: string, quote: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\' && quote === '"') at += 1;
    else if (text[at] === quote) return at;
  }
  return -1;
}

function fixBlsEntry(path: string, ctx: FixContext, editor: ArgumentEditor): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  const isRescue = /-0-rescue/.test(path);
  const edited = mapLines(content, (line) => {
    const options = /^(\s*options\s+)(.*)$/.exec(line.text);
    if (options?.[2] === undefined) return line.text;
    // With `$kernelopts` the arguments stand in the environment block, and that is where a console goes.
    const boots = !isRescue && !options[2].includes('$kernelopts');
    return `${options[1]}${editor.edit(options[2], `${path}:${line.number}`, boots)}`;
  });
  ctx.tree.write(path, edited);
}

function fixGrubenv(path: string, ctx: FixContext, editor: ArgumentEditor, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  const value = content === undefined ? undefined : grubenvValue(parseGrubenv(content), 'kernelopts');
  if (content === undefined || value === undefined) return;
  const edited = editor.edit(value, path, true);
  if (edited === value) return;
  const block = withGrubenvValue(content, 'kernelopts', edited);
  if (block !== undefined) ctx.tree.write(path, block);
  else
    notes.warnings.push(
      `${path}: the new kernel arguments do not fit into 1024 bytes; shorten kernelopts in the guest`,
    );
}

function fixGrubConfig(path: string, ctx: FixContext, editor: ArgumentEditor, notes: StepNotes): void {
  const content = ctx.tree.text(path);
  if (content === undefined || parseGrubConfig(content).isStub) return;
  const edited = mapLines(content, (line) => {
    const where = `${path}:${line.number}`;
    if (kernelLine.test(line.text))
      return editor.edit(line.text, where, /^\s*linux/.test(line.text) && !/memtest/.test(line.text));
    const variable = /^(\s*set\s+(?:default_)?kernelopts=)(["']?)(.*?)(\2\s*)$/.exec(line.text);
    if (variable === null) return line.text;
    return `${variable[1]}${variable[2]}${editor.edit(variable[3] ?? '', where, true)}${variable[4]}`;
  });
  ctx.tree.write(path, edited);
  if (/^\s*set\s+root=['"]?\(?hd[1-9]/m.test(content) && !/^\s*search\s/m.test(content)) {
    notes.warnings.push(`${path}: GRUB looks for its files on a numbered disk other than the first one`);
  }
}

function fixLines(path: string, wanted: RegExp, ctx: FixContext, editor: ArgumentEditor): void {
  const content = ctx.tree.text(path);
  if (content === undefined) return;
  const edited = mapLines(content, (line) =>
    wanted.test(line.text) ? editor.edit(line.text, `${path}:${line.number}`, true) : line.text,
  );
  ctx.tree.write(path, edited);
}

function reportLilo(ctx: FixContext, notes: StepNotes): void {
  if (
    ctx.tree.stat('/etc/lilo.conf') !== undefined &&
    ctx.inspection.bootloader.kinds.every((kind) => kind === 'none')
  ) {
    notes.warnings.push('/etc/lilo.conf: LILO records where its files lie on the disk; it was left alone');
  }
}

function reportLeft(left: ArgumentEditor['unresolved'], ctx: FixContext, notes: StepNotes): void {
  for (const { where, argument } of left) {
    ctx.state.toleratedSpecs.push(argument.device);
    notes.warnings.push(`${where}: ${argument.key}=${shown(argument.device)} names no device of this machine`);
  }
  const chosen = readBootEntries(ctx.tree).find((entry) => entry.isDefault);
  if (chosen !== undefined && rootArgument(chosen.cmdline) === undefined) {
    notes.notes.push(`${chosen.path}: the default entry names no root device; the initramfs finds it`);
  }
}
