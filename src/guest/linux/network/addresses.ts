/** Prefix length of a dotted netmask as text; undefined when it is none. */
export function prefixOfNetmask(netmask: string | undefined): string | undefined {
  const bytes = netmask?.split('.').map(Number) ?? [];
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) return undefined;
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? String(bits.indexOf('0') === -1 ? 32 : bits.indexOf('0')) : undefined;
}

/** An address as the kernel prints it: IPv6 in its short form. What is no address stays as it is. */
export function canonicalAddress(text: string): string {
  const [, address = '', prefix = ''] = /^([0-9A-Fa-f:.]+)(\/\d+)?$/.exec(text) ?? [];
  if (!address.includes(':') || !URL.canParse(`http://[${address}]`)) return text;
  return `${new URL(`http://[${address}]`).hostname.slice(1, -1)}${prefix}`;
}
