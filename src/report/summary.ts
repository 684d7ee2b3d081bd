import type { RunReport, VmReport } from '../model/report.js';
import { formatDuration, formatSize } from '../lib/units.js';

const MARKS: Readonly<Record<string, string>> = {
  succeeded: '✔',
  degraded: '✔',
  failed: '✖',
  cancelled: '■',
  skipped: '⊘',
  running: '▶',
  waiting: '…',
};

/** What a machine's proof showed, in one line. */
function proofLine(vm: VmReport): string | undefined {
  const { validation } = vm;
  if (validation === undefined || validation.verdict === 'skipped') return undefined;
  const guest = validation.guestReport;
  if (guest === undefined) return `proof ${validation.verdict} (level ${validation.level})`;
  const nics = guest.interfaces
    .filter((nic) => nic.name !== 'lo' && nic.addresses.length > 0)
    .map((nic) => `${nic.name} ${nic.addresses.join(' ')}`);
  return `proof ${validation.verdict}: ${guest.hostname} booted (${guest.systemState}), ${nics.length === 0 ? 'no address' : nics.join(', ')}, ${guest.failedUnits.length} failed units`;
}

function vmLines(vm: VmReport, runId: string): readonly string[] {
  const head = `${MARKS[vm.state] ?? ' '} ${vm.name}  ${vm.cached ? 'nothing to do' : vm.state}${vm.cached || vm.seconds === 0 ? '' : ` in ${formatDuration(vm.seconds * 1000)}`}`;
  const proof = proofLine(vm);
  const changed = vm.fix.flatMap((step) => step.changes).length;
  return [
    head,
    ...(vm.error === undefined
      ? []
      : [
          `    ${vm.failedStage ?? ''} ${vm.error.code}: ${vm.error.message}`,
          `    hint: ${vm.error.hint}`,
          `    log: drover logs ${runId} --vm ${vm.name}${vm.failedStage === undefined ? '' : ` --stage ${vm.failedStage}`}`,
        ]),
    ...(proof === undefined ? [] : [`    ${proof}`]),
    ...(vm.products.length === 0
      ? []
      : [
          `    disks ${vm.products.map((product) => `${product.path} (${formatSize(product.allocatedBytes)})`).join(', ')}`,
        ]),
    ...(vm.domainXml === undefined ? [] : [`    xml   ${vm.domainXml}`]),
    ...(changed === 0 || vm.cached ? [] : [`    ${changed} files changed inside the guest`]),
  ];
}

/** The last words of a run; the same for every screen. At most `most` machines are listed, failures first. */
export function runSummaryText(report: RunReport, most = 20): string {
  const rank = (vm: VmReport): number => (vm.state === 'failed' ? 0 : vm.cached ? 2 : 1);
  const vms = [...report.vms].sort((a, b) => rank(a) - rank(b));
  const counts = Object.entries(report.counts).map(([state, count]) => `${count} ${state}`);
  return [
    '',
    ...vms.slice(0, most).flatMap((vm) => vmLines(vm, report.run.id)),
    ...(vms.length > most ? [`… and ${vms.length - most} more`] : []),
    ...report.leftBehind.map((item) => `left behind: ${item}`),
    '',
    `run ${report.run.id} ${report.run.outcome} in ${formatDuration(report.run.seconds * 1000)}: ${counts.join(', ')}`,
    `report ${report.run.dir}/report.html`,
    '',
  ].join('\n');
}
