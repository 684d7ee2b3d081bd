import { formatDuration } from '../../lib/units.js';
import type { VmReport } from '../../model/report.js';
import type { GuestReport, ValidateResult, ValidationCheck } from '../../model/results.js';
import { h, Markup } from './markup.js';
import { badge, code, fold, table } from './parts.js';

/** What proves the machine: the verdict, what the guest said of itself, and every check with what was seen. */
export function evidence(vm: VmReport, screenshot: Buffer | undefined): Markup | undefined {
  const { validation } = vm;
  if (validation === undefined) return undefined;
  const how = validation.accelerator === undefined ? '' : ` under ${validation.accelerator.toUpperCase()}`;
  return h`<section><h3>Evidence ${badge(validation.verdict)}</h3>
<p class="soft">Level ${validation.level}${how}.${validation.evidenceDir === undefined ? undefined : h` Bundle: ${code(validation.evidenceDir)}`}</p>
${validation.guestReport === undefined ? undefined : guestFacts(validation.guestReport)}
${checks(validation)}
${screenshot === undefined ? undefined : picture(screenshot)}
</section>`;
}

/** The three things that say most about a guest that came up. */
function guestFacts(guest: GuestReport): Markup {
  const nics = guest.interfaces.filter((nic) => nic.name !== 'lo');
  const up = nics.filter((nic) => nic.addresses.length > 0);
  const failed = guest.failedUnits.length;
  return h`<ul class="facts">
<li class="${guest.systemState === 'running' ? 'good' : 'warn'}"><strong>${guest.hostname}</strong> is ${guest.systemState}<span class="soft">kernel ${guest.kernel}</span></li>
<li class="${up.length === 0 ? 'bad' : up.length < nics.length ? 'warn' : 'good'}">${up.length === 0 ? 'no adapter has an address' : up.map((nic, at) => h`${at === 0 ? '' : ', '}<strong>${nic.name}</strong> ${nic.addresses.join(' ')}`)}<span class="soft">${routes(guest)}</span></li>
<li class="${failed === 0 ? 'good' : 'bad'}"><strong>${failed}</strong> failed unit${failed === 1 ? '' : 's'}<span class="soft">${guest.failedUnits.join(', ')}</span></li>
</ul>
${
  nics.length < 2
    ? undefined
    : table(
        ['interface', 'MAC', 'state', 'addresses'],
        nics.map((nic) => [code(nic.name), code(nic.mac), nic.state, nic.addresses.join(', ')]),
      )
}`;
}

function routes(guest: GuestReport): string {
  if (guest.defaultRoutes.length === 0) return 'no default route';
  return `default route ${guest.defaultRoutes.map((route) => `via ${route.via} on ${route.dev}`).join(', ')}`;
}

function checks(validation: ValidateResult): Markup {
  const rows = validation.checks.map((check) => [
    h`<code class="id">${check.id}</code>`,
    badge(check.status),
    check.expected ?? '',
    seen(check),
    check.seconds > 0 ? formatDuration(check.seconds * 1000) : '',
  ]);
  return table(['check', 'result', 'expected', 'seen', '#time'], rows);
}

function seen(check: ValidationCheck): Markup {
  const text = check.evidence.trim();
  const isShort = text.length <= 80 && !text.includes('\n');
  if (check.actual === undefined) return isShort ? h`${text}` : fold('what was seen', undefined, h`<pre>${text}</pre>`);
  if (text === '' || text === check.actual) return h`${check.actual}`;
  return h`${check.actual}${fold('more', undefined, h`<pre>${text}</pre>`)}`;
}

function picture(png: Buffer): Markup {
  const data = new Markup(png.toString('base64'));
  return fold(
    'The screen at the end',
    undefined,
    h`<img class="screen" alt="screen of the booted guest" src="data:image/png;base64,${data}">`,
  );
}
