import { describe, expect, it } from 'vitest';
import { bootCases, moduleCases } from '../testing/boot-cases.js';
import { runCase } from '../testing/cases.js';
import type { FixCase } from '../testing/cases.js';
import { agentCases, networkCases } from '../testing/network-cases.js';
import { storageCases } from '../testing/storage-cases.js';

async function check(fixture: FixCase): Promise<void> {
  const { reports, changed } = await runCase(fixture);
  expect(reports.filter((report) => report.status === 'failed')).toEqual([]);
  expect(changed).toEqual(fixture.expected);
  const warnings = reports.flatMap((report) => report.warnings);
  expect(warnings).toHaveLength(fixture.warnings?.length ?? 0);
  for (const [index, pattern] of (fixture.warnings ?? []).entries()) expect(warnings[index]).toMatch(pattern);
  const notes = reports.flatMap((report) => report.notes).join('\n');
  for (const pattern of fixture.notes ?? []) expect(notes).toMatch(pattern);
  // What the report shows is what changed, no more and no less.
  const reported = reports.flatMap((report) => report.changes.map((change) => change.path));
  expect([...new Set(reported)].sort()).toEqual(Object.keys(fixture.expected).sort());
}

describe.each([
  ['devices', storageCases],
  ['boot loaders', bootCases],
  ['modules', moduleCases],
  ['networks', networkCases],
  ['agents', agentCases],
])('fixing %s', (_group, fixtures) => {
  it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s', async (_name, fixture) => {
    await check(fixture);
  });
});

it('has at least forty fixtures', () => {
  const all = [storageCases, bootCases, moduleCases, networkCases, agentCases].flat();
  expect(new Set(all.map((fixture) => fixture.name)).size).toBeGreaterThanOrEqual(40);
});
