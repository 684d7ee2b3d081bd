/**
 * The artefact store. A stage works in a fresh folder of its own; when it succeeds its outputs are made durable and the
 * manifest is written last. No manifest, no artefact: whatever else lies in the folder is left over from a broken attempt.
 */
import { isAbsolute, join, relative } from 'node:path';
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { PlannedVm, TaskNode } from '../model/graph.js';
import type { StageOutcome, StageOutput } from '../model/stage-runner.js';
import type { StageName } from '../model/stage.js';
import { artefactDir, DIR_MODE, stageStoreDir, vmStoreDir } from './layout.js';
import { contentIds, filesDir, MANIFEST_VERSION, manifestPath, readManifest } from './manifest.js';
import type { Manifest, ManifestOutput } from './manifest.js';

/** Makes the folder for an attempt: whatever an earlier attempt left there is gone, its manifest first. */
export async function prepareWork(host: Host, dir: string): Promise<string> {
  await host.files.makeDir(dir, DIR_MODE);
  if (await host.files.exists(manifestPath(dir))) {
    await host.files.remove(manifestPath(dir));
    await host.files.syncDir(dir);
  }
  await host.files.removeTree(filesDir(dir));
  await host.files.makeDir(filesDir(dir), DIR_MODE);
  return filesDir(dir);
}

export interface SealRequest {
  readonly dir: string;
  readonly node: TaskNode;
  readonly vm: PlannedVm;
  readonly stage: StageName;
  readonly fingerprint: string;
  readonly outcome: StageOutcome<StageName>;
  readonly run: string;
  readonly attempt: number;
  readonly startedAt: string;
}

/** Makes the outputs durable and writes the manifest. Throws `engine.output-missing`. */
export async function sealArtefact(host: Host, request: SealRequest): Promise<Manifest> {
  const { dir, node, outcome } = request;
  const outputs: ManifestOutput[] = [];
  for (const output of outcome.outputs) outputs.push(await describeOutput(host, dir, output, node.key));
  const manifest: Manifest = {
    schema: MANIFEST_VERSION,
    vmKey: request.vm.vmKey,
    stage: request.stage,
    fingerprint: request.fingerprint,
    ...(node.fingerprintParts === undefined ? {} : { parts: node.fingerprintParts }),
    outputs,
    result: outcome.result,
    ...(outcome.degraded === true ? { degraded: true as const } : {}),
    ...(outcome.bytes === undefined ? {} : { bytes: outcome.bytes }),
    producedBy: { run: request.run, task: node.id, attempt: request.attempt },
    startedAt: request.startedAt,
    endedAt: new Date(host.clock.now()).toISOString(),
  };
  await host.files.writeAtomic(manifestPath(dir), host.redactor.redact(JSON.stringify(manifest)));
  return manifest;
}

async function describeOutput(host: Host, dir: string, output: StageOutput, key: string): Promise<ManifestOutput> {
  const path = isAbsolute(output.path) ? output.path : join(filesDir(dir), output.path);
  const before = await host.files.stat(path);
  if (before === undefined) {
    throw new DroverError({ code: 'engine.output-missing', message: `${key} left no ${output.role} at ${path}` });
  }
  const isFolder = before.kind === 'directory';
  if (!isFolder) await host.files.syncFile(path);
  const ids = isFolder ? {} : await contentIds(host, path, before.sizeBytes, output.sha256);
  const facts = (await host.files.stat(path)) ?? before;
  const inside = relative(dir, path);
  return {
    role: output.role,
    kind: output.kind,
    path: inside.startsWith('..') ? path : inside,
    bytes: facts.sizeBytes,
    allocatedBytes: facts.allocatedBytes,
    mtimeNs: facts.mtimeNs,
    ...ids,
  };
}

/** Removes what other fingerprints of the same stage left: only the newest work of a stage is kept. */
export async function removeOlder(
  host: Host,
  storeDir: string,
  vmKey: string,
  stage: StageName,
  fingerprint: string,
): Promise<void> {
  const parent = stageStoreDir(storeDir, vmKey, stage);
  const keep = artefactDir(storeDir, vmKey, stage, fingerprint);
  for (const name of await host.files.list(parent)) {
    if (join(parent, name) !== keep) await host.files.removeTree(join(parent, name));
  }
}

