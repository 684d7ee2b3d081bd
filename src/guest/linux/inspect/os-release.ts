/** Who the guest is: os-release first, the older release files where it is absent. */
import type { Inspection } from '../../../model/inspection.js';
import type { GuestTree } from '../../common/ports.js';

/** Values of an os-release file. Quotes are taken off and shell escapes decoded; a damaged line is passed over. */
function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const quoted = /^(["'])(.*)\1$/.exec(match[2]);
    const value = quoted?.[1] === "'" ? (quoted[2] ?? '') : (quoted?.[2] ?? match[2]).replace(/\\(["$`\\])/g, '$1');
    values.set(match[1], printable(value));
  }
  return values;
}

/** Guest-derived text as it may be shown: no control characters, at most 200 characters. */
export function printable(text: string): string {
  return Buffer.from(text, 'latin1')
    .toString('utf8')
    .replace(/[\p{Cc}\p{Cf}\ufffd]/gu, '')
    .slice(0, 200);
}

interface ReleaseFile {
  readonly path: string;
  /** First capture: version. */
  readonly pattern: RegExp;
  readonly id: string;
  readonly idLike: readonly string[];
}

const RELEASE_FILES: readonly ReleaseFile[] = [
  { path: '/etc/oracle-release', pattern: /release (\d[\w.]*)/, id: 'ol', idLike: ['fedora', 'rhel'] },
  { path: '/etc/centos-release', pattern: /release (\d[\w.]*)/, id: 'centos', idLike: ['rhel', 'fedora'] },
  { path: '/etc/fedora-release', pattern: /release (\d+)/, id: 'fedora', idLike: [] },
  { path: '/etc/redhat-release', pattern: /release (\d[\w.]*)/, id: 'rhel', idLike: ['fedora'] },
  { path: '/etc/system-release', pattern: /release (\S+)/, id: 'amzn', idLike: ['rhel', 'fedora'] },
  { path: '/etc/SuSE-release', pattern: /VERSION = (\S+)/, id: 'sles', idLike: ['suse'] },
  { path: '/etc/alpine-release', pattern: /^(\d[\w.]*)/, id: 'alpine', idLike: [] },
  { path: '/etc/arch-release', pattern: /()/, id: 'arch', idLike: [] },
  { path: '/etc/debian_version', pattern: /^(\S+)/, id: 'debian', idLike: [] },
];

/** Distribution of the guest; `unknown` when nothing says so. */
export function readDistro(tree: GuestTree): Inspection['distro'] {
  const text = tree.text('/etc/os-release') ?? tree.text('/usr/lib/os-release');
  if (text !== undefined) {
    const values = parseOsRelease(text);
    const id = safeId(values.get('ID') ?? '');
    if (id !== '') {
      const versionId = values.get('VERSION_ID') ?? '';
      return {
        id,
        idLike: (values.get('ID_LIKE') ?? '')
          .split(/\s+/)
          .map(safeId)
          .filter((each) => each !== ''),
        versionId,
        prettyName: values.get('PRETTY_NAME') ?? `${values.get('NAME') ?? id} ${versionId}`.trim(),
      };
    }
  }
  for (const file of RELEASE_FILES) {
    const content = tree.text(file.path);
    const match = content === undefined ? null : file.pattern.exec(content);
    if (content === undefined || match === null) continue;
    const prettyName = printable(content.split('\n')[0] ?? '').trim();
    return { id: file.id, idLike: file.idLike, versionId: printable(match[1] ?? ''), prettyName };
  }
  return { id: 'unknown', idLike: [], versionId: '', prettyName: 'unknown Linux' };
}

function safeId(text: string): string {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text) ? text.toLowerCase() : '';
}

const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  deb: ['debian', 'ubuntu', 'linuxmint', 'kali', 'pop', 'elementary', 'raspbian', 'devuan'],
  rpm: [
    ...['rhel', 'fedora', 'centos', 'rocky', 'almalinux', 'ol', 'amzn', 'photon', 'mariner', 'azurelinux', 'openeuler'],
    ...['opencloudos', 'tencentos', 'anolis', 'virtuozzo', 'eurolinux', 'scientific', 'circle', 'kylin', 'neokylin'],
    ...[
      'sles',
      'sled',
      'suse',
      'opensuse',
      'opensuse-leap',
      'opensuse-tumbleweed',
      'altlinux',
      'mageia',
      'openmandriva',
    ],
  ],
  pacman: ['arch', 'archarm', 'manjaro', 'endeavouros'],
  apk: ['alpine', 'postmarketos'],
};

/** Package format: by the database that is there, else by the distribution. */
export function readPackageFormat(tree: GuestTree, distro: Inspection['distro']): Inspection['packageFormat'] {
  const databases: readonly (readonly [Inspection['packageFormat'], string])[] = [
    ['deb', '/var/lib/dpkg/status'],
    ['rpm', '/var/lib/rpm'],
    ['rpm', '/usr/lib/sysimage/rpm'],
    ['rpm', '/usr/share/rpm'],
    ['pacman', '/var/lib/pacman'],
    ['apk', '/lib/apk/db'],
  ];
  const found = databases.filter(([, path]) => tree.stat(path) !== undefined).map(([format]) => format);
  const ids = [distro.id, ...distro.idLike];
  const byId = (['deb', 'rpm', 'pacman', 'apk'] as const).find((format) =>
    ids.some((id) => FAMILIES[format]?.includes(id) === true),
  );
  // Debian machines may have an (empty) RPM database for alien; the distribution decides between two.
  if (byId !== undefined && (found.includes(byId) || found.length === 0)) return byId;
  return found[0] ?? 'none';
}
