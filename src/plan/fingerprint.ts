/**
 * Fingerprints are input-addressed: every stage's rests on the one before it, and FETCH's on the facts of the source. So
 * all of them are known when the plan is made, before anything ran.
 */
import { canonicalJson, digestOf, sha256 } from '../lib/canonical-json.js';
import { parsePointer } from '../lib/json-pointer.js';
import type { FingerprintParts, PlannedVm } from '../model/graph.js';
import type { ResolvedSettings } from '../model/settings.js';
import { STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import type { ChainFile, VmDescription } from '../model/vm.js';
import type { PlanFacts } from './facts.js';

/** Version of the way fingerprints are made. */
const FINGERPRINT_VERSION = 1;
const SHOWN_DIGITS = 16;

export interface StageFingerprint {
  readonly fingerprint: string;
  readonly parts: FingerprintParts;
}

export type Fingerprinter = (vm: PlannedVm) => Readonly<Record<StageName, StageFingerprint>>;

interface Piece {
  readonly values: Readonly<Record<string, unknown>>;
  /** Canonical members without braces, by pointer. */
  readonly members: readonly (readonly [pointer: string, json: string])[];
  readonly json: string;
}

/**
 * Makes the fingerprints of machines. What a stage does not declare to read never enters: labels, timeouts, retries,
 * attempts, run ids, host names, scratch paths, capacities.
 */
export function fingerprinter(facts: PlanFacts): Fingerprinter {
  const tools = perStage((stage) => toolVersions(facts, stage));
  const toolsJson = perStage((stage) => canonicalJson(tools[stage]));
  const pointers = perStage((stage) => [...new Set(facts.stages[stage].readsSettings)].sort());
  const pieces = new WeakMap<ResolvedSettings, Map<StageName, Piece>>();

  const pieceOf = (settings: ResolvedSettings, stage: StageName): Piece => {
    let ofSettings = pieces.get(settings);
    if (ofSettings === undefined) pieces.set(settings, (ofSettings = new Map<StageName, Piece>()));
    let piece = ofSettings.get(stage);
    if (piece === undefined) ofSettings.set(stage, (piece = makePiece(settings, pointers[stage])));
    return piece;
  };

  return (vm) => {
    const result = {} as Record<StageName, StageFingerprint>;
    let input: string | null = null;
    for (const stage of STAGES) {
      const { implVersion } = facts.stages[stage];
      const source = stage === 'FETCH' ? sourceFacts(vm.description) : NO_SOURCE;
      const base = pieceOf(vm.settings, stage);
      // The name and the folder of the machine are written into the product.
      const piece = stage === 'CONVERT' ? withPlace(base, vm) : base;
      const parts: FingerprintParts = { implVersion, settings: piece.values, input, source, tools: tools[stage] };
      // The canonical JSON of { v, stage, ...parts }, joined from parts that many machines share.
      const json: string = `{"implVersion":${canonicalJson(implVersion)},"input":${canonicalJson(input)},"settings":${piece.json},"source":${canonicalJson(source)},"stage":"${stage}","tools":${toolsJson[stage]},"v":${FINGERPRINT_VERSION}}`;
      const fingerprint = sha256(json);
      result[stage] = { fingerprint, parts };
      input = fingerprint;
    }
    return result;
  };
}

/** The fingerprint that parts lead to; what `fingerprinter` computes piecewise. */
export function fingerprintOf(stage: StageName, parts: FingerprintParts): string {
  return digestOf({ v: FINGERPRINT_VERSION, stage, ...parts });
}

const NO_SOURCE: Readonly<Record<string, string>> = Object.freeze({});

function perStage<T>(make: (stage: StageName) => T): Readonly<Record<StageName, T>> {
  return Object.fromEntries(STAGES.map((stage) => [stage, make(stage)])) as Record<StageName, T>;
}

function toolVersions(facts: PlanFacts, stage: StageName): Readonly<Record<string, string>> {
  const names = [...new Set(facts.stages[stage].tools)].sort();
  return Object.fromEntries(names.map((name) => [name, facts.tools[name] ?? 'missing']));
}

function makePiece(settings: ResolvedSettings, pointers: readonly string[]): Piece {
  const values: Record<string, unknown> = {};
  const members: [string, string][] = [];
  for (const pointer of pointers) {
    const value = valueAt(settings, pointer);
    if (value === undefined) continue;
    values[pointer] = value;
    members.push([pointer, canonicalJson(value)]);
  }
  return { values, members, json: joined(members) };
}

function withPlace(piece: Piece, vm: PlannedVm): Piece {
  const place = { '/vm/name': vm.name, '/vm/outDir': vm.outDir };
  const members = [...piece.members, ...Object.entries(place).map(([k, v]) => [k, canonicalJson(v)] as const)].sort(
    ([a], [b]) => (a < b ? -1 : 1),
  );
  return { values: { ...piece.values, ...place }, members, json: joined(members) };
}

function joined(members: Piece['members']): string {
  return `{${members.map(([pointer, json]) => `${JSON.stringify(pointer)}:${json}`).join(',')}}`;
}

function valueAt(settings: ResolvedSettings, pointer: string): unknown {
  let value: unknown = settings;
  for (const part of parsePointer(pointer) ?? [pointer]) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** One entry per file of every disk, and one for everything else that the source says about the machine. */
function sourceFacts(description: VmDescription): Readonly<Record<string, string>> {
  const facts: Record<string, string> = { machine: machineDigest(description) };
  for (const disk of description.disks) {
    const { location } = disk;
    if (location.kind === 'blank') continue;
    const files = location.kind === 'file' ? location.chain : location.files;
    for (const file of files) facts[`${disk.id} ${file.path}`] = fileFact(file);
  }
  return facts;
}

function fileFact(file: ChainFile): string {
  return `${file.sizeBytes} bytes, mtime ${file.mtimeNs}, sample ${file.sampleSha256.slice(0, SHOWN_DIGITS)}`;
}

/** Digest over what the descriptor says; warnings and file states left out. */
function machineDigest(description: VmDescription): string {
  const { warnings: _, disks, ...machine } = description;
  const shapes = disks.map(({ location, ...disk }) => ({ ...disk, location: locationShape(location) }));
  return digestOf({ ...machine, disks: shapes }).slice(0, SHOWN_DIGITS);
}

function locationShape(location: VmDescription['disks'][number]['location']): unknown {
  if (location.kind === 'blank') return location;
  if (location.kind === 'file') {
    const { kind, path, format, chain } = location;
    return { kind, path, format, chain: chain.map((file) => [file.path, file.role]) };
  }
  const { files: _, ...rest } = location;
  return rest;
}

/** Digest of the source facts of a machine, which a run of a saved plan compares again. */
export function descriptionDigest(description: VmDescription): string {
  return digestOf(sourceFacts(description)).slice(0, SHOWN_DIGITS);
}
