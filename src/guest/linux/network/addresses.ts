/** Prefix length of a dotted netmask as text; undefined when it is none. */
export function prefixOfNetmask(netmask: string | undefined): string | undefined {
  const bytes = netmask?.split('.').map(Number) ?? [];
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) return undefined;
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? String(bits.indexOf('0') === -1 ? 32 : bits.indexOf('0')) : undefined;
}
