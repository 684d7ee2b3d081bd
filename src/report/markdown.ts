import type { RunReport, StageReport, VmReport } from '../model/report.js';
import { formatDuration, formatRate, formatSize } from '../lib/units.js';

/** Text that means itself in a table cell or paragraph. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>|#]/g, '\\$&').replaceAll(/\s+/g, ' ');
}

/** A fence longer than any run of backticks inside. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n$/, '')}\n${fence}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function stageRow(stage: StageReport): readonly string[] {
  const rate = stage.bytes === undefined || stage.seconds <= 0 ? '' : formatRate(stage.bytes / stage.seconds);
  return [
    stage.stage,
    stage.state,
    stage.attempts > 0 ? String(stage.attempts) : '',
    stage.attempts > 0 ? formatDuration(stage.seconds * 1000) : '',
    stage.bytes === undefined ? '' : formatSize(stage.bytes),
    rate,
  ];
}

function evidence(vm: VmReport): readonly string[] {
  const { validation } = vm;
  if (validation === undefined) return [];
  const guest = validation.guestReport;
  return [
    `### Evidence: ${validation.verdict}${validation.accelerator === undefined ? '' : ` (${validation.accelerator.toUpperCase()})`}`,
    table(
      ['check', 'level', 'result', 'what was seen'],
      validation.checks.map((check) => [
        check.id,
        check.level,
        check.status,
        plain((check.actual ?? check.evidence).slice(0, 240)),
      ]),
    ),
    ...(guest === undefined
      ? []
      : [
          `The guest \`${plain(guest.hostname)}\` on kernel ${plain(guest.kernel)} reports state **${plain(guest.systemState)}**, ${guest.failedUnits.length} failed units${guest.failedUnits.length === 0 ? '' : ` (${plain(guest.failedUnits.join(', '))})`}.`,
          table(
            ['interface', 'MAC', 'state', 'addresses'],
            guest.interfaces.map((nic) => [
              plain(nic.name),
              nic.mac,
              plain(nic.state),
              plain(nic.addresses.join(', ')),
            ]),
          ),
        ]),
    ...(validation.evidenceDir === undefined ? [] : [`Evidence bundle: \`${validation.evidenceDir}\``]),
  ];
}

function vmSection(vm: VmReport): string {
  const changed = vm.fix.filter((step) => step.status !== 'unchanged' && step.status !== 'skipped');
  const parts = [
    `## ${plain(vm.name)}: ${vm.cached ? 'nothing to do' : vm.state}`,
    vm.error === undefined
      ? ''
      : `**${vm.failedStage ?? ''} failed: \`${vm.error.code}\`** ${plain(vm.error.message)}\n\nWhat to do: ${plain(vm.error.hint)}`,
    vm.guest === undefined
      ? ''
      : `${plain(vm.guest.prettyName)}, host name \`${plain(vm.guest.hostname)}\`, firmware ${vm.guest.firmware}.`,
    table(['stage', 'state', 'tries', 'time', 'bytes', 'rate'], vm.stages.map(stageRow)),
    ...(vm.decisions.length === 0
      ? []
      : [
          '### Decisions',
          table(
            ['what', 'value', 'why'],
            vm.decisions.map((d) => [plain(d.what), plain(d.value), plain(d.why)]),
          ),
        ]),
    ...(changed.length === 0 ? [] : ['### Changes inside the guest']),
    ...changed.flatMap((step) => [
      `**${step.id}** (${step.status})${step.notes.length === 0 ? '' : `: ${plain(step.notes.join('; '))}`}`,
      ...(step.error === undefined ? [] : [`\`${step.error.code}\` ${plain(step.error.message)}`]),
      ...step.changes.map((change) => fenced(change.diff, 'diff')),
    ]),
    ...(vm.products.length === 0
      ? []
      : [
          '### Products',
          table(
            ['file', 'format', 'virtual', 'on disk', 'check'],
            vm.products.map((p) => [
              `\`${p.path}\``,
              p.format,
              formatSize(p.virtualSizeBytes),
              formatSize(p.allocatedBytes),
              p.check,
            ]),
          ),
          vm.domainXml === undefined ? '' : `Domain XML: \`${vm.domainXml}\``,
        ]),
    ...evidence(vm),
    ...(vm.warnings.length === 0
      ? []
      : ['### Warnings', vm.warnings.map((warning) => `- ${plain(warning)}`).join('\n')]),
    ...(vm.waivers.length === 0
      ? []
      : [
          '### Accepted concerns',
          vm.waivers
            .map((w) => `- ${w.concern}: ${plain(w.reason)}${w.until === undefined ? '' : ` (until ${w.until})`}`)
            .join('\n'),
        ]),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** The report as Markdown. */
export function reportMarkdown(report: RunReport): string {
  const { run } = report;
  const counts = Object.entries(report.counts).map(([state, count]) => `${count} ${state}`);
  const parts = [
    `# Run ${run.id}: ${run.outcome}`,
    `Playbook **${plain(run.playbook)}**, plan \`${run.planHash.slice(0, 12)}\`, started ${run.startedAt} by ${plain(run.user)} on ${plain(run.host)}, took ${formatDuration(run.seconds * 1000)}. Machines: ${counts.join(', ')}.`,
    `Accelerator: ${report.host.accelerator.toUpperCase()} (${plain(report.host.acceleratorReason)}).`,
    report.vms.length > 1
      ? table(
          ['VM', 'wave', 'state', 'time', 'error'],
          report.vms.map((vm) => [
            plain(vm.name),
            vm.wave,
            vm.cached ? 'cached' : vm.state,
            formatDuration(vm.seconds * 1000),
            vm.error?.code ?? '',
          ]),
        )
      : '',
    ...report.vms.map(vmSection),
    ...(report.warnings.length === 0
      ? []
      : ['## Warnings', report.warnings.map((warning) => `- ${plain(warning)}`).join('\n')]),
    ...(report.leftBehind.length === 0
      ? []
      : ['## Left behind', report.leftBehind.map((item) => `- ${plain(item)}`).join('\n')]),
    ...(report.next.length === 0 ? [] : ['## Next', fenced(report.next.join('\n'), 'console')]),
    '## Made with',
    table(
      ['program', 'version'],
      Object.entries(report.host.tools).map(([tool, version]) => [tool, plain(version)]),
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
