/** Follows a boot from what is observed and decides when it is over. Pure: time comes with every observation. */
import type { GuestReport } from '../../model/index.js';
import {
  BOOT_STAGES,
  DEVICE_JOB,
  DEVICE_JOB_LIMIT_MS,
  EVENT_HINTS,
  FATAL_RULES,
  LINE_LIMIT,
  SIGNAL_RULES,
} from './detectors.js';
import type { BootStage, FatalId, SignalId } from './detectors.js';
import { parseReportLine } from './report.js';

export interface BootRequirements {
  /** A pass needs one signal out of each group. */
  readonly required: readonly (readonly SignalId[])[];
  /** Waited for a while after the required ones, because they make the evidence richer. */
  readonly wanted: readonly SignalId[];
  readonly wantedMs: number;
  /** After a fatal finding, to gather the text that follows it. */
  readonly settleMs: number;
  readonly totalMs: number;
  /** Without any sign of life for so long the run ends. */
  readonly inactivityMs: number;
  readonly accelerator: 'kvm' | 'tcg';
  /** Restarts that belong to the plan, such as one after labels were written anew. */
  readonly allowedResets: number;
  readonly success: readonly RegExp[];
  readonly failure: readonly RegExp[];
}

export interface BootSignal {
  readonly signal: SignalId;
  readonly atMs: number;
  readonly excerpt: string;
}

export interface BootFinding {
  readonly id: FatalId;
  readonly atMs: number;
  readonly excerpt: string;
  readonly hint: string;
}

export interface BootVerdict {
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  /** One sentence for people. */
  readonly reason: string;
  readonly stage: BootStage;
  readonly finding?: BootFinding;
}

interface Pending {
  readonly finding: BootFinding;
  readonly untilMs: number;
  readonly stageAt: number;
}

export class BootTracker {
  readonly #need: BootRequirements;
  readonly #signals = new Map<SignalId, BootSignal>();
  readonly #stageTimes = new Map<BootStage, number>([['firmware', 0]]);
  readonly #warnings: BootFinding[] = [];
  readonly #pending: Pending[] = [];
  readonly #jobs = new Map<string, number>();
  #stage = 0;
  #fatal: BootFinding | undefined;
  #satisfiedAt: number | undefined;
  #lastSignOfLife = 0;
  #resets = 0;
  #report: GuestReport | undefined;

  constructor(need: BootRequirements) {
    this.#need = need;
  }

