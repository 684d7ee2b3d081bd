/** Real guests for integration and end-to-end tests. */
import { whyNotHere } from '../guests/index.mjs';

export { buildGuest } from '../guests/index.mjs';

/**
 * Whether real guests can be built here; else prints why not, for `describe.skipIf(!(await requireGuests()))`.
 * With DROVER_REQUIRE_TOOLS=1 that is an error.
 */
export async function requireGuests(): Promise<boolean> {
  const obstacle = await whyNotHere();
  if (obstacle === undefined) return true;
  const reason = `skipped: ${obstacle}`;
  if (process.env['DROVER_REQUIRE_TOOLS'] === '1') throw new Error(reason);
  console.warn(reason);
  return false;
}
