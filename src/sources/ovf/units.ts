const WORDS: Readonly<Record<string, number>> = {
  byte: 1,
  bytes: 1,
  kilobyte: 2 ** 10,
  kilobytes: 2 ** 10,
  kb: 2 ** 10,
  megabyte: 2 ** 20,
  megabytes: 2 ** 20,
  mb: 2 ** 20,
  gigabyte: 2 ** 30,
  gigabytes: 2 ** 30,
  gb: 2 ** 30,
  terabyte: 2 ** 40,
  terabytes: 2 ** 40,
  tb: 2 ** 40,
};

/**
 * Bytes of one allocation unit: `byte * 2^30`, `byte*10^9`, `byte * 1024`, and the words of old writers, which all meant
 * powers of two. Undefined when it is something else.
 */
export function allocationUnit(text: string): number | undefined {
  const plain = text.trim().toLowerCase();
  const word = WORDS[plain];
  if (word !== undefined) return word;
  const match = /^bytes?\s*\*\s*(?:(\d{1,2})\s*\^\s*(\d{1,3})|(\d{1,15}))$/.exec(plain);
  if (match === null) return undefined;
  const value = match[3] === undefined ? Number(match[1]) ** Number(match[2]) : Number(match[3]);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
