/** What integration tests need of the machine. */
import { createHost } from '../../src/host/index.js';
import type { ToolName } from '../../src/host/index.js';

/**
 * Whether every tool is there; else prints what is missing, for `describe.skipIf(!(await requireTools(...)))`.
 * With DROVER_REQUIRE_TOOLS=1 a missing tool is an error.
 */
export async function requireTools(...tools: readonly ToolName[]): Promise<boolean> {
  const host = createHost();
  const missing: string[] = [];
  for (const tool of tools) {
    if ((await host.toolVersion(tool)) === undefined) missing.push(tool);
  }
  if (missing.length === 0) return true;
  const reason = `skipped: ${missing.join(', ')} not installed`;
  if (process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(reason);
  console.warn(reason);
  return false;
}
