/** Every program that Drover may run, with the package that holds it. The only place where their names stand. */
export interface ToolFacts {
  readonly command: string;
  readonly versionArgs: readonly string[];
  readonly apt: string;
  readonly dnf: string;
  readonly zypper: string;
  /** Needed for the main job; the others serve single features. */
  readonly required: boolean;
  readonly serves: string;
  /** Looked at when PATH does not have it. */
  readonly fallbackDirs?: readonly string[];
}

function tool(
  command: string,
  apt: string,
  dnf: string,
  zypper: string,
  serves: string,
  more: Partial<ToolFacts> = {},
): ToolFacts {
  return { command, versionArgs: ['--version'], apt, dnf, zypper, required: true, serves, ...more };
}

export const TOOLS = {
  'qemu-img': tool('qemu-img', 'qemu-utils', 'qemu-img', 'qemu-img', 'reading and writing disk images'),
  'qemu-nbd': tool('qemu-nbd', 'qemu-utils', 'qemu-img', 'qemu-img', 'serving disk images', { required: false }),
  'qemu-system-x86_64': tool('qemu-system-x86_64', 'qemu-system-x86', 'qemu-kvm', 'qemu-x86', 'boot proofs', {
    fallbackDirs: ['/usr/libexec'],
  }),
  guestfish: tool('guestfish', 'libguestfs-tools', 'guestfs-tools', 'guestfs-tools', 'reading and editing guests'),
  hivexregedit: tool('hivexregedit', 'libwin-hivex-perl', 'perl-hivex', 'perl-Win-Hivex', 'Windows registries', {
    required: false,
    // It has no option that tells its version.
    versionArgs: [],
  }),
  virsh: tool('virsh', 'libvirt-clients', 'libvirt-client', 'libvirt-client', 'checking domain XML', {
    required: false,
  }),
  'virt-xml-validate': tool(
    'virt-xml-validate',
    'libvirt-clients',
    'libvirt-client',
    'libvirt-client',
    'checking domain XML',
    { required: false },
  ),
  xmllint: tool('xmllint', 'libxml2-utils', 'libxml2', 'libxml2-tools', 'checking domain XML', { required: false }),
  zstd: tool('zstd', 'zstd', 'zstd', 'zstd', 'zstd archives and initramfs images'),
  xz: tool('xz', 'xz-utils', 'xz', 'xz', 'xz archives and initramfs images'),
  gzip: tool('gzip', 'gzip', 'gzip', 'gzip', 'gzip archives and initramfs images'),
  bzip2: tool('bzip2', 'bzip2', 'bzip2', 'bzip2', 'bzip2 archives and initramfs images', { versionArgs: ['--help'] }),
  lz4: tool('lz4', 'lz4', 'lz4', 'lz4', 'lz4 initramfs images'),
  depmod: tool('depmod', 'kmod', 'kmod', 'kmod', 'indexes of appended drivers', {
    fallbackDirs: ['/usr/sbin', '/sbin'],
  }),
  prlimit: tool('prlimit', 'util-linux', 'util-linux', 'util-linux', 'limits for reading untrusted images', {
    required: false,
  }),
  setpriv: tool('setpriv', 'util-linux', 'util-linux', 'util-linux', 'children that die with Drover', {
    required: false,
  }),
} as const satisfies Readonly<Record<string, ToolFacts>>;

export type ToolName = keyof typeof TOOLS;

/** Every known tool, sorted by name. */
export const TOOL_NAMES = Object.keys(TOOLS).sort() as readonly ToolName[];
