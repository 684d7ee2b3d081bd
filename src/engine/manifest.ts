/** The manifest of an artefact: what a stage left, under which fingerprint, and how to tell that it is still that. */
import { join } from 'node:path';
import type { Host } from '../host/index.js';
import type { FingerprintParts } from '../model/graph.js';
import type { OutputsVerdict } from '../model/history.js';
import type { StageOutput } from '../model/stage-runner.js';
import type { StageName } from '../model/stage.js';
import type { VerifyLevel } from './run-types.js';
import { fileSha256, sampleId } from './sample-id.js';

export const MANIFEST_VERSION = 1;
const MANIFEST_LIMIT = 256 * 1024 ** 2;

export interface ManifestOutput {
  readonly role: string;
  readonly kind: StageOutput['kind'];
  /** Relative to the folder of the artefact when it lies there, else absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly allocatedBytes: number;
  readonly mtimeNs: string;
  /** `sampled:<hex>` or `sha256:<hex>`; absent for a folder, of which only the presence is checked. */
  readonly id?: string;
  /** `sampled:<hex>` beside the whole digest of a large file, which is too much to read on every look. */
  readonly sample?: string;
}

export interface Manifest {
  readonly schema: number;
  readonly vmKey: string;
  readonly stage: StageName;
  readonly fingerprint: string;
  readonly parts?: FingerprintParts;
  readonly outputs: readonly ManifestOutput[];
  /** What the stage told the stages after it. */
  readonly result: unknown;
  readonly degraded?: true;
  readonly bytes?: number;
  readonly producedBy: { readonly run: string; readonly task: string; readonly attempt: number };
  readonly startedAt: string;
  readonly endedAt: string;
  /** Set when intermediates were removed on purpose. */
  readonly dropped?: { readonly at: string; readonly paths: readonly string[] };
}

export function manifestPath(dir: string): string {
  return join(dir, 'manifest.json');
}

/** Folder that the stage works in and whose content it leaves. */
export function filesDir(dir: string): string {
  return join(dir, 'files');
}

/** The manifest in a folder; undefined when there is none or it is not readable: then there is no artefact. */
export async function readManifest(host: Host, dir: string): Promise<Manifest | undefined> {
  const path = manifestPath(dir);
  if ((await host.files.stat(path)) === undefined) return undefined;
  try {
    const value = JSON.parse(await host.files.readText(path, MANIFEST_LIMIT)) as Partial<Manifest>;
    const isOurs = value.schema === MANIFEST_VERSION && typeof value.fingerprint === 'string';
    return isOurs && Array.isArray(value.outputs) ? (value as Manifest) : undefined;
  } catch {
    // It was written in one step, so it was damaged later: the work counts as not done and is done again.
    return undefined;
  }
}

function absolute(dir: string, output: ManifestOutput): string {
  return output.path.startsWith('/') ? output.path : join(dir, output.path);
}

async function verdictOf(
  host: Host,
  dir: string,
  output: ManifestOutput,
  level: VerifyLevel,
): Promise<OutputsVerdict | undefined> {
  const path = absolute(dir, output);
  const facts = await host.files.stat(path);
  if (facts === undefined) return { kind: 'missing', path };
  if (level === 'none' || output.id === undefined) return undefined;
  if (facts.sizeBytes !== output.bytes) {
    return { kind: 'altered', path, how: `it has ${facts.sizeBytes} bytes instead of ${output.bytes}` };
  }
  if (facts.mtimeNs !== output.mtimeNs) return { kind: 'altered', path, how: 'it was written to afterwards' };
  const expected = level === 'sampled' ? (output.sample ?? output.id) : output.id;
  const id = expected.startsWith('sha256:') ? `sha256:${await fileSha256(host, path)}` : await sampleId(host, path);
  return id === expected ? undefined : { kind: 'altered', path, how: 'its content differs' };
}

/** Files larger than this are looked at by samples when their whole digest is known. */
const SMALL_BYTES = 8 * 1024 ** 2;

/** What a manifest keeps to recognise the content of a file, whose whole digest the stage may know. */
export async function contentIds(
  host: Host,
  path: string,
  sizeBytes: number,
  sha256: string | undefined,
): Promise<Pick<ManifestOutput, 'id' | 'sample'>> {
  if (sha256 === undefined) return { id: await sampleId(host, path) };
  return { id: `sha256:${sha256}`, ...(sizeBytes > SMALL_BYTES ? { sample: await sampleId(host, path) } : {}) };
}

/** Whether what a manifest lists is there and unchanged. */
export async function verifyOutputs(
  host: Host,
  dir: string,
  manifest: Manifest,
  level: VerifyLevel,
): Promise<OutputsVerdict> {
  for (const output of manifest.outputs) {
    if (manifest.dropped !== undefined && output.kind === 'intermediate') continue;
    const verdict = await verdictOf(host, dir, output, level);
    if (verdict !== undefined) return verdict;
  }
  if (manifest.dropped !== undefined && manifest.dropped.paths.length > 0) {
    return { kind: 'dropped', paths: manifest.dropped.paths };
  }
  return { kind: 'ok' };
}
