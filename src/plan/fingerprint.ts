/**
 * Fingerprints are input-addressed: every stage's rests on the one before it, and FETCH's on the facts of the source. So
 * all of them are known when the plan is made, before anything ran.
 */
import { canonicalJson, digestOf, sha256 } from '../lib/canonical-json.js';
import { parsePointer } from '../lib/json-pointer.js';
import type { FingerprintParts, PlannedVm } from '../model/graph.js';
import type { ResolvedSettings } from '../model/settings.js';
import type { StageName } from '../model/stage.js';
import { diskFiles } from '../model/vm.js';
import type { ChainFile, VmDescription } from '../model/vm.js';
import { byStage } from './by-stage.js';
import type { ByStage } from './by-stage.js';
import type { PlanFacts } from './facts.js';

/** Version of the way fingerprints are made. */
const FINGERPRINT_VERSION = 1;
const SHOWN_DIGITS = 16;

export interface StageFingerprint {
  readonly fingerprint: string;
  readonly parts: FingerprintParts;
}

export type Fingerprinter = (vm: PlannedVm) => ByStage<StageFingerprint>;

interface Piece {
  readonly values: Readonly<Record<string, unknown>>;
  readonly json: string;
}

/**
 * Makes the fingerprints of machines. What a stage does not declare to read never enters: labels, timeouts, retries,
 * attempts, run ids, host names, scratch paths, capacities.
 */
export function fingerprinter(facts: PlanFacts): Fingerprinter {
  const tools = byStage((stage) => toolVersions(facts, stage));
  const toolsJson = byStage((stage) => canonicalJson(tools[stage]));
  const pointers = byStage((stage) => [...new Set(facts.stages[stage].readsSettings)].sort());
  const pieces = new WeakMap<ResolvedSettings, Map<StageName, Piece>>();

  const pieceOf = (settings: ResolvedSettings, stage: StageName): Piece => {
    let ofSettings = pieces.get(settings);
    if (ofSettings === undefined) pieces.set(settings, (ofSettings = new Map<StageName, Piece>()));
    let piece = ofSettings.get(stage);
    if (piece === undefined) ofSettings.set(stage, (piece = makePiece(settings, pointers[stage])));
    return piece;
  };

  return (vm) => {
    let input: string | null = null;
    return byStage((stage) => {
      const { implVersion } = facts.stages[stage];
      const source = machineFacts(vm, stage);
      const piece = pieceOf(vm.settings, stage);
      const parts: FingerprintParts = { implVersion, settings: piece.values, input, source, tools: tools[stage] };
      // The canonical JSON of { v, stage, ...parts }, joined from parts that many machines share.
      const json: string = `{"implVersion":${canonicalJson(implVersion)},"input":${canonicalJson(input)},"settings":${piece.json},"source":${canonicalJson(source)},"stage":"${stage}","tools":${toolsJson[stage]},"v":${FINGERPRINT_VERSION}}`;
      const fingerprint = sha256(json);
      input = fingerprint;
      return { fingerprint, parts };
    });
  };
}

/** The fingerprint that parts lead to; what `fingerprinter` computes piecewise. */
export function fingerprintOf(stage: StageName, parts: FingerprintParts): string {
  return digestOf({ v: FINGERPRINT_VERSION, stage, ...parts });
}

const NO_SOURCE: Readonly<Record<string, string>> = Object.freeze({});

function toolVersions(facts: PlanFacts, stage: StageName): Readonly<Record<string, string>> {
  const names = [...new Set(facts.stages[stage].tools)].sort();
  return Object.fromEntries(names.map((name) => [name, facts.tools[name] ?? 'missing']));
}

function makePiece(settings: ResolvedSettings, pointers: readonly string[]): Piece {
  const values: Record<string, unknown> = {};
  for (const pointer of pointers) {
    const value = valueAt(settings, pointer);
    if (value === undefined) continue;
    values[pointer] = value;
  }
  return { values, json: canonicalJson(values) };
}

function valueAt(settings: ResolvedSettings, pointer: string): unknown {
  let value: unknown = settings;
  for (const part of parsePointer(pointer) ?? [pointer]) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Facts of the one machine that a stage works on: its source, and for the product the name and folder written into it. */
function machineFacts(vm: PlannedVm, stage: StageName): Readonly<Record<string, string>> {
  if (stage === 'FETCH') return sourceFacts(vm.description);
  return stage === 'CONVERT' ? { '/name': vm.name, '/outDir': vm.outDir } : NO_SOURCE;
}

/** One entry per file of every disk, and one for everything else that the source says about the machine. */
function sourceFacts(description: VmDescription): Readonly<Record<string, string>> {
  const facts: Record<string, string> = { machine: machineDigest(description) };
  for (const disk of description.disks) {
    for (const file of diskFiles(disk)) facts[`${disk.id} ${file.path}`] = fileFact(file);
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
