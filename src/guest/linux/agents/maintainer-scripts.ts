/**
 * Scripts that Debian packages run when they are removed. Most of their time goes into stopping services that do not run
 * and into helpers whose whole effect is the removal of a few links; under emulation that is 15 of 20 seconds.
 */

/** Sections that debhelper generates and whose effects are known: services, their links, old configuration files. */
const generated =
  /^# Automatically added by dh_(installinit|installdeb|installsystemd|installsystemduser|systemd_enable|systemd_start)\/[^\n]*\n[^]*?^# End automatically added section$/gm;

/** Lines that change nothing on a machine that is not running under VMware, and shell structure around them. */
const inertLines = new Set([
  'set -e',
  'set -u',
  'exit 0',
  ':',
  'fi',
  'else',
  'esac',
  ';;',
  'true',
  'if which systemd-detect-virt 1>/dev/null; then',
  "checktool='systemd-detect-virt'",
  "checktool='vmware-checkvm'",
  'if which ${checktool} 1>/dev/null && which vmware-rpctool 1>/dev/null; then',
  'if ${checktool} | grep -iq vmware; then',
  "vmware-rpctool 'tools.set.version 0' &> /dev/null || /bin/true",
  "vmware-rpctool 'tools.set.version 0' > /dev/null 2>&1 || /bin/true",
]);

/** Whether everything a removal script does is known, and is done by Drover itself or without effect. */
export function isInertScript(script: string): boolean {
  const rest = script.replace(generated, '');
  if (!/^#!\s*\/(usr\/)?bin\/(ba|da)?sh(\s+-e)?\s*$/m.test(rest.split('\n')[0] ?? '')) return false;
  return rest
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .every((line) => line === '' || line.startsWith('#') || inertLines.has(line));
}

/** Stands in for a script whose effects are had already. The package manager removes it with the package. */
export const emptyScript =
  '#!/bin/sh\n# Managed by Drover: the links and services of this package are gone already.\nexit 0\n';