  get stage(): BootStage {
    return BOOT_STAGES[this.#stage] ?? 'firmware';
  }
  get signals(): readonly BootSignal[] {
    return [...this.#signals.values()];
  }
  get stageTimes(): ReadonlyMap<BootStage, number> {
    return this.#stageTimes;
  }
  /** Findings that did not decide. */
  get warnings(): readonly BootFinding[] {
    return this.#warnings;
  }
  get report(): GuestReport | undefined {
    return this.#report;
  }
  get resets(): number {
    return this.#resets;
  }

  /** Something moved: console bytes, packets, disk requests, another picture. */
  alive(atMs: number): void {
    this.#lastSignOfLife = Math.max(this.#lastSignOfLife, atMs);
  }

  /** A signal that was seen elsewhere than in text. */
  signal(signal: SignalId, atMs: number, excerpt: string): void {
    if (this.#signals.has(signal)) return;
    this.#signals.set(signal, { signal, atMs, excerpt: excerpt.slice(0, 400) });
    this.alive(atMs);
    this.#checkSatisfied(atMs);
  }

  /** A whole line of the console or of the firmware's debug port. */
  line(text: string, atMs: number): void {
    this.alive(atMs);
    const report = parseReportLine(text);
    if (report !== undefined) {
      this.#report = report;
      this.#reach('login', atMs);
      this.signal('report', atMs, text);
      return;
    }
    this.#look(text.slice(0, LINE_LIMIT), atMs);
  }

  /** The unfinished last line, where prompts stand. May be called again with the same text. */
  prompt(text: string, atMs: number): void {
    if (text.trim() !== '') this.#look(text.slice(0, LINE_LIMIT), atMs);
  }

  /** A reset of the machine. */
  reset(atMs: number): void {
    this.#resets += 1;
    this.alive(atMs);
    if (this.#resets > this.#need.allowedResets) {
      this.fatal('reboot-loop', atMs, `${this.#resets} resets of the machine`);
    } else {
      this.#stage = 0;
    }
  }

  /** A fatal finding from elsewhere than text. The first one counts. */
  fatal(id: keyof typeof EVENT_HINTS | 'kernel-panic', atMs: number, excerpt: string): void {
    const hint = id === 'kernel-panic' ? (FATAL_RULES.find((rule) => rule.id === id)?.hint ?? '') : EVENT_HINTS[id];
    this.#fatal ??= { id, atMs, excerpt: excerpt.slice(0, 400), hint };
  }

  /** Whether the run is over at this time, and how it ended. */
  decide(atMs: number): BootVerdict | undefined {
    this.#ripen(atMs);
    const fatal = this.#fatal;
    if (fatal !== undefined && atMs >= fatal.atMs + this.#need.settleMs) {
      return { verdict: 'fail', reason: `${fatal.id}: ${fatal.excerpt.trim()}`, stage: this.stage, finding: fatal };
    }
    if (fatal === undefined && this.#satisfiedAt !== undefined) {
      const hasAll = this.#need.wanted.every((signal) => this.#signals.has(signal));
      if (hasAll || atMs >= this.#satisfiedAt + this.#need.wantedMs) return this.#pass();
    }
    if (atMs >= this.#need.totalMs) return this.#late(`the limit of ${seconds(this.#need.totalMs)} was reached`);
    const silent = atMs - this.#lastSignOfLife;
    if (silent >= this.#need.inactivityMs) return this.#late(`nothing happened for ${seconds(silent)}`);
    return undefined;
  }

  /** The verdict when the guest or QEMU ended by itself at this time. */
  ended(atMs: number, how: string): BootVerdict {
    if (this.#fatal === undefined && this.#satisfiedAt !== undefined) return this.#pass();
    this.fatal('early-exit', atMs, how);
    return this.decide(atMs + this.#need.settleMs) ?? this.#late(how);
  }

  #look(text: string, atMs: number): void {
    for (const pattern of this.#need.failure) {
      if (pattern.test(text)) return this.fatal('playbook-failure', atMs, text);
    }
    for (const rule of FATAL_RULES) {
      if (!rule.pattern.test(text)) continue;
      const finding = { id: rule.id, atMs, excerpt: text.slice(0, 400), hint: rule.hint };
      if (rule.warnWhenEmulated === true && this.#need.accelerator === 'tcg') this.#warn(finding);
      else if (rule.graceMs === undefined) this.#fatal ??= finding;
      else this.#pend(finding, atMs + rule.graceMs);
      return;
    }
    this.#watchJob(text, atMs);
    for (const rule of SIGNAL_RULES) {
      if (!rule.pattern.test(text)) continue;
      this.#reach(rule.stage, atMs);
      this.signal(rule.signal, atMs, text);
    }
    for (const pattern of this.#need.success) {
      if (!pattern.test(text)) continue;
      this.#reach('login', atMs);
      this.signal('target', atMs, text);
    }
  }

  /** Higher stages imply lower ones: a quiet kernel says nothing before its first program does. */
  #reach(stage: BootStage, atMs: number): void {
    const index = BOOT_STAGES.indexOf(stage);
    if (index <= this.#stage) return;
    this.#stage = index;
    for (const passed of BOOT_STAGES.slice(0, index + 1)) {
      if (!this.#stageTimes.has(passed)) this.#stageTimes.set(passed, atMs);
    }
    if (index > BOOT_STAGES.indexOf('kernel') && !this.#signals.has('kernel')) {
      this.signal('kernel', atMs, `implied by ${stage}`);
    }
  }

  #checkSatisfied(atMs: number): void {
    const isComplete = this.#need.required.every((group) => group.some((signal) => this.#signals.has(signal)));
    if (isComplete) this.#satisfiedAt ??= atMs;
  }

  #warn(finding: BootFinding): void {
    if (this.#warnings.length < 20 && !this.#warnings.some((known) => known.id === finding.id)) {
      this.#warnings.push(finding);
    }
  }

  #pend(finding: BootFinding, untilMs: number): void {
    if (this.#pending.length < 50) this.#pending.push({ finding, untilMs, stageAt: this.#stage });
  }

  #watchJob(text: string, atMs: number): void {
    const match = DEVICE_JOB.exec(text);
    const job = (match?.[1] ?? match?.[2])?.trim();
    if (job === undefined) return;
    const since = this.#jobs.get(job);
    if (since === undefined) {
      if (this.#jobs.size < 50) this.#jobs.set(job, atMs);
    } else if (atMs - since >= DEVICE_JOB_LIMIT_MS) {
      const hint = FATAL_RULES.find((rule) => rule.id === 'device-wait')?.hint ?? '';
      this.#fatal ??= { id: 'device-wait', atMs, excerpt: text.slice(0, 400), hint };
    }
  }

  /** Findings with a grace period become fatal, unless the boot went on. */
  #ripen(atMs: number): void {
    for (const [index, pending] of [...this.#pending.entries()].reverse()) {
      const wentOn = this.#stage > pending.stageAt;
      if (!wentOn && atMs < pending.untilMs) continue;
      this.#pending.splice(index, 1);
      if (wentOn || this.#satisfiedAt !== undefined) this.#warn(pending.finding);
      else this.#fatal ??= pending.finding;
    }
  }

  #pass(): BootVerdict {
    return {
      verdict: 'pass',
      reason: `seen: ${this.signals.map((signal) => signal.signal).join(', ')}`,
      stage: this.stage,
    };
  }

  #late(why: string): BootVerdict {
    const first = this.#pending[0]?.finding;
    const missing = this.#need.required
      .filter((group) => !group.some((signal) => this.#signals.has(signal)))
      .map((group) => group.join(' or '));
    const got = this.#stage > 0 || this.#signals.size > 1;
    return {
      verdict: got ? 'inconclusive' : 'fail',
      reason: `${why}; missing: ${missing.join(', ')}; ${got ? `the boot came to ${this.stage}` : 'nothing was seen after the firmware'}`,
      stage: this.stage,
      ...(first === undefined ? {} : { finding: first }),
    };
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
