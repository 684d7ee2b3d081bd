/** Writing tar archives that GNU tar unpacks with owners, modes and extended attributes. POSIX.1-2017 pax. */

const blockSize = 512;

export interface TarFile {
  /** Relative to where the archive is unpacked, without a leading slash. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeS: number;
  readonly content?: Buffer;
  readonly linkTarget?: string;
  /** Kernel names of extended attributes, `acl.access` and `acl.default` for access lists; values are latin1. */
  readonly xattrs: Readonly<Record<string, string>>;
}

/** One archive with these members, in this order. */
export function writeTar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap((file) => [
    ...extendedHeader(file),
    header(file, flagOf(file)),
    ...padded(file.content),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockSize)]);
}

function flagOf(file: TarFile): string {
  return file.kind === 'directory' ? '5' : file.kind === 'symlink' ? '2' : '0';
}

/** The parts of a member that a plain header cannot hold. */
function extendedHeader(file: TarFile): Buffer[] {
  const records: Buffer[] = [];
  if (!fits(file.name, 100)) records.push(record('path', Buffer.from(file.name, 'utf8')));
  if (file.linkTarget !== undefined && !fits(file.linkTarget, 100)) {
    records.push(record('linkpath', Buffer.from(file.linkTarget, 'utf8')));
  }
  for (const [name, value] of Object.entries(file.xattrs)) {
    // A label is a C string: the NUL that the kernel keeps behind it is no part of it.
    const text = name === 'security.selinux' ? value.replace(/\0+$/, '') : value;
    records.push(record(paxKey(name), Buffer.from(text, 'latin1')));
  }
  if (records.length === 0) return [];
  const content = Buffer.concat(records);
  const owner: TarFile = { ...file, name: 'pax', kind: 'file', content, xattrs: {} };
  return [header(owner, 'x'), ...padded(content)];
}

function fits(text: string, bytes: number): boolean {
  return /^[\x20-\x7e]*$/.test(text) && text.length <= bytes;
}

function paxKey(name: string): string {
  if (name === 'security.selinux') return 'RHT.security.selinux';
  return name.startsWith('acl.') ? `SCHILY.${name}` : `SCHILY.xattr.${name}`;
}

/** `length key=value\n`, where the length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function header(file: TarFile, flag: string): Buffer {
  const block = Buffer.alloc(blockSize);
  const name = file.kind === 'directory' ? `${file.name}/` : file.name;
  block.write(fits(name, 100) ? name : Buffer.from(name, 'utf8').subarray(0, 100).toString('latin1'), 0, 100, 'latin1');
  octal(block, file.mode & 0o7777, 100, 8);
  octal(block, file.uid, 108, 8);
  octal(block, file.gid, 116, 8);
  octal(block, file.kind === 'file' ? (file.content?.length ?? 0) : 0, 124, 12);
  octal(block, Math.max(0, file.mtimeS), 136, 12);
  block.write(flag, 156, 'latin1');
  if (flag === '2') block.write((file.linkTarget ?? '').slice(0, 100), 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, value: number, offset: number, length: number): void {
  const digits = value.toString(8);
  if (digits.length < length) {
    block.write(`${digits.padStart(length - 1, '0')}\0`, offset, 'latin1');
    return;
  }
  // Owners above two million do not fit: the GNU form is a big-endian number behind a set high bit.
  let rest = BigInt(value);
  for (let at = offset + length - 1; at > offset; at -= 1, rest >>= 8n) block[at] = Number(rest & 0xffn);
  block[offset] = 0x80;
}

function padded(content: Buffer | undefined): Buffer[] {
  if (content === undefined || content.length === 0) return [];
  const rest = content.length % blockSize;
  return rest === 0 ? [content] : [content, Buffer.alloc(blockSize - rest)];
}
