import { formatDuration, formatRate, formatSize } from '../../lib/units.js';
import type { StepReport } from '../../model/fix.js';
import type { VmReport } from '../../model/report.js';
import { html, Markup } from './markup.js';

const TONES: Readonly<Record<string, string>> = {
  succeeded: 'good',
  pass: 'good',
  clean: 'good',
  changed: 'good',
  cached: 'good',
  degraded: 'warn',
  warned: 'warn',
  inconclusive: 'warn',
  partial: 'warn',
  failed: 'bad',
  fail: 'bad',
  halted: 'bad',
  cancelled: 'warn',
};

export function badge(state: string): Markup {
  return html`<span class="badge ${TONES[state] ?? ''}">${state}</span>`;
}

function table(head: readonly string[], rows: readonly (readonly (Markup | string)[])[]): Markup {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${head.map((cell) => html`<th>${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function diffMarkup(diff: string): Markup {
  const lines = diff
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => {
      const kind =
        line.startsWith('@@') || line.startsWith('---') || line.startsWith('+++')
          ? 'h'
          : line.startsWith('+')
            ? 'a'
            : line.startsWith('-')
              ? 'd'
              : '';
      return html`<span class="${kind}">${line === '' ? ' ' : line}</span>`;
    });
  return html`<pre class="diff">${lines}</pre>`;
}

function stepMarkup(step: StepReport): readonly Markup[] {
  const head = html`${badge(step.status)} <strong>${step.id}</strong>
    <span class="soft">${[...step.notes, ...step.warnings].join('; ')}</span>`;
  const mapped =
    step.mapped.length === 0
      ? undefined
      : table(
          ['where', 'was', 'is now'],
          step.mapped.map((m) => [m.where, html`<code>${m.from}</code>`, html`<code>${m.to}</code>`]),
        );
  const commands = step.commands.map(
    (command) =>
      html`<details>
        <summary>
          <code>${command.argv.join(' ')}</code>
          <span class="soft">exit ${command.exitCode}, ${formatDuration(command.seconds * 1000)}</span>
        </summary>
        <pre>${command.tail}</pre>
      </details>`,
  );
  const error =
    step.error === undefined
      ? undefined
      : html`<div class="error">
          <code>${step.error.code}</code> ${step.error.message}<br /><span class="soft">${step.error.hint}</span>
        </div>`;
  return [
    html`<p>${head}</p>
      ${error}${mapped}${step.changes.map(
        (change) =>
          html`<details class="change">
            <summary><code>${change.path}</code> <span class="soft">${change.kind}</span></summary>
            ${diffMarkup(change.diff)}
          </details>`,
      )}${commands}`,
  ];
}

function proof(vm: VmReport, screenshot: Buffer | undefined): Markup | undefined {
  const { validation } = vm;
  if (validation === undefined) return undefined;
  const guest = validation.guestReport;
  return html`<h3>Evidence</h3>
    <p>
      ${badge(validation.verdict)} at level
      ${validation.level}${validation.accelerator === undefined ? '' : ` under ${validation.accelerator.toUpperCase()}`}
    </p>
    ${
      guest === undefined
        ? undefined
        : html`<p>
              The guest <code>${guest.hostname}</code> on kernel <code>${guest.kernel}</code> says of itself: state
              <strong>${guest.systemState}</strong>,
              ${guest.failedUnits.length === 0 ? 'no failed units' : `failed units ${guest.failedUnits.join(', ')}`}.
            </p>
            ${table(
              ['interface', 'MAC', 'state', 'addresses'],
              guest.interfaces.map((nic) => [
                html`<code>${nic.name}</code>`,
                html`<code>${nic.mac}</code>`,
                nic.state,
                nic.addresses.join(', '),
              ]),
            )}
            ${guest.defaultRoutes.length === 0 ? html`<p class="soft">No default route.</p>` : html`<p class="soft">Default route ${guest.defaultRoutes.map((route) => `via ${route.via} on ${route.dev}`).join(', ')}.</p>`}`
    }
    ${table(
      ['check', 'result', 'expected', 'seen', 'time'],
      validation.checks.map((check) => [
        html`<code>${check.id}</code>`,
        badge(check.status),
        check.expected ?? '',
        check.actual === undefined
          ? html`<details>
              <summary>what was seen</summary>
              <pre>${check.evidence}</pre>
            </details>`
          : html`${check.actual}${
              check.evidence === '' || check.evidence === check.actual
                ? undefined
                : html`<details>
                    <summary>more</summary>
                    <pre>${check.evidence}</pre>
                  </details>`
            }`,
        formatDuration(check.seconds * 1000),
      ]),
    )}
    ${
      screenshot === undefined
        ? undefined
        : html`<details>
            <summary>The screen at the end</summary>
            <img
              class="screen"
              alt="screen of the booted guest"
              src="data:image/png;base64,${new Markup(screenshot.toString('base64'))}"
            />
          </details>`
    }
    ${validation.evidenceDir === undefined ? undefined : html`<p class="soft">Evidence bundle: <code>${validation.evidenceDir}</code></p>`}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

/** Everything about one machine. */
export function vmCard(vm: VmReport, screenshot: Buffer | undefined): Markup {
  const acted = vm.fix.filter((step) => step.status !== 'unchanged' && step.status !== 'skipped');
  const idle = vm.fix.filter((step) => step.status === 'unchanged' || step.status === 'skipped');
  const files = vm.fix.reduce((sum, step) => sum + step.changes.length, 0);
  return html`<section class="card" id="vm-${vm.vmKey}">
    <h2>${vm.name} ${badge(vm.cached ? 'cached' : vm.state)}</h2>
    <p class="soft">
      ${vm.guest === undefined ? '' : `${vm.guest.prettyName}, `}wave ${vm.wave}, from ${vm.origin.kind}
      <code>${vm.origin.path}</code>
    </p>
    ${vm.error === undefined ? undefined : html`<div class="error"><strong>${vm.failedStage ?? ''}</strong> <code>${vm.error.code}</code> ${vm.error.message}<br /><span class="soft">What to do: ${vm.error.hint}</span></div>`}
    ${proof(vm, screenshot)}
    ${
      vm.products.length === 0
        ? undefined
        : html`<h3>Products</h3>
            ${table(
              ['file', 'format', 'virtual', 'on disk', 'check'],
              vm.products.map((p) => [
                html`<code>${p.path}</code>`,
                p.format,
                formatSize(p.virtualSizeBytes),
                formatSize(p.allocatedBytes),
                badge(p.check),
              ]),
            )}
            ${vm.domainXml === undefined ? undefined : html`<p>Domain XML <code>${vm.domainXml}</code> ${vm.xmlChecks.map((check) => html`<span class="badge ${TONES[check.result] ?? ''}">${check.name}: ${check.result}</span> `)}</p>`}`
    }
    ${
      files === 0 && acted.length === 0
        ? undefined
        : html`<h3>Changes inside the guest (${count(files, 'file')})</h3>
            ${acted.flatMap(stepMarkup)}`
    }
    ${idle.length === 0 ? undefined : html`<p class="soft">Nothing to do for ${idle.map((step) => step.id).join(', ')}.</p>`}
    ${
      vm.decisions.length === 0
        ? undefined
        : html`<details>
            <summary>Decisions <span class="soft">${vm.decisions.length}, each with its reason</span></summary>
            ${table(
              ['what', 'value', 'why'],
              vm.decisions.map((d) => [d.what, html`<code>${d.value}</code>`, d.why]),
            )}
          </details>`
    }
    <details>
      <summary>
        Stages
        <span class="soft"
          >${vm.appliance === undefined ? '' : `${vm.appliance.calls} appliance calls in ${vm.appliance.launches} launch${vm.appliance.launches === 1 ? '' : 'es'}`}</span
        >
      </summary>
      ${table(
        ['stage', 'state', 'tries', 'time', 'bytes', 'rate', 'waited'],
        vm.stages.map((stage) => [
          stage.stage,
          badge(stage.state),
          stage.attempts > 0 ? String(stage.attempts) : '',
          stage.attempts > 0 ? formatDuration(stage.seconds * 1000) : '',
          stage.bytes === undefined ? '' : formatSize(stage.bytes),
          stage.bytes === undefined || stage.seconds <= 0 ? '' : formatRate(stage.bytes / stage.seconds),
          stage.waitedSeconds >= 0.1 ? formatDuration(stage.waitedSeconds * 1000) : '',
        ]),
      )}
    </details>
    <details>
      <summary>Hardware <span class="soft">${count(vm.disks.length, 'disk')}, ${count(vm.nics.length, 'network adapter')}</span></summary>
      ${table(
        ['disk', 'source', 'format', 'size', 'bus'],
        vm.disks.map((disk) => [
          String(disk.index),
          html`<code>${disk.source}</code>`,
          disk.format,
          disk.virtualSizeBytes === undefined ? '' : formatSize(disk.virtualSizeBytes),
          disk.bus ?? '',
        ]),
      )}
      ${table(
        ['adapter', 'MAC', 'model', 'network', 'name in the guest'],
        vm.nics.map((nic) => [
          String(nic.index),
          html`<code>${nic.mac ?? ''}</code>`,
          nic.model ?? '',
          nic.network ?? '',
          nic.ifname ?? '',
        ]),
      )}
    </details>
    ${
      vm.warnings.length === 0
        ? undefined
        : html`<details open>
            <summary>Warnings <span class="soft">${vm.warnings.length}</span></summary>
            <ul>
              ${vm.warnings.map((warning) => html`<li>${warning}</li>`)}
            </ul>
          </details>`
    }
    ${
      vm.waivers.length === 0
        ? undefined
        : html`<details>
            <summary>Accepted concerns</summary>
            <ul>
              ${vm.waivers.map((w) => html`<li><code>${w.concern}</code> ${w.reason}${w.until === undefined ? '' : ` (until ${w.until})`}</li>`)}
            </ul>
          </details>`
    }
  </section>`;
}
