/** What every fixer gets and gives back. */
import type { ErrorCode } from '../../../lib/catalog/index.js';
import type { FixPlan, FixStepId, NicExpectation, StepReport } from '../../../model/fix.js';
import type { Inspection } from '../../../model/inspection.js';
import type { ResolvedSettings } from '../../../model/settings.js';
import type { GuestTree } from '../../common/ports.js';
import type { SourceDiskFacts } from '../fstab/by-path.js';
import type { FixAppliance } from './appliance.js';

/** Everything a fixer may look at. Edits go into `tree`; the runner works out what changed. */
export interface FixContext {
  /** Replaced by a fresh one after programs of the guest have run. */
  tree: GuestTree;
  readonly inspection: Inspection;
  readonly plan: FixPlan;
  /** Disks at the source, in bus order. */
  readonly disks: readonly SourceDiskFacts[];
  readonly settings: FixSettings;
  /** Absent in a dry run: then only what text can say is done. */
  readonly appliance?: FixAppliance;
  readonly state: FixState;
}

export interface FixSettings {
  readonly fix: ResolvedSettings['fix'];
  readonly network: ResolvedSettings['network'];
}

/** What steps leave for the steps after them. */
export interface FixState {
  /** Content of initramfs images, other than drivers, that is no longer true. */
  readonly rebuildReasons: RebuildReason[];
  /** Specifications that could not be resolved and were made harmless instead; the final check accepts them. */
  readonly toleratedSpecs: string[];
  nics: readonly NicExpectation[];
  buses: FixPlan['disks'];
  selinuxRelabelPending: boolean;
  degraded: boolean;
  /** Paths that were written into the guest so far. */
  readonly writtenPaths: string[];
  /** Programs of the guest created or changed files. */
  ranGuestPrograms: boolean;
}

/** Why an image is out of date: some hold a copy of a file of the guest that was changed. */
export interface RebuildReason {
  readonly why: string;
  /** Paths inside an image, any of which makes the reason apply to it. */
  readonly copies: readonly string[];
  /** Whether the guest would not boot with the old copy. */
  readonly critical: boolean;
  /** What the copy should hold, where it is the file as it stands in the guest. */
  readonly content?: Buffer;
}

export type CommandReport = StepReport['commands'][number];
type MappedName = StepReport['mapped'][number];

/** What a fixer says about its work; changed files are found by the runner. */
export interface StepOutcome {
  /** `unavailable` and `skipped` are said by the fixer; the rest follows from what changed. */
  readonly status?: 'skipped' | 'unavailable' | 'failed';
  readonly notes?: readonly string[];
  readonly warnings?: readonly string[];
  readonly mapped?: readonly MappedName[];
  readonly commands?: readonly CommandReport[];
  readonly error?: StepReport['error'];
  /** Changes that the tree does not hold, such as an initramfs or an EFI program. */
  readonly changes?: StepReport['changes'];
}

export interface Fixer {
  readonly id: FixStepId;
  /** Code of its warnings, and of its failure when that is contained. */
  readonly warningCode: ErrorCode;
  /** Whether it must run although the plan did not expect it to. */
  isNeeded?(ctx: FixContext): boolean;
  run(ctx: FixContext): StepOutcome | Promise<StepOutcome>;
}

/** Collects what a step has to say while it works. */
export interface StepNotes {
  readonly notes: string[];
  readonly warnings: string[];
  readonly mapped: MappedName[];
  readonly commands: CommandReport[];
}

export function stepNotes(): StepNotes {
  return { notes: [], warnings: [], mapped: [], commands: [] };
}

export function newState(plan: Pick<FixPlan, 'disks'>): FixState {
  return {
    rebuildReasons: [],
    toleratedSpecs: [],
    nics: [],
    buses: plan.disks,
    selinuxRelabelPending: false,
    degraded: false,
    writtenPaths: [],
    ranGuestPrograms: false,
  };
}
