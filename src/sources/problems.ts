/** Short forms for what can be wrong with a source. All of it is the fault of the files, so all of it becomes a diagnostic. */
import { DroverError } from '../lib/error.js';
import type { ErrorCode } from '../lib/catalog/index.js';

function problem(code: ErrorCode, path: string, what: string, details: Readonly<Record<string, unknown>>): DroverError {
  return new DroverError({ code, message: `${path}: ${what}`, details: { path, ...details }, where: { file: path } });
}

export function corrupt(path: string, what: string, details: Readonly<Record<string, unknown>> = {}): DroverError {
  return problem('source.corrupt-image', path, what, details);
}

export function unsupported(path: string, what: string, details: Readonly<Record<string, unknown>> = {}): DroverError {
  return problem('source.format-unsupported', path, what, details);
}

export function encrypted(path: string, what: string): DroverError {
  return problem('source.encrypted', path, what, {});
}

export function tooLarge(path: string, sizeBytes: number): DroverError {
  return problem('source.too-large', path, `claims a size of ${sizeBytes} bytes; at most 64 TiB are accepted`, {
    sizeBytes: Number.isFinite(sizeBytes) ? sizeBytes : 'beyond 2^53',
  });
}
