/** A playbook after includes, variables, defaults, profiles and overrides: what the planner compiles. Deep-frozen. */
import type { Location } from '../lib/diagnostic.js';
import type { ResolvedSettings } from './settings.js';
import type { StageName } from './stage.js';
import type { DiskFormat } from './vm.js';

/** A file that was read, with the digest of exactly the bytes that were used. */
export interface LoadedFile {
  /** Absolute path. */
  readonly path: string;
  /** The path as diagnostics print it: relative to the working directory where it lies below it. */
  readonly shown: string;
  readonly role: 'playbook' | 'fragment' | 'list';
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A number of machines, or a percentage (0 to 100) of those in scope. */
export type CountOrPercent = { readonly count: number } | { readonly percent: number };

export interface LoadedSource {
  readonly name: string;
  readonly type: 'local';
  /** Absolute folder. */
  readonly dir: string;
  /** Absolute folders that descriptors and backing chains may refer to besides `dir`. */
  readonly allowDirs: readonly string[];
  readonly connections: number;
  /** The value of `dir`. */
  readonly location: Location;
}

export interface LoadedTarget {
  readonly name: string;
  readonly type: 'files';
  /** Absolute folder. */
  readonly dir: string;
  readonly ingest: number;
  /** The value of `dir`. */
  readonly location: Location;
}

/** This machine as the playbook describes it; absent means "measure it". */
export interface LoadedHost {
  /** Absolute folder. */
  readonly scratch?: string;
  readonly capacity: {
    readonly net: number;
    readonly disk: number;
    readonly cpu?: number;
    readonly appliance?: number;
    readonly scratchBytes?: number;
  };
}

export interface NetworkRule {
  /** Name or glob at the origin. */
  readonly from: string;
  /** Libvirt network, or `bridge:NAME`. */
  readonly to: string;
  readonly location: Location;
}

export interface LoadedPolicies {
  readonly onFailure: 'continue' | 'halt' | 'abort';
  /** Failures tolerated in this scope; null for no limit. */
  readonly maxFailures: CountOrPercent | null;
}

export interface LoadedWaiver {
  readonly concern: string;
  /** Name or glob of machines; absent means all. */
  readonly vm?: string;
  readonly reason: string;
  /** Last day it holds, `YYYY-MM-DD`. */
  readonly until?: string;
  readonly location: Location;
}

/** What a machine is made of. Paths are as written, relative to the source's folder. */
export type MadeOf =
  | { readonly kind: 'disks'; readonly disks: readonly { readonly file: string; readonly format?: DiskFormat }[] }
  | { readonly kind: 'ova' | 'ovf' | 'vmx' | 'bundle'; readonly file: string; readonly system?: string }
  /** Nothing was said: the source looks for a file named after the machine. */
  | { readonly kind: 'by-name'; readonly system?: string };

/** One scope that set a value, with the value it set. */
export interface SettingOrigin {
  /** `built-in`, `defaults`, `profile careful`, `wave pilot`, `vm web01`, `--set`. */
  readonly scope: string;
  /** Absent for what is built in and for `--set`. */
  readonly location?: Location;
  readonly value: unknown;
}

export interface LoadedVm {
  readonly name: string;
  readonly wave: string;
  /** Name of a source in `LoadedPlaybook.sources`. */
  readonly source: string;
  /** Name of a target in `LoadedPlaybook.targets`. */
  readonly target: string;
  readonly madeOf: MadeOf;
  /** Folder of this machine's products below the target's folder: the name reduced to `[A-Za-z0-9._-]`. */
  readonly folder: string;
  /** Labels of the playbook, the wave and the machine; the narrowest wins. */
  readonly labels: Readonly<Record<string, string>>;
  readonly dependsOn: readonly { readonly vm: string; readonly reached: StageName; readonly location: Location }[];
  /** Complete: every default is filled in. Machines without settings of their own share one object. */
  readonly settings: ResolvedSettings;
  /** JSON pointer into `settings` to the `file:line:column` (or `--set`) that won. What is built in is not listed. */
  readonly origins: Readonly<Record<string, string>>;
  /**
   * JSON pointer into `settings` (and `/source`, `/target`) to every scope that set it, the winner first; ends with
   * `built-in` where one exists.
   */
  readonly originChains: Readonly<Record<string, readonly SettingOrigin[]>>;
  readonly at: {
    /** The machine's entry: its name token. */
    readonly vm: Location;
    /** The token that says what it is made of, else the name. */
    readonly madeOf: Location;
    /** One per entry of `madeOf.disks`. */
    readonly disks?: readonly Location[];
    /** The token that chose the source and the target (may stand in a profile or in `defaults`). */
    readonly source: Location;
    readonly target: Location;
  };
}

export interface LoadedWave {
  readonly name: string;
  readonly description: string;
  /** Every machine, in playbook order: `vms` first, then those of `vmsFrom`. */
  readonly vms: readonly LoadedVm[];
  /** How many machines are covered after each batch; ascending, the last equals `vms.length`. */
  readonly batchEnds: readonly number[];
  readonly dependsOn: readonly {
    readonly wave: string;
    readonly require: CountOrPercent;
    readonly onUpstreamFailure: 'block' | 'proceed';
    readonly location: Location;
  }[];
  /** `onFailure` is inherited from the playbook unless given; `maxFailures` counts this wave only. */
  readonly policies: LoadedPolicies;
  /** Already lowered to the playbook's own limit; null when the wave sets none. */
  readonly maxVmsInFlight: number | null;
  readonly location: Location;
}

export interface LoadedPlaybook {
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absolute folder that includes and lists stay below. */
  readonly root: string;
  /** The playbook first, then fragments and lists in the order they were read. */
  readonly files: readonly LoadedFile[];
  readonly sources: readonly LoadedSource[];
  readonly targets: readonly LoadedTarget[];
  readonly host: LoadedHost;
  /** Network maps by name. */
  readonly networks: Readonly<Record<string, readonly NetworkRule[]>>;
  readonly policies: LoadedPolicies;
  readonly maxVmsInFlight: number;
  readonly waivers: readonly LoadedWaiver[];
  /** In playbook order. */
  readonly waves: readonly LoadedWave[];
}

/** Every machine of a playbook in its order. */
export function allVms(playbook: LoadedPlaybook): readonly LoadedVm[] {
  return playbook.waves.flatMap((wave) => wave.vms);
}
