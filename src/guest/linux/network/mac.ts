/** MAC addresses as guests write them. */

/** Lower-case with colons, or undefined when the text is no Ethernet address. */
export function normalizeMac(text: string): string | undefined {
  const trimmed = text.trim().replace(/^["']|["']$/g, '');
  if (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(trimmed)) return trimmed.toLowerCase().replaceAll('-', ':');
  if (/^[0-9a-f]{12}$/i.test(trimmed)) return trimmed.toLowerCase().replace(/(..)(?!$)/g, '$1:');
  if (/^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i.test(trimmed)) return normalizeMac(trimmed.replaceAll('.', ''));
  // Old NetworkManager keyfiles: six decimal bytes, each ended by a semicolon.
  const bytes = trimmed.replace(/;$/, '').split(';');
  if (bytes.length === 6 && bytes.every((byte) => /^\d{1,3}$/.test(byte) && Number(byte) < 256)) {
    return bytes.map((byte) => Number(byte).toString(16).padStart(2, '0')).join(':');
  }
  return undefined;
}

/** Those of a list that are addresses, normalized. */
export function normalizeMacs(texts: readonly string[]): string[] {
  return texts.flatMap((text) => normalizeMac(text) ?? []);
}

/** Whether a text is a name that the kernel accepts for an interface and that is safe in files and commands. */
export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,14}$/.test(text) && text !== 'all' && text !== 'default';
}

/** Whether an interface name is a pattern rather than a name. */
export function isPattern(name: string): boolean {
  return /[*?[\]!]/.test(name);
}

/**
 * The interface name that a title tells: the id of a profile or the stem of its file, such as `ens192` or `10-ens192`. Good
 * enough where a profile binds to an address only, because then nothing in it depends on the name.
 */
export function titleName(title: string): string | undefined {
  return /^(?:\d+-)?(eth\d+|em\d+|en[opsx][0-9a-z]{1,12})$/.exec(title)?.[1];
}
