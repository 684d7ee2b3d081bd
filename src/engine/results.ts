import type { Host } from '../host/index.js';
import type { TaskGraph } from '../model/graph.js';
import type { StageResults } from '../model/results.js';
import { artefactDir } from './layout.js';
import { readManifest } from './manifest.js';

/** What the stages of a plan left in the store, by task id. Stages that did not succeed, or whose work was replaced, are absent. */
export async function readResults(
  host: Host,
  storeDir: string,
  graph: TaskGraph,
): Promise<ReadonlyMap<string, StageResults[keyof StageResults]>> {
  const results = new Map<string, StageResults[keyof StageResults]>();
  for (const node of graph.nodes) {
    if (node.stage === undefined || node.vmKey === undefined || node.fingerprint === null) continue;
    const manifest = await readManifest(host, artefactDir(storeDir, node.vmKey, node.stage, node.fingerprint));
    if (manifest?.fingerprint !== node.fingerprint) continue;
    results.set(node.id, manifest.result as StageResults[keyof StageResults]);
  }
  return results;
}
