import { describe, expect, test } from 'vitest';
import { failedVm, hostileVm, sampleReport, sampleVm } from '../../../test/support/report-fixture.js';
import { reportMarkdown } from '../markdown.js';
import { runSummaryText } from '../summary.js';
import { reportHtml } from './page.js';

const report = sampleReport([sampleVm('web01', 0), failedVm('db01'), sampleVm('app01', 30, { cached: true })]);

describe('the HTML report', () => {
  test('loads nothing: no address with a scheme, and a policy that forbids it', () => {
    const page = reportHtml(report);
    expect(page).not.toMatch(/(?:src|href)="(?!#|data:image\/png)/);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1]?.replaceAll('&#39;', "'");
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-[A-Za-z0-9+/=]+'/,
    );
  });

  test('escapes whatever a guest or a descriptor says', () => {
    const page = reportHtml(sampleReport([hostileVm()]));
    expect(page).not.toContain('<script>window');
    expect(page).not.toContain('"onload="');
    expect(page).not.toContain('\u202e');
  });

  test('shows the proof, the diffs and the error with its hint', () => {
    const page = reportHtml(report);
    for (const text of [
      '10.0.2.15/24',
      'by-path/pci-0000:03:00.0',
      '<strong>What to do:</strong> Free space',
      'web01 login:',
      'dpkg --purge open-vm-tools',
    ]) {
      expect(page).toContain(text);
    }
  });

  test('10 000 machines fit into 5 MiB', () => {
    const many = sampleReport(Array.from({ length: 10_000 }, (_, index) => sampleVm(`vm${index}`, index % 50)));
    expect(Buffer.byteLength(reportHtml(many))).toBeLessThan(5 * 1024 ** 2);
  });
});

describe('the Markdown report', () => {
  test('holds the same story', () => {
    const text = reportMarkdown(report);
    expect(text).toContain('# Run 20260502T220000Z-k3f9qa: failed');
    expect(text).toContain('```diff\n--- /etc/fstab');
    expect(text).toContain('**CONVERT failed: `file.no-space`**');
  });

  test('text from a guest cannot become markup', () => {
    // Inside code spans and fences it is text.
    const prose = reportMarkdown(sampleReport([hostileVm()])).replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');
    expect(prose).not.toContain('<script>window');
  });
});

test('the last words of a run say what failed, what to do and where things lie', () => {
  const text = runSummaryText(report);
  expect(text).toContain('✖ db01  failed');
  expect(text).toContain('hint: Free space');
  expect(text).toContain('drover logs 20260502T220000Z-k3f9qa --vm db01 --stage CONVERT');
  expect(text).toContain('proof pass: web01 booted (running), ens192 10.0.2.15/24, 0 failed units');
  expect(text).toContain('app01  nothing to do');
});
