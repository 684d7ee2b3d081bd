import { catalog, ErrorClass } from './catalog/index.js';
import type { ErrorCode } from './catalog/index.js';

/** Where in a run an error happened. */
export interface ErrorWhere {
  readonly vm?: string;
  readonly stage?: string;
  readonly step?: string;
  readonly disk?: string;
  readonly tool?: string;
  readonly file?: string;
}

export interface DroverErrorOptions {
  readonly code: ErrorCode;
  /** What happened, to what. Never holds secrets or a whole command line. */
  readonly message: string;
  /** What to do next. Defaults to the cure of the catalogue. */
  readonly hint?: string;
  /** Whether trying the same thing again can help. Defaults to what the code's class says. */
  readonly retryable?: boolean;
  /** JSON-safe facts. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly where?: ErrorWhere;
  readonly cause?: unknown;
}

/** The JSON form of an error, as events, journal and report carry it. */
export interface ErrorRecord {
  readonly code: string;
  readonly class: ErrorClass;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly where?: ErrorWhere;
  /** Messages of the causes, outermost first. */
  readonly causes?: readonly string[];
}

/** The error every room throws. Whoever throws decides `retryable`; the engine obeys. */
export class DroverError extends Error {
  override readonly name = 'DroverError';
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly where: ErrorWhere | undefined;

  constructor(options: DroverErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    const entry = catalog[options.code];
    this.code = options.code;
    this.class = entry.class;
    this.hint = options.hint ?? entry.cure;
    this.retryable = options.retryable ?? entry.class === ErrorClass.transient;
    this.details = options.details;
    this.where = options.where;
  }

  /** The same error with more known about where it happened; what was known stays. */
  at(where: ErrorWhere): DroverError {
    const error = new DroverError({
      code: this.code,
      message: this.message,
      hint: this.hint,
      retryable: this.retryable,
      ...(this.details === undefined ? {} : { details: this.details }),
      where: { ...where, ...this.where },
      cause: this.cause,
    });
    if (this.stack !== undefined) error.stack = this.stack;
    return error;
  }
}

/** Turns anything thrown into a DroverError; what is not one already is a bug in Drover. */
export function asDroverError(thrown: unknown, where?: ErrorWhere): DroverError {
  if (thrown instanceof DroverError) return where === undefined ? thrown : thrown.at(where);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DroverError({
    code: 'internal.bug',
    message: `unexpected error: ${message}`,
    ...(where === undefined ? {} : { where }),
    cause: thrown,
  });
}

/** The JSON-safe form of an error. */
export function errorRecord(error: DroverError): ErrorRecord {
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < 8;) {
    causes.push(cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : 'unknown cause');
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return {
    code: error.code,
    class: error.class,
    message: error.message,
    hint: error.hint,
    retryable: error.retryable,
    ...(error.details === undefined ? {} : { details: error.details }),
    ...(error.where === undefined ? {} : { where: error.where }),
    ...(causes.length === 0 ? {} : { causes }),
  };
}

/** Ends a switch over a closed set; reaching it is a bug. */
export function assertNever(value: never): never {
  throw new DroverError({ code: 'internal.bug', message: `unexpected value: ${JSON.stringify(value)}` });
}
