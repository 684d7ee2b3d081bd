import type { ErrorCode } from './catalog/index.js';

export const Severity = { error: 'error', warning: 'warning', info: 'info' } as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

/** A place in a text file; line and column count from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endColumn?: number;
}

/** A place that had a part in the problem, with what it contributed. */
export interface Origin extends Location {
  readonly note: string;
}

/** A user's mistake as data: located, coded, with what to do. Phases gather them and go on. */
export interface Diagnostic {
  readonly code: ErrorCode;
  readonly severity: Severity;
  readonly message: string;
  readonly hint?: string;
  readonly location?: Location;
  /** JSON pointer into the document. */
  readonly pointer?: string;
  /** What was probably meant, best first, at most three. */
  readonly suggestions?: readonly string[];
  /** What would be allowed here. */
  readonly allowed?: readonly string[];
  readonly origins?: readonly Origin[];
}

/** The result of a phase: a value unless errors made it impossible, and everything that was found. */
export interface Checked<T> {
  readonly value?: T;
  readonly diagnostics: readonly Diagnostic[];
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === Severity.error);
}
