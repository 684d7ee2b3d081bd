/** Machines in a folder of this computer. See `readme.md`. */
import type { Diagnostic } from '../../lib/diagnostic.js';
import { DroverError } from '../../lib/error.js';
import { assertNever } from '../../lib/error.js';
import type { Host } from '../../host/index.js';
import type { LoadedSource, LoadedVm, MadeOf, VmDescription } from '../../model/index.js';
import { describeBundle } from './bundle-machine.js';
import { findByName } from './by-name.js';
import { attempt } from './context.js';
import type { DescribeContext } from './context.js';
import { describeDisks, noteTwins } from './disks.js';
import type { Described } from './disks.js';
import { describeOva } from './ova-machine.js';
import { describeOvf } from './ovf-folder.js';
import { describeVmx } from './vmx-machine.js';

export interface DescribeResult {
  /** Absent when an error makes the machine unusable. */
  readonly description?: VmDescription;
  readonly diagnostics: readonly Diagnostic[];
}

export interface LocalSource {
  readonly kind: 'local';
  /**
   * What a machine is, from its descriptor, headers and names alone. Changes nothing, unpacks nothing, and reports every
   * problem that it finds instead of throwing; what it throws is a bug or a cancellation.
   */
  describe(vm: LoadedVm, options?: { readonly signal?: AbortSignal }): Promise<DescribeResult>;
}

type Spoken = Exclude<MadeOf, { readonly kind: 'by-name' }>;

function describeKind(ctx: DescribeContext, made: Spoken): Promise<Described | undefined> {
  switch (made.kind) {
    case 'disks':
      return describeDisks(ctx, made.disks);
    case 'vmx':
      return describeVmx(ctx, made.file);
    case 'ovf':
      return describeOvf(ctx, made.file, made.system);
    case 'ova':
      return describeOva(ctx, made.file, made.system);
    case 'bundle':
      return describeBundle(ctx, made.file);
    default:
      return assertNever(made);
  }
}

/** Real paths of the folders that may be read; an allowed folder that is not there allows nothing. */
async function realFolders(host: Host, source: LoadedSource): Promise<{ folder: string; allowDirs: string[] }> {
  const facts = await host.files.stat(source.dir);
  if (facts?.kind !== 'directory') {
    throw new DroverError({
      code: 'source.missing',
      message: `the folder ${source.dir} of source ${source.name} ${facts === undefined ? 'is not there' : 'is no folder'}`,
      hint: 'Correct `dir` of the source; it is relative to the file that it stands in.',
      details: { path: source.dir },
    });
  }
  const allowDirs: string[] = [];
  for (const dir of source.allowDirs) {
    if (await host.files.exists(dir)) allowDirs.push(await host.files.realpath(dir));
  }
  return { folder: await host.files.realpath(source.dir), allowDirs };
}

/** A source of type `local`. */
export function createLocalSource(host: Host, source: LoadedSource): LocalSource {
  return {
    kind: 'local',
    async describe(vm, options = {}) {
      const diagnostics: Diagnostic[] = [];
      const base = { host, source, vm, diagnostics, warnings: [], signal: options.signal };
      const start: DescribeContext = { ...base, folder: source.dir, policy: { allowDirs: [] } };
      const folders = await attempt(start, () => realFolders(host, source), vm.at.source);
      if (folders === undefined) return { diagnostics };
      const ctx: DescribeContext = { ...start, folder: folders.folder, policy: { allowDirs: folders.allowDirs } };
      const { madeOf } = vm;
      const made = madeOf.kind === 'by-name' ? await attempt(ctx, () => findByName(ctx, madeOf.system)) : madeOf;
      if (made === undefined) return { diagnostics };
      const found = await describeKind(ctx, made);
      if (found === undefined || diagnostics.some((d) => d.severity === 'error')) return { diagnostics };
      noteTwins(ctx, found.disks);
      const { originPath, ...facts } = found;
      const description: VmDescription = {
        name: vm.name,
        vmKey: `${source.name}:${facts.uuid ?? vm.name}`,
        origin: { kind: made.kind, path: originPath },
        ...facts,
        warnings: ctx.warnings,
      };
      return { description, diagnostics };
    },
  };
}
