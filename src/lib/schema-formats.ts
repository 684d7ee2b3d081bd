import { parseDuration, parseRate, parseSize } from './units.js';

interface Format {
  readonly noun: string;
  readonly isValid: (text: string) => boolean;
  readonly how: string;
  /** The likely meaning of a text that does not have the form. */
  readonly repair: (text: string) => string | undefined;
}

function isPositive(value: number | undefined): boolean {
  return value !== undefined && value > 0;
}

const SIZE_UNITS: Readonly<Record<string, string>> = { b: 'B', k: 'KiB', m: 'MiB', g: 'GiB', t: 'TiB' };

function repairSize(text: string): string | undefined {
  const match = /^(\d+(?:\.\d{1,3})?) *([a-z])(?:i?b?|ytes?)$/i.exec(text.trim());
  const unit = SIZE_UNITS[(match?.[2] ?? '').toLowerCase()];
  return match === null || unit === undefined ? undefined : `${match[1]}${unit}`;
}

const DURATION_UNITS: readonly (readonly [RegExp, string])[] = [
  [/^(?:ms|msec|millis?|milliseconds?)$/i, 'ms'],
  [/^(?:s|secs?|seconds?)$/i, 's'],
  [/^(?:m|mins?|minutes?)$/i, 'm'],
  [/^(?:h|hrs?|hours?)$/i, 'h'],
  [/^(?:d|days?)$/i, 'd'],
];

function repairDuration(text: string): string | undefined {
  const match = /^(\d+(?:\.\d{1,3})?) *([a-z]+)$/i.exec(text.trim());
  const unit = DURATION_UNITS.find(([pattern]) => pattern.test(match?.[2] ?? ''))?.[1];
  return match === null || unit === undefined ? undefined : `${match[1]}${unit}`;
}

function repairRate(text: string): string | undefined {
  const bare = text.replace(/(?:\/s(?:ec)?|ps)$/i, '');
  const size = parseSize(bare) === undefined ? repairSize(bare) : bare;
  return size === undefined ? undefined : `${size}/s`;
}

/** The formats of our own that a schema may name. All of them demand a value above zero. */
export const FORMATS: Readonly<Record<string, Format>> = {
  'drover-size': {
    noun: 'size',
    isValid: (text) => isPositive(parseSize(text)),
    how: 'write a number and B, KiB, MiB, GiB or TiB, such as "4GiB"',
    repair: repairSize,
  },
  'drover-rate': {
    noun: 'rate',
    isValid: (text) => isPositive(parseRate(text)),
    how: 'write a size per second, such as "200MiB/s"',
    repair: repairRate,
  },
  'drover-duration': {
    noun: 'duration',
    isValid: (text) => isPositive(parseDuration(text)),
    how: 'write numbers with ms, s, m, h or d, such as "90s" or "1h30m"',
    repair: repairDuration,
  },
};
