import { formatDuration } from '../../lib/units.js';
import type { RunReport, VmReport } from '../../model/report.js';
import { html, Markup } from './markup.js';
import { SCRIPT, SCRIPT_HASH } from './script.js';
import { STYLE } from './style.js';
import { timeline } from './timeline.js';
import { badge, vmCard } from './vm.js';

/** Machines whose whole story is told on the page; failures come first. The others stand in the table. */
const CARDS = 200;

const POLICY = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '${SCRIPT_HASH}'; base-uri 'none'; form-action 'none'`;

export interface HtmlOptions {
  /** PNG pictures by vmKey. */
  readonly screenshots?: ReadonlyMap<string, Buffer>;
}

function vmTable(report: RunReport): Markup {
  const row = (vm: VmReport): Markup =>
    html`<tr>
      <td><a href="#vm-${vm.vmKey}">${vm.name}</a></td>
      <td>${vm.wave}</td>
      <td>${badge(vm.cached ? 'cached' : vm.state)}</td>
      <td>${vm.validation === undefined ? '' : badge(vm.validation.verdict)}</td>
      <td class="num" data-key="${vm.seconds}">${vm.cached ? '' : formatDuration(vm.seconds * 1000)}</td>
      <td>${vm.error === undefined ? '' : html`<code>${vm.error.code}</code>`}</td>
    </tr>`;
  const head = ['Machine', 'Wave', 'State', 'Proof', 'Time', 'Error'].map(
    (name) => html`<th><button type="button">${name}</button></th>`,
  );
  return html`<section class="card">
    <h2>Machines</h2>
    <input class="js-only" type="search" id="filter" placeholder="Filter" aria-label="Filter machines" />
    <div class="scroll">
      <table id="vms">
        <thead>
          <tr>
            ${head}
          </tr>
        </thead>
        <tbody>
          ${report.vms.map(row)}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** The report as one HTML file that loads nothing and can be read without scripts. */
export function reportHtml(report: RunReport, options: HtmlOptions = {}): string {
  const { run } = report;
  const cards = [...report.vms]
    .sort((a, b) => Number(b.state === 'failed') - Number(a.state === 'failed'))
    .slice(0, CARDS);
  const counts = Object.entries(report.counts).map(([state, count]) => html`${badge(state)} ${count} `);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${run.playbook}: ${run.outcome} (${run.id})</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${run.playbook} ${badge(run.outcome)}</h1>
          <p class="soft">Run <code>${run.id}</code>, plan <code>${run.planHash.slice(0, 12)}</code></p>
          <dl class="facts">
            <div>
              <dt>Machines</dt>
              <dd>${counts}</dd>
            </div>
            <div>
              <dt>Started</dt>
              <dd>${run.startedAt.slice(0, 19).replace('T', ' ')} UTC</dd>
            </div>
            <div>
              <dt>Took</dt>
              <dd>${formatDuration(run.seconds * 1000)}</dd>
            </div>
            <div>
              <dt>By</dt>
              <dd>${run.user} on ${run.host}</dd>
            </div>
            <div>
              <dt>Accelerator</dt>
              <dd>
                ${report.host.accelerator.toUpperCase()} <span class="soft">${report.host.acceleratorReason}</span>
              </dd>
            </div>
          </dl>
        </header>
        <main>
          <section class="card">
            <h2>Timeline</h2>
            ${timeline(report)}
          </section>
          ${report.vms.length > 1 ? vmTable(report) : undefined}
          ${cards.map((vm) => vmCard(vm, options.screenshots?.get(vm.vmKey)))}
          ${report.vms.length > cards.length ? html`<p class="soft">${report.vms.length - cards.length} more machines are in the table and in report.json.</p>` : undefined}
          ${
            report.warnings.length === 0
              ? undefined
              : html`<section class="card">
                  <h2>Warnings</h2>
                  <ul>
                    ${report.warnings.map((warning) => html`<li>${warning}</li>`)}
                  </ul>
                </section>`
          }
          ${
            report.leftBehind.length === 0
              ? undefined
              : html`<section class="card">
                  <h2>Left behind</h2>
                  <ul>
                    ${report.leftBehind.map((item) => html`<li>${item}</li>`)}
                  </ul>
                </section>`
          }
          ${
            report.next.length === 0
              ? undefined
              : html`<section class="card">
                  <h2>Next</h2>
                  <pre>${report.next.join('\n')}</pre>
                </section>`
          }
          <section class="card">
            <h2>Made with</h2>
            <details>
              <summary>Programs and playbooks <span class="soft">Drover ${run.version}</span></summary>
              <div class="scroll">
                <table>
                  <tbody>
                    ${Object.entries(report.host.tools).map(
                      ([tool, version]) =>
                        html`<tr>
                          <td>${tool}</td>
                          <td>${version}</td>
                        </tr>`,
                    )}${report.playbookDigests.map(
                      (file) =>
                        html`<tr>
                          <td>${file.file}</td>
                          <td><code>sha256 ${file.sha256}</code></td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </div>
            </details>
          </section>
        </main>
        <footer>
          Drover ${run.version}. Times are UTC. Everything in this page is in <code>report.json</code> beside it.
        </footer>
        <script>
          ${new Markup(SCRIPT)};
        </script>
      </body>
    </html> `;
  return page.text;
}
