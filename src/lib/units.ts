const KIB = 1024;
const SIZE_FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: KIB,
  MiB: KIB ** 2,
  GiB: KIB ** 3,
  TiB: KIB ** 4,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};
const DURATION_FACTORS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseWithUnit(text: string, factors: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d{1,3})?) ?([A-Za-z]+)$/.exec(text);
  if (match === null) return undefined;
  const factor = factors[match[2] ?? ''];
  if (factor === undefined) return undefined;
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes of a size such as `4GiB`; binary and decimal units. Undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, SIZE_FACTORS);
}

/** Bytes per second of a rate such as `200MiB/s`. Undefined when the text is no rate. */
export function parseRate(text: string): number | undefined {
  return text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined;
}

/** Milliseconds of a duration such as `90s`, `15m` or `1h30m`. Undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const parts = text.match(/\d+(?:\.\d{1,3})?(?:ms|s|m|h|d)/g);
  if (parts === null || parts.join('') !== text) return undefined;
  let total = 0;
  let smallest = Infinity;
  for (const part of parts) {
    const value = parseWithUnit(part, DURATION_FACTORS);
    const factor = DURATION_FACTORS[/[a-z]+$/.exec(part)?.[0] ?? ''] ?? Infinity;
    // From large to small and each unit once: `30m1h` and `1h2h` are more likely slips than times.
    if (value === undefined || factor >= smallest) return undefined;
    smallest = factor;
    total += value;
  }
  return Number.isSafeInteger(total) ? total : undefined;
}

/** The exact text of a size: the largest binary unit that divides it. `parseSize` reads it back. */
export function exactSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const factor = SIZE_FACTORS[unit] ?? 1;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}

/** A size for people: three significant digits, such as `1.46 GiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    // What would round up to 1024 is written in the next unit.
    if (value < (unit === 'B' ? KIB : KIB - 0.5)) break;
    value /= KIB;
    unit = next;
  }
  if (unit === 'B') return `${bytes} B`;
  return `${value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

/** A rate for people, such as `212 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(Math.round(bytesPerSecond))}/s`;
}

/** A duration for people, such as `850ms`, `12.3s`, `4m05s` or `2h07m`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}