/** The one artefact that a stage of a machine has in the store. */
export async function findArtefact(
  host: Host,
  storeDir: string,
  vmKey: string,
  stage: StageName,
): Promise<{ readonly dir: string; readonly manifest: Manifest } | undefined> {
  const parent = stageStoreDir(storeDir, vmKey, stage);
  if ((await host.files.stat(parent)) === undefined) return undefined;
  let newest: { readonly dir: string; readonly manifest: Manifest } | undefined;
  for (const name of await host.files.list(parent)) {
    const dir = join(parent, name);
    const manifest = await readManifest(host, dir);
    // Two only when a crash came between sealing one and removing the other.
    if (manifest !== undefined && (newest === undefined || manifest.endedAt > newest.manifest.endedAt)) {
      newest = { dir, manifest };
    }
  }
  return newest;
}

/** Bytes that dropping freed. */
export interface Dropped {
  readonly paths: readonly string[];
  readonly bytes: number;
}

/**
 * Removes the intermediates of an artefact and everything in its folder that it does not list. The manifest says so
 * before anything is removed, so that no later run takes it for a loss.
 */
async function dropIntermediates(host: Host, dir: string, isDryRun = false): Promise<Dropped> {
  const manifest = await readManifest(host, dir);
  const keep = new Set(
    (manifest?.outputs ?? [])
      .filter((output) => output.kind !== 'intermediate')
      .map((output) => join(dir, output.path)),
  );
  const doomed: { path: string; bytes: number }[] = [];
  const root = filesDir(dir);
  if ((await host.files.stat(root)) !== undefined) await collect(host, root, keep, doomed);
  const bytes = doomed.reduce((sum, file) => sum + file.bytes, 0);
  if (isDryRun) return { paths: doomed.map((file) => file.path), bytes };
  const paths = (manifest?.outputs ?? [])
    .filter((output) => output.kind === 'intermediate' && !output.path.startsWith('/'))
    .map((output) => output.path);
  if (manifest !== undefined && manifest.dropped === undefined && paths.length > 0) {
    const dropped = { at: new Date(host.clock.now()).toISOString(), paths };
    await host.files.writeAtomic(manifestPath(dir), JSON.stringify({ ...manifest, dropped }));
  }
  for (const { path } of doomed) await host.files.removeTree(path);
  return { paths: doomed.map((file) => file.path), bytes };
}

/** Files below a folder that are not to be kept; a folder that holds nothing to keep counts as one. */
async function collect(
  host: Host,
  dir: string,
  keep: ReadonlySet<string>,
  doomed: { path: string; bytes: number }[],
): Promise<void> {
  for (const name of await host.files.list(dir)) {
    const path = join(dir, name);
    if (keep.has(path)) continue;
    const facts = await host.files.lstat(path);
    if (facts?.kind === 'directory') {
      const keepsInside = [...keep].some((kept) => kept.startsWith(`${path}/`));
      if (keepsInside) await collect(host, path, keep, doomed);
      else doomed.push({ path, bytes: await treeBytes(host, path) });
    } else {
      doomed.push({ path, bytes: facts?.allocatedBytes ?? 0 });
    }
  }
}

/** Bytes that a folder takes on disk. */
export async function treeBytes(host: Host, dir: string): Promise<number> {
  const facts = await host.files.lstat(dir);
  if (facts === undefined) return 0;
  if (facts.kind !== 'directory') return facts.allocatedBytes;
  let bytes = 0;
  for (const name of await host.files.list(dir)) bytes += await treeBytes(host, join(dir, name));
  return bytes;
}

/** Drops the intermediates of every stage of a machine. */
export async function dropVmIntermediates(
  host: Host,
  storeDir: string,
  vmKey: string,
  isDryRun = false,
): Promise<Dropped> {
  const root = vmStoreDir(storeDir, vmKey);
  const paths: string[] = [];
  let bytes = 0;
  if ((await host.files.stat(root)) === undefined) return { paths, bytes };
  // Last stage first: an overlay goes before what it stands on.
  for (const stage of [...(await host.files.list(root))].reverse()) {
    for (const name of await host.files.list(join(root, stage))) {
      const dropped = await dropIntermediates(host, join(root, stage, name), isDryRun);
      paths.push(...dropped.paths);
      bytes += dropped.bytes;
    }
  }
  return { paths, bytes };
}
