import { basename, join, relative, resolve } from 'node:path';
import { DroverError } from '../../lib/error.js';
import { detectKind, formatOf } from '../../sources/index.js';
import type { Cli } from '../context.js';
import { Exit } from '../exit-codes.js';

type Files = Cli['host']['files'];

const KINDS: Readonly<Record<string, string>> = {
  '.ova': 'ova',
  '.ovf': 'ovf',
  '.vmx': 'vmx',
  '.vmdk': 'disks',
  '.qcow2': 'disks',
  '.vhd': 'disks',
  '.vhdx': 'disks',
  '.vdi': 'disks',
  '.raw': 'raw',
  '.img': 'raw',
};

function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 63) || 'migration'
  );
}

/** Whether a file called like a raw image is one: images of cloud vendors are often qcow2. */
async function isRawImage(files: Files, path: string): Promise<boolean> {
  if ((await files.stat(path))?.kind !== 'file') return true;
  await using file = await files.open(path);
  return formatOf(await detectKind(file)) === undefined;
}

/** Key and value of an entry that name its image. */
async function imageOf(files: Files, dir: string, file: string, kind: string): Promise<string> {
  const text = JSON.stringify(file);
  if (kind !== 'disks' && kind !== 'raw') return `${kind}: ${text}`;
  const isRaw = kind === 'raw' && (await isRawImage(files, join(dir, file)));
  return isRaw ? `disks: [{ file: ${text}, format: raw }]` : `disks: [${text}]`;
}

/** One entry per descriptor; disks that a descriptor of the same stem describes are left to it. */
async function entriesFor(files: Files, dir: string): Promise<string[]> {
  const stems = new Map<string, { readonly file: string; readonly kind: string }>();
  const rank = ['ova', 'vmx', 'ovf', 'disks', 'raw'];
  for (const file of await files.list(dir)) {
    const dot = file.lastIndexOf('.');
    const kind = KINDS[file.slice(dot).toLowerCase()];
    if (dot < 1 || kind === undefined) continue;
    // Extents and deltas of a split disk belong to their descriptor.
    const stem = file.slice(0, dot).replace(/-(?:s\d{3}|f\d{3}|flat|delta|\d{6}|disk\d+)$/, '');
    if ((kind === 'disks' || kind === 'raw') && stem !== file.slice(0, dot)) continue;
    const known = stems.get(stem);
    if (known === undefined || rank.indexOf(kind) < rank.indexOf(known.kind)) stems.set(stem, { file, kind });
  }
  const entries: string[] = [];
  const taken = new Set<string>();
  for (const [stem, { file, kind }] of [...stems].sort()) {
    let name = slug(stem);
    for (let number = 2; taken.has(name); number += 1) name = `${slug(stem).slice(0, 60)}-${number}`;
    taken.add(name);
    entries.push(`      - { name: ${JSON.stringify(name)}, ${await imageOf(files, dir, file, kind)} }`);
  }
  return entries;
}

/** `drover init`: a commented playbook for what lies in a folder. Never overwrites. */
export async function init(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { files } = cli.host;
  const dir = resolve(cli.host.cwd, args[0] ?? '.');
  const images = resolve(cli.host.cwd, (options['images'] as string | undefined) ?? './images');
  const path = join(dir, 'playbook.yaml');
  if (await files.exists(path)) throw new DroverError({ code: 'cli.exists', message: `${path} exists already` });
  const entries = (await files.stat(images))?.kind === 'directory' ? await entriesFor(files, images) : [];
  const example =
    '      # - { name: web01, ova: web01.ova }\n      # - { name: db01, disks: [db01.vmdk, db01-data.vmdk] }';
  const shown = relative(dir, images);
  const text = `# A migration playbook. Check it with \`drover validate\`, see what it would do with \`drover plan\`, do it with \`drover run\`.
apiVersion: drover/v1alpha1
kind: Playbook
metadata:
  name: ${slug(typeof options['name'] === 'string' ? options['name'] : basename(dir))}

# Where the machines come from. Originals are opened read-only and never changed.
sources:
  images: { type: local, dir: ${JSON.stringify(shown.startsWith('.') ? shown : `./${shown}`)} }

# Where disks and domain XML go: one folder per machine.
targets:
  here: { type: files, dir: ./out }

# Settings for every machine; profiles, waves and machines can override them.
defaults:
  validate:
    level: network   # boot the product and prove that its network is up

waves:
  - name: all
    vms:${entries.length === 0 ? ` []\n${example}` : `\n${entries.join('\n')}`}
`;
  await files.makeDir(dir, 0o755);
  await files.writeAtomic(path, text, 0o644);
  cli.out(`${path}\n`);
  cli.err(
    `Wrote ${path} with ${entries.length} machine${entries.length === 1 ? '' : 's'} from ${images}.\nNext: drover plan ${relative(cli.host.cwd, path) || path}\n`,
  );
  return Exit.ok;
}
