/** Single facts about the guest's user space. */
import type { Inspection } from '../../../model/inspection.js';
import type { GuestTree } from '../../common/ports.js';
import { printable } from './os-release.js';

/** Host name as configured; empty when it is not, or when it could not be one. */
export function readHostname(tree: GuestTree): string {
  const line = (tree.text('/etc/hostname') ?? tree.text('/etc/HOSTNAME') ?? '')
    .split('\n')
    .map((each) => each.trim())
    .find((each) => each !== '' && !each.startsWith('#'));
  const legacy = /^HOSTNAME=["']?([^"'\s]+)/m.exec(tree.text('/etc/sysconfig/network') ?? '')?.[1];
  const name = line ?? legacy ?? '';
  return /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(name) ? name : '';
}

const SYSTEMD_PLACES = ['/usr/lib/systemd', '/lib/systemd'];

/** What runs as process 1. */
export function readInit(tree: GuestTree): Inspection['init'] {
  if (SYSTEMD_PLACES.some((dir) => tree.stat(`${dir}/systemd`) !== undefined)) return 'systemd';
  if (tree.stat('/sbin/initctl') !== undefined && tree.stat('/etc/init') !== undefined) return 'upstart';
  if (tree.stat('/sbin/openrc') !== undefined || tree.stat('/sbin/openrc-run') !== undefined) return 'openrc';
  return tree.stat('/etc/inittab') !== undefined || tree.stat('/etc/rc.d') !== undefined ? 'sysv' : 'unknown';
}

/** Version of systemd, from the name of its shared library; undefined where there is none. */
export function readSystemdVersion(tree: GuestTree): number | undefined {
  const dirs = ['/usr/lib', '/usr/lib64', '/lib'].flatMap((base) => [
    `${base}/systemd`,
    ...tree
      .list(base)
      .filter((name) => name.endsWith('-linux-gnu'))
      .map((name) => `${base}/${name}/systemd`),
  ]);
  const versions = dirs
    .flatMap((dir) => tree.list(dir))
    .flatMap((name) => /^libsystemd-shared-(\d{3})\b/.exec(name)?.[1] ?? [])
    .map(Number);
  if (versions.length > 0) return Math.max(...versions);
  const fromPackage = /^Package: systemd\n(?:.+\n)*?Version: (\d+)/m.exec(tree.text('/var/lib/dpkg/status') ?? '')?.[1];
  return fromPackage === undefined ? undefined : Number(fromPackage);
}

/** State of SELinux after the next boot as far as its configuration says. */
export function readSelinux(tree: GuestTree): Inspection['selinux'] {
  const config = tree.text('/etc/selinux/config');
  const isInstalled = ['/usr/sbin/load_policy', '/sbin/load_policy'].some((path) => tree.stat(path) !== undefined);
  if (config === undefined || !isInstalled) return 'none';
  const mode = /^\s*SELINUX\s*=\s*(\w+)/m.exec(config)?.[1]?.toLowerCase();
  return mode === 'enforcing' || mode === 'permissive' || mode === 'disabled' ? mode : 'none';
}

/** Whether cloud-init is there and whether something keeps it from running. */
export function readCloudInit(tree: GuestTree): Inspection['cloudInit'] {
  const isInstalled = ['/usr/bin/cloud-init', '/usr/local/bin/cloud-init'].some(
    (path) => tree.stat(path) !== undefined,
  );
  const isMasked = tree.lstat('/etc/systemd/system/cloud-init.service')?.linkTarget === '/dev/null';
  return { installed: isInstalled, disabled: isMasked || tree.stat('/etc/cloud/cloud-init.disabled') !== undefined };
}

/** Systems whose /usr is an image of its own: only configuration may be edited. */
export function readImmutable(tree: GuestTree): boolean {
  return tree.stat('/ostree') !== undefined || tree.stat('/etc/transactional-update.conf') !== undefined;
}

const MACHINES: Readonly<Record<number, string>> = {
  3: 'i686',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
};

/** Architecture from the head of a program file (ELF gABI, `e_machine`); `unknown` when it is none. */
export function archOfElf(head: Buffer): string {
  if (head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) return 'unknown';
  const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
  const name = MACHINES[machine];
  if (name === 'ppc64' && head[5] === 1) return 'ppc64le';
  return name ?? 'unknown';
}

/** An installed package. */
export interface GuestPackage {
  readonly name: string;
  readonly version: string;
}

/** Packages of dpkg's status file that are installed, half installed ones included. */
export function parseDpkgStatus(text: string): GuestPackage[] {
  const packages: GuestPackage[] = [];
  for (const paragraph of text.split(/\n\n+/)) {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.+)$`, 'm').exec(paragraph)?.[1];
    const name = field('Package');
    const state = field('Status')?.split(' ')[2];
    if (name === undefined || state === undefined || state === 'not-installed' || state === 'config-files') continue;
    packages.push({ name: printable(name), version: printable(field('Version') ?? '') });
  }
  return packages;
}
