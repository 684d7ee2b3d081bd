/** What preflight found before anything was started. */
import type { ErrorCode } from '../lib/catalog/index.js';

/** `blocker` keeps what it is about from starting; a waiver with a reason lifts it. */
type ConcernCategory = 'blocker' | 'warning' | 'info';
type ConcernScope = 'run' | 'host' | 'source' | 'target' | 'vm';

export interface Concern {
  /** Stable code; what a waiver names and `drover explain` explains. */
  readonly id: ErrorCode;
  readonly category: ConcernCategory;
  readonly scope: ConcernScope;
  /** Name of the machine, target, source or program it is about. */
  readonly subject: string;
  readonly vmKey?: string;
  /** What was looked at, in a few words. */
  readonly label: string;
  /** What is wrong. */
  readonly assessment: string;
  /** What to do about it. */
  readonly remedy: string;
  /** The figures or facts it rests on. */
  readonly evidence: string;
  readonly waived?: { readonly reason: string; readonly until?: string };
}
