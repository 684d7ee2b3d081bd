/**
 * The one registry of error and diagnostic codes. Each area owns one table; `docs/errors.md` and `drover explain <code>`
 * are made from it.
 */
import { cliCodes } from './cli.js';
import { convertCodes } from './convert.js';
import { engineCodes } from './engine.js';
import { flattenCodes } from './flatten.js';
import { guestCodes } from './guest.js';
import { hostCodes } from './host.js';
import { planCodes } from './plan.js';
import { playbookCodes } from './playbook.js';
import { reportCodes } from './report.js';
import { sourceCodes } from './source.js';
import type { CodeEntry } from './types.js';
import { validateCodes } from './validate.js';
import { vmCodes } from './vm.js';

export type { CodeEntry } from './types.js';
export { ErrorClass } from './types.js';

export const catalog = {
  ...hostCodes,
  ...cliCodes,
  ...playbookCodes,
  ...planCodes,
  ...engineCodes,
  ...sourceCodes,
  ...flattenCodes,
  ...guestCodes,
  ...convertCodes,
  ...validateCodes,
  ...vmCodes,
  ...reportCodes,
} as const;

/** Every stable code that an error or diagnostic may carry. */
export type ErrorCode = keyof typeof catalog;

/** The entry of a code, or undefined when the code is unknown. */
export function lookupCode(code: string): CodeEntry | undefined {
  return Object.hasOwn(catalog, code) ? (catalog as Readonly<Record<string, CodeEntry>>)[code] : undefined;
}
