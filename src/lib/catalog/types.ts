/** How an error behaves: decides retries, policy and exit codes. */
export const ErrorClass = {
  transient: 'transient',
  resource: 'resource',
  permanent: 'permanent',
  conflict: 'conflict',
  tool: 'tool',
  cancelled: 'cancelled',
  internal: 'internal',
} as const;
export type ErrorClass = (typeof ErrorClass)[keyof typeof ErrorClass];

/** One entry of the error catalogue: what the code means and what an operator does about it. */
export interface CodeEntry {
  readonly class: ErrorClass;
  /** What is wrong, in one sentence. */
  readonly cause: string;
  /** How to see that this is the case. */
  readonly check: string;
  /** What to do about it. */
  readonly cure: string;
}

/** Keeps the literal keys of an area's table while checking every entry's shape. */
export function defineCodes<const T extends Record<string, CodeEntry>>(
  codes: T,
): Readonly<Record<keyof T & string, CodeEntry>> {
  return codes;
}
