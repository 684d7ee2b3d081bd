import { join } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { MadeOf } from '../../model/index.js';
import type { DescribeContext } from './context.js';

type Spoken = Exclude<MadeOf, { readonly kind: 'by-name' }>;

const DESCRIPTORS = ['ova', 'ovf', 'vmx'] as const;
const IMAGES = ['vmdk', 'qcow2', 'vhdx', 'vhd', 'vdi'];
const BUNDLES = ['tar', 'tar.gz', 'tgz', 'tar.xz', 'txz', 'tar.bz2', 'tbz2', 'tar.zst'];
const RAW = ['raw', 'img'];

/**
 * What a machine is made of when the playbook does not say: the descriptor named after it, else the one image, else the
 * one bundle, in the source's folder or in one named after the machine. Throws `source.missing`, `source.ambiguous`.
 */
export async function findByName(ctx: DescribeContext, system: string | undefined): Promise<Spoken> {
  const { name } = ctx.vm;
  const places = [name, join(name, name)];
  const existing = async (suffixes: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for (const suffix of suffixes) {
      for (const place of places) {
        const file = `${place}.${suffix}`;
        if ((await ctx.host.files.stat(join(ctx.folder, file)))?.kind === 'file') found.push(file);
      }
    }
    return found;
  };
  const only = (files: readonly string[]): string | undefined => {
    if (files.length <= 1) return files[0];
    throw new DroverError({
      code: 'source.ambiguous',
      message: `${ctx.folder} holds several files named after ${name}: ${files.join(', ')}`,
      details: { files },
    });
  };
  const more = system === undefined ? {} : { system };
  const descriptor = only(await existing(DESCRIPTORS));
  const kind = DESCRIPTORS.find((suffix) => descriptor?.endsWith(`.${suffix}`) === true);
  if (descriptor !== undefined && kind !== undefined) return { kind, file: descriptor, ...more };
  const image = only(await existing(IMAGES));
  if (image !== undefined) return { kind: 'disks', disks: [{ file: image }] };
  const bundle = only(await existing(BUNDLES));
  if (bundle !== undefined) return { kind: 'bundle', file: bundle };
  const [raw] = await existing(RAW);
  throw new DroverError({
    code: 'source.missing',
    message: `${ctx.folder} holds no file named after ${name} (looked for ${[...DESCRIPTORS, ...IMAGES, ...BUNDLES].join(', ')})`,
    hint:
      raw === undefined
        ? 'Say what the machine is made of with `disks`, `ova`, `ovf`, `vmx` or `bundle`.'
        : `There is ${raw}. If it is a raw image, say so: \`disks: [{ file: ${raw}, format: raw }]\`.`,
    details: { folder: ctx.folder, name },
  });
}
