import { lookupCode } from '../../lib/catalog/index.js';
import { hasErrors } from '../../lib/diagnostic.js';
import { DroverError } from '../../lib/error.js';
import { suggest } from '../../lib/suggest.js';
import { allVms } from '../../model/effective.js';
import { explainVm } from '../../playbook/index.js';
import type { Cli } from '../context.js';
import { printResult } from '../context.js';
import { exitForDiagnostics, printDiagnostics } from '../diagnostics.js';
import { Exit } from '../exit-codes.js';
import { playbookOptions } from '../options.js';
import { loadText } from '../playbook-files.js';

/** `drover explain <code>` or `drover explain <playbook> <vm> [pointer]`. */
export async function explain(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const [subject = '', vmName, pointer] = args;
  const entry = lookupCode(subject);
  if (entry !== undefined) {
    printResult(cli, { code: subject, ...entry }, () =>
      [
        subject,
        '',
        `  cause  ${entry.cause}`,
        `  check  ${entry.check}`,
        `  cure   ${entry.cure}`,
        `  class  ${entry.class}`,
        '',
      ].join('\n'),
    );
    return Exit.ok;
  }
  if (vmName === undefined) {
    const isCode = /^[a-z]+(\.[a-z0-9-]+)+$/.test(subject) && !(await cli.host.files.exists(subject));
    throw new DroverError({
      code: 'cli.usage',
      message: isCode ? `${subject} is no error code` : 'the name of a machine is missing',
      hint: isCode
        ? 'docs/errors.md lists them all'
        : 'drover explain <playbook> <vm> [pointer], or drover explain <code>',
    });
  }
  const text = await loadText(cli, [subject], playbookOptions(options));
  printDiagnostics(cli, text.diagnostics, text.texts, { all: options['allErrors'] === true });
  if (text.value === undefined || hasErrors(text.diagnostics))
    return exitForDiagnostics(text.diagnostics, options['strict'] === true);
  const vm = allVms(text.value).find((candidate) => candidate.name === vmName);
  if (vm === undefined) {
    const near = suggest(
      vmName,
      allVms(text.value).map((candidate) => candidate.name),
    );
    throw new DroverError({
      code: 'cli.usage',
      message: `the playbook has no machine ${vmName}`,
      ...(near.length === 0 ? {} : { hint: `did you mean ${near.join(' or ')}?` }),
    });
  }
  const explained = explainVm(vm, pointer);
  printResult(cli, explained.data, () => explained.text);
  return Exit.ok;
}
