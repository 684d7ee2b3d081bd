import { hasErrors } from '../../lib/diagnostic.js';
import type { Diagnostic } from '../../lib/diagnostic.js';
import { allVms } from '../../model/effective.js';
import type { Cli } from '../context.js';
import { exitForDiagnostics, printDiagnostics } from '../diagnostics.js';
import type { DiagnosticFormat } from '../diagnostics.js';
import { loadText } from '../playbook-files.js';
import { playbookOptions } from '../options.js';

/** `drover validate`: text, schema and meaning of playbooks. Looks at no image and changes nothing. */
export async function validate(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const format = cli.options.json === true ? 'json' : (options['format'] as DiagnosticFormat);
  const all: Diagnostic[] = [];
  const texts = new Map<string, string>();
  const good: string[] = [];
  for (const path of args) {
    const result = await loadText(cli, [path], playbookOptions(options));
    all.push(...result.diagnostics);
    for (const [name, text] of result.texts) texts.set(name, text);
    if (result.value !== undefined && !hasErrors(result.diagnostics)) {
      const vms = allVms(result.value).length;
      good.push(
        `${path}: valid, ${result.value.waves.length} wave${result.value.waves.length === 1 ? '' : 's'}, ${vms} VM${vms === 1 ? '' : 's'}\n`,
      );
    }
  }
  printDiagnostics(cli, all, texts, { format, all: options['allErrors'] === true });
  if (format === 'text' && cli.options.quiet !== true) {
    cli.err(good.join(''));
  }
  return exitForDiagnostics(all, options['strict'] === true);
}
