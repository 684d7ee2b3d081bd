/** The shape of a fixture: files before, and exactly the files that differ afterwards. */
import { runFixers } from '../fixers/runner.js';
import { textFixers } from '../fixers/registry.js';
import type { StepReport } from '../../../model/fix.js';
import { testContext } from './context.js';
import type { TestFacts } from './context.js';
import { dumpTree } from './tree.js';
import type { TestFile } from './tree.js';

export interface FixCase {
  readonly name: string;
  readonly given: Readonly<Record<string, TestFile>>;
  readonly facts?: TestFacts;
  /** Every path that differs afterwards: new content, `-> target` of a link, or undefined when it is gone. */
  readonly expected: Readonly<Record<string, string | undefined>>;
  /** One pattern for every warning, in order. */
  readonly warnings?: readonly RegExp[];
  /** Patterns that some note must match. */
  readonly notes?: readonly RegExp[];
}

/** Runs all steps that edit text over a fixture. */
export async function runCase(fixture: FixCase): Promise<{
  readonly reports: readonly StepReport[];
  readonly changed: Record<string, string | undefined>;
  readonly after: Record<string, string>;
}> {
  const ctx = testContext(fixture.given, fixture.facts);
  const before = dumpTree(ctx.tree);
  const reports = await runFixers(ctx, textFixers);
  const after = dumpTree(ctx.tree);
  const changed: Record<string, string | undefined> = {};
  for (const path of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (before[path] !== after[path]) changed[path] = after[path]?.replace(/^[0-7]+ /, '');
  }
  return { reports, changed, after };
}
