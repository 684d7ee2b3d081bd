/** The HTML report in a real browser: what it loads, what it runs, what it shows, and what hostile names can do to it. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../src/model/report.js';
import { reportHtml } from '../../src/report/index.js';
import { failedVm, hostileVm, sampleReport, sampleVm } from '../support/report-fixture.js';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
];
/** One red pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
);

const isThere = existsSync(CHROMIUM);
if (!isThere) {
  const reason = `skipped: ${CHROMIUM} not installed`;
  if (process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(reason);
  console.warn(reason);
}

describe.skipIf(!isThere)('the HTML report in Chromium', () => {
  let browser: Browser;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drover-report-'));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** Evaluates an expression in the page. A text, because it runs in another world with other globals. */
  function inPage<T>(page: Page, expression: string): Promise<T> {
    return page.evaluate(expression);
  }

  interface Visit {
    readonly page: Page;
    /** Every address that was asked for besides the file itself. */
    readonly requests: readonly string[];
    /** Console errors, uncaught exceptions and refusals by the policy. */
    readonly complaints: readonly string[];
  }

  async function visit(
    report: RunReport,
    options: { readonly javaScriptEnabled?: boolean; readonly colorScheme?: 'light' | 'dark' } = {},
    hash = '',
  ): Promise<Visit> {
    const path = join(dir, `report-${Math.random().toString(36).slice(2)}.html`);
    await writeFile(path, reportHtml(report, { screenshots: new Map([['images:web01', PNG]]) }));
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    const requests: string[] = [];
    const complaints: string[] = [];
    const address = pathToFileURL(path).href;
    page.on('request', (request) => {
      if (!request.url().startsWith(address) && !request.url().startsWith('data:')) requests.push(request.url());
    });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(address + hash);
    return { page, requests, complaints };
  }

  const report = sampleReport([
    sampleVm('web01', 0),
    failedVm('db01'),
    sampleVm('app01', 30, { cached: true }),
    sampleVm('app02', 35),
  ]);

  it('asks for nothing, complains of nothing, and carries a policy that forbids the rest', async () => {
    const { page, requests, complaints } = await visit(report);
    const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', 'content');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe-eval');
    expect(complaints).toEqual([]);
    // The policy works: what the page itself would not do is refused.
    const refused = await inPage(
      page,
      `(async () => {
        const script = document.createElement('script');
        script.textContent = 'window.intruder = 1';
        document.body.append(script);
        const fetched = await fetch('https://example.invalid/').then(() => 'fetched', () => 'refused');
        return { fetched, intruder: window.intruder ?? null };
      })()`,
    );
    expect(refused).toEqual({ fetched: 'refused', intruder: null });
    expect(complaints.length).toBeGreaterThan(0);
    expect(requests).toEqual([]);
    await page.close();
  });

  it('sorts and filters the machines by its own script', async () => {
    const { page, complaints } = await visit(report);
    expect(await inPage(page, `document.documentElement.classList.contains('js')`)).toBe(true);
    const names = () =>
      inPage<string[]>(
        page,
        `[...document.querySelectorAll('#vms tbody tr:not([hidden])')].map((row) => row.cells[0].textContent)`,
      );
    await page.fill('#filter', 'app0');
    expect(await names()).toEqual(['app01', 'app02']);
    expect(await page.textContent('#found')).toBe('2 of 4');
    await page.fill('#filter', '');
    await page.click('#vms th:first-child button');
    expect(await names()).toEqual(['app01', 'app02', 'db01', 'web01']);
    await page.click('#vms th:first-child button');
    expect(await names()).toEqual(['web01', 'db01', 'app02', 'app01']);
    await page.click('#vms th:nth-child(5) button');
    expect((await names()).at(0)).toBe('db01');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('draws a lane per machine with visible bars that lie in time order', async () => {
    const { page } = await visit(report);
    interface Bar {
      readonly left: number;
      readonly width: number;
      readonly height: number;
      readonly title: string;
    }
    const lanes = await inPage<Bar[][]>(
      page,
      `[...document.querySelectorAll('#timeline .lane')].map((lane) =>
        [...lane.querySelectorAll('.bar')].map((bar) => {
          const { left, width, height } = bar.getBoundingClientRect();
          return { left, width, height, title: bar.title };
        }))`,
    );
    expect(lanes).toHaveLength(4);
    for (const bars of lanes) {
      expect(bars.length).toBeGreaterThanOrEqual(6);
      for (const bar of bars) {
        expect(bar.width).toBeGreaterThanOrEqual(1.9);
        expect(bar.height).toBeGreaterThan(10);
      }
      expect(bars.map((bar) => bar.left)).toEqual(bars.map((bar) => bar.left).sort((a, b) => a - b));
    }
    expect(lanes[1]?.map((bar) => bar.title)).toContain('CONVERT: 6.0s before try 2');
    expect(lanes[1]?.at(-1)?.title).toBe('CONVERT: 9.0s, try 2 of 2, failed');
    await page.close();
  });

  it('tells stages apart without colour', async () => {
    const { page } = await visit(report);
    const patterns = await inPage<string[]>(
      page,
      `[...document.querySelectorAll('.legend i')].map((sample) => {
        const style = getComputedStyle(sample);
        return style.backgroundImage + ' ' + style.outlineStyle;
      })`,
    );
    expect(patterns).toHaveLength(10);
    // FETCH and PLAN are plain; every other one has a pattern of its own.
    expect(new Set(patterns).size).toBe(9);
    await page.close();
  });

  it('opens differences of files and shows pictures', async () => {
    const { page } = await visit(report);
    await page.click('#toggle');
    const card = page.locator('details.vm', { has: page.locator('h2', { hasText: 'web01' }) });
    const diff = card.locator('details', { hasText: '/etc/fstab' }).locator('pre.diff').first();
    expect(await diff.isVisible()).toBe(true);
    expect(await diff.textContent()).toContain('by-path/pci-0000:03:00.0');
    const colours = await inPage<string[]>(
      page,
      `[...document.querySelector('pre.diff').children].map((line) => getComputedStyle(line).backgroundColor)`,
    );
    expect(new Set(colours).size).toBe(4);
    const link = card.locator('details', { hasText: '10-drover-ens192.link' }).first();
    const isOpen = await link.locator('pre').isVisible();
    await link.locator('summary').first().click();
    expect(await link.locator('pre').isVisible()).toBe(!isOpen);
    await card.locator('summary', { hasText: 'The screen at the end' }).click();
    expect(await inPage(page, `document.querySelector('img.screen').naturalWidth`)).toBe(1);
    await page.close();
  });

  it('opens the machine that a link leads to', async () => {
    const { page } = await visit(report, {}, '#vm-4');
    expect(await inPage(page, `document.querySelector('#vm-4').open`)).toBe(true);
    expect(await page.textContent('#vm-4 h2')).toBe('app02');
    expect(await inPage(page, `document.querySelector('#vm-1').open`)).toBe(false);
    await page.click('#timeline a[href="#vm-1"]');
    await page.waitForFunction(`document.querySelector('#vm-1').open`);
    await page.close();
  });

  it('can be read without scripts', async () => {
    const { page, complaints } = await visit(report, { javaScriptEnabled: false });
    expect(await page.isVisible('#filter')).toBe(false);
    expect(await page.isVisible('#timeline .bar')).toBe(true);
    const failed = page.locator('details.vm', { has: page.locator('h2', { hasText: 'db01' }) });
    expect(await failed.locator('.error').isVisible()).toBe(true);
    const moved = page.locator('details.vm', { has: page.locator('h2', { hasText: 'web01' }) });
    await moved.locator('> summary').click();
    expect(await moved.locator('ul.facts').innerText()).toContain('10.0.2.15/24');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('leaves hostile names inert', async () => {
    const { page, requests, complaints } = await visit(sampleReport([hostileVm(), sampleVm('web01', 0)]));
    const state = await inPage(
      page,
      `({
        broken: window.broken ?? null,
        scripts: document.scripts.length,
        handlers: [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
        bodies: document.querySelectorAll('body').length,
      })`,
    );
    expect(state).toEqual({ broken: null, scripts: 1, handlers: 0, bodies: 1 });
    expect(await page.textContent('#vm-1 h2')).toContain('<script>window.broken = 1</script>');
    expect(requests).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has readable contrast in %s', async (colorScheme) => {
    const { page } = await visit(report, { colorScheme });
    await page.click('#toggle');
    const { looked, weak } = await inPage<{ looked: number; weak: string[] }>(page, CONTRAST);
    expect(looked).toBeGreaterThan(200);
    expect(weak).toEqual([]);
    await page.close();
  });

  it('stays usable with ten thousand machines', async () => {
    const many = sampleReport(Array.from({ length: 10_000 }, (_, at) => sampleVm(`vm${at}`, at % 600)));
    const { page, complaints } = await visit(many);
    expect(await inPage(page, `document.querySelectorAll('#timeline .lane').length`)).toBe(101);
    expect(await inPage(page, `document.querySelectorAll('#vms tbody tr').length`)).toBe(10_000);
    await page.fill('#filter', 'vm9999');
    expect(await page.textContent('#found')).toBe('1 of 10000');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('fits a phone without scrolling sideways', async () => {
    const { page } = await visit(report);
    await page.setViewportSize({ width: 390, height: 800 });
    const width = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
    expect(await inPage(page, width)).toBeLessThanOrEqual(0);
    await page.close();
  });
});

/** Every visible text whose contrast with its background is below WCAG AA (4.5, 3 for the bold labels of bars). */
const CONTRAST = `(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const background = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if ((colour[3] ?? 1) === 1) return colour;
    }
    return [255, 255, 255];
  };
  const weak = new Set();
  let looked = 0;
  for (const element of document.querySelectorAll('p, td, th, dt, dd, h1, h2, h3, li, summary, .soft, .badge, code, pre span, .bar b')) {
    if (element.textContent.trim() === '' || element.getClientRects().length === 0) continue;
    looked += 1;
    const a = luminance(parse(getComputedStyle(element).color));
    const b = luminance(background(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const least = element.matches('.bar b') ? 3 : 4.5;
    if (ratio < least) weak.add(element.tagName + '.' + element.className + ' ' + ratio.toFixed(2) + ' ' + element.textContent.slice(0, 30));
  }
  return { looked, weak: [...weak] };
})()`;
