import type { Diagnostic } from '../lib/diagnostic.js';
import { Severity } from '../lib/diagnostic.js';
import { formatGithub, formatJson, formatText } from '../lib/diagnostic-format.js';
import type { Cli } from './context.js';
import { Exit } from './exit-codes.js';

export type DiagnosticFormat = 'text' | 'json' | 'github';

/** Prints diagnostics where they belong: JSON is a result, everything else is for people. */
export function printDiagnostics(
  cli: Cli,
  diagnostics: readonly Diagnostic[],
  texts: ReadonlyMap<string, string>,
  options: { readonly format?: DiagnosticFormat; readonly all?: boolean } = {},
): void {
  const format = options.format ?? 'text';
  if (diagnostics.length === 0 && format !== 'json') return;
  if (format === 'json') cli.out(formatJson(diagnostics));
  else if (format === 'github') cli.out(formatGithub(diagnostics));
  else cli.err(formatText(diagnostics, { textOf: (file) => texts.get(file), all: options.all === true }));
}

/**
 * The exit code that errors among diagnostics ask for, and warnings with `strict`: what the world refuses is no mistake of
 * the text.
 */
export function exitForDiagnostics(diagnostics: readonly Diagnostic[], strict: boolean): number {
  const errors = diagnostics.filter((d) => d.severity === Severity.error);
  const warnings = strict ? diagnostics.filter((d) => d.severity === Severity.warning) : [];
  const counting = errors.length > 0 ? errors : warnings;
  if (counting.length === 0) return Exit.ok;
  return counting.some((d) => d.code.startsWith('playbook.')) ? Exit.playbook : Exit.preflight;
}
