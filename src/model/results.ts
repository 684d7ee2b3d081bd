/** What each stage leaves for the stages after it. Every result is plain JSON and is kept in the stage's manifest. */
import type { DomainView } from './domain.js';
import type { FixPlan, FixResult } from './fix.js';
import type { Inspection } from './inspection.js';
import type { DiskFormat, DiskImage, VmDescription } from './vm.js';

export type { DiskImage } from './vm.js';

export interface FetchedDisk extends DiskImage {
  readonly how: 'in-place' | 'extracted' | 'copied' | 'blank';
  /** Where in the file the image stands, when it is read inside its archive. */
  readonly window?: { readonly offset: number; readonly sizeBytes: number };
  /** Leaf first; every file that the image needs. */
  readonly chain: readonly string[];
  readonly bytes: number;
  readonly checksum?: { readonly algorithm: string; readonly value: string };
}

export interface FetchResult {
  readonly description: VmDescription;
  readonly disks: readonly FetchedDisk[];
  readonly warnings: readonly string[];
}

export interface FlattenedDisk extends DiskImage {
  readonly mode: 'overlay' | 'copy';
  readonly backing?: { readonly path: string; readonly format: DiskFormat };
}

export interface FlattenResult {
  readonly disks: readonly FlattenedDisk[];
  readonly warnings: readonly string[];
}

export interface ConvertedDisk extends DiskImage {
  /** File size and bytes really occupied on the filesystem. */
  readonly fileBytes: number;
  readonly allocatedBytes: number;
  readonly sha256?: string;
  readonly check: 'clean' | 'leaks' | 'unsupported' | 'skipped';
  readonly seconds: number;
}

export interface ConvertResult {
  readonly disks: readonly ConvertedDisk[];
  readonly domainXml: string;
  readonly domain: DomainView;
  /** Each rung of the XML validation ladder that could be run. */
  readonly xmlChecks: readonly {
    readonly name: string;
    readonly result: 'pass' | 'fail' | 'skipped';
    readonly note?: string;
  }[];
  readonly warnings: readonly string[];
}

type CheckStatus = 'pass' | 'fail' | 'skipped' | 'inconclusive';

export interface ValidationCheck {
  readonly id: string;
  readonly level: 'image' | 'fs' | 'boot' | 'network';
  readonly status: CheckStatus;
  /** What was seen, at most 4 KiB. */
  readonly evidence: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly seconds: number;
}

export interface ValidateResult {
  readonly level: 'none' | 'image' | 'fs' | 'boot' | 'network';
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'skipped';
  readonly checks: readonly ValidationCheck[];
  readonly accelerator?: 'kvm' | 'tcg';
  /** What the booted guest said about itself. */
  readonly guestReport?: GuestReport;
  /** Folder of the evidence bundle. */
  readonly evidenceDir?: string;
  readonly warnings: readonly string[];
}

/** The JSON that the instrumentation unit prints on the serial port of the throw-away overlay. */
export interface GuestReport {
  readonly hostname: string;
  readonly kernel: string;
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string;
    readonly state: string;
    readonly addresses: readonly string[];
    /** The bond or bridge that it is part of. */
    readonly master?: string;
  }[];
  readonly defaultRoutes: readonly { readonly via: string; readonly dev: string }[];
  readonly failedUnits: readonly string[];
  readonly systemState: string;
}

export interface StageResults {
  readonly FETCH: FetchResult;
  readonly FLATTEN: FlattenResult;
  readonly INSPECT: Inspection;
  readonly PLAN: FixPlan;
  readonly FIX: FixResult;
  readonly CONVERT: ConvertResult;
  readonly VALIDATE: ValidateResult;
}
