import { join } from 'node:path';
import { sha256 } from '../lib/canonical-json.js';

/**
 * Folder above the artefacts. A scratch folder may serve several projects whose machines have equal names, so each state
 * folder has a part of its own in it.
 */
export function storeDirOf(stateDir: string, scratch: string | undefined): string {
  return scratch === undefined ? stateDir : join(scratch, `drover-${sha256(stateDir).slice(0, 12)}`);
}
