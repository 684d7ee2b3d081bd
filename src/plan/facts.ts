/** Everything the planner is told about the world. It asks nothing itself. */
import type { LoadedPlaybook } from '../model/effective.js';
import type { HistoryLine, PreviousRecords } from '../model/history.js';
import type { StageName } from '../model/stage.js';
import type { StageRunner } from '../model/stage-runner.js';
import type { VmDescription } from '../model/vm.js';

/** Name of the machine that Drover runs on, as pools and nodes carry it. */
export const LOCAL_HOST = 'local';

export interface HostFacts {
  /** Processors this process may use. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  /** Folder for intermediates. */
  readonly scratchDir: string;
  readonly scratchFreeBytes: number;
  /** Identifies the filesystem of the scratch folder, so that folders which share it share its space. */
  readonly scratchDevice?: string;
  /** Filesystem type, such as `ext4` or `nfs4`. */
  readonly scratchFsType?: string;
  /** Verdict of the behavioural probe, never the presence of a device. */
  readonly kvm: { readonly usable: boolean; readonly reason: string };
}

export interface TargetFacts {
  /** Free bytes of the filesystem that will hold the products. */
  readonly freeBytes: number;
  readonly device?: string;
  readonly writable: boolean;
  /** Why it is not writable. */
  readonly note?: string;
}

/** What a stage says about itself. */
export type StageFacts = Pick<StageRunner, 'implVersion' | 'readsSettings' | 'tools'>;

/** Who works on a machine. */
interface LockedBy {
  readonly runId: string;
  readonly host: string;
  readonly user: string;
}

export interface PlanFacts {
  /** Tool and version that makes the plan. */
  readonly createdBy: string;
  /** Today's date at the planning host, `YYYY-MM-DD`: decides whether waivers still hold. */
  readonly today: string;
  readonly host: HostFacts;
  /** Version of every program the stages name; null when it is missing. */
  readonly tools: Readonly<Record<string, string | null>>;
  readonly stages: Readonly<Record<StageName, StageFacts>>;
  /** By target name. A target without facts is not checked. */
  readonly targets: Readonly<Record<string, TargetFacts>>;
  /** Machines another run is working on, by vmKey. */
  readonly lockedVms?: Readonly<Record<string, LockedBy>>;
  /** Files at the product's place that Drover did not write: vmKey to paths. */
  readonly foreignOutputs?: Readonly<Record<string, readonly string[]>>;
  /** Why a machine's products cannot go where they should, by vmKey. */
  readonly badPlaces?: Readonly<Record<string, string>>;
}

/** Which part of the plan is to run. What a selection leaves out stays in the graph and is marked skipped. */
export interface Selection {
  /** Names of the machines that were matched; all unless given. */
  readonly vms?: ReadonlySet<string>;
  /** First stage to run; everything before it must be cached. */
  readonly from?: StageName;
  /** Last stage to run. */
  readonly until?: StageName;
  /** Stages whose cached work does not count; everything after them runs again too. */
  readonly force?: readonly StageName[];
}

export interface PlanInput {
  readonly loaded: LoadedPlaybook;
  /** By name of the machine in the playbook. */
  readonly descriptions: ReadonlyMap<string, VmDescription>;
  readonly facts: PlanFacts;
  readonly history?: readonly HistoryLine[];
  readonly previous?: PreviousRecords;
  readonly selection?: Selection;
}
