/**
 * Circuit breaker. When machine after machine fails the same way on the same source, target or host, the next ones would
 * too: the resource is left alone for five minutes, then one task probes it. Only failures that time can cure count.
 */
import type { ErrorClass } from '../lib/catalog/index.js';
import type { StageName } from '../model/stage.js';

const FAILURES_TO_OPEN = 3;
const WINDOW_MS = 600_000;
const PROBE_AFTER_MS = 300_000;

interface Circuit {
  readonly class: ErrorClass;
  probeAt: number;
  /** The task that tries whether it works again. */
  probe: number | undefined;
}

interface Streak {
  readonly class: ErrorClass;
  /** Times of failures of different machines, newest last. */
  readonly failures: { readonly vmKey: string; readonly at: number }[];
}

export type CircuitChange =
  | { readonly change: 'open'; readonly resource: string; readonly class: ErrorClass; readonly probeAt: number }
  | { readonly change: 'closed'; readonly resource: string };

/** What a stage uses that other machines use too. */
export function resourcesOf(
  stage: StageName | undefined,
  task: { readonly host: string; readonly source: string; readonly target: string },
): readonly string[] {
  const shared = [`host ${task.host}`];
  if (stage === 'FETCH') shared.push(`source ${task.source}`);
  if (stage === 'CONVERT') shared.push(`target ${task.target}`);
  return shared;
}

export class Circuits {
  readonly #open = new Map<string, Circuit>();
  readonly #streaks = new Map<string, Streak>();

  /** The open circuit that keeps a task from starting. */
  blocking(
    resources: readonly string[],
    now: number,
  ): { readonly resource: string; readonly probeAt: number } | undefined {
    if (this.#open.size === 0) return undefined;
    for (const resource of resources) {
      const circuit = this.#open.get(resource);
      if (circuit === undefined) continue;
      if (circuit.probe !== undefined || now < circuit.probeAt) return { resource, probeAt: circuit.probeAt };
    }
    return undefined;
  }

  /** Notes that a task starts; where a circuit is half open it is the probe. */
  started(node: number, resources: readonly string[]): void {
    for (const resource of resources) {
      const circuit = this.#open.get(resource);
      if (circuit !== undefined) circuit.probe ??= node;
    }
  }

  succeeded(node: number, resources: readonly string[]): readonly CircuitChange[] {
    const changes: CircuitChange[] = [];
    for (const resource of resources) {
      this.#streaks.delete(resource);
      if (this.#open.get(resource)?.probe === node) {
        this.#open.delete(resource);
        changes.push({ change: 'closed', resource });
      }
    }
    return changes;
  }

  /** A probe whose attempt failed shows that nothing is cured, also when it will be tried again: the next one waits. */
  probeFailed(node: number, now: number): readonly CircuitChange[] {
    const changes: CircuitChange[] = [];
    for (const [resource, circuit] of this.#open) {
      if (circuit.probe !== node) continue;
      circuit.probe = undefined;
      circuit.probeAt = now + PROBE_AFTER_MS;
      changes.push({ change: 'open', resource, class: circuit.class, probeAt: circuit.probeAt });
    }
    return changes;
  }

  /** A probe that was neither good nor bad, such as a cancelled one, makes room for another. */
  abandoned(node: number): void {
    for (const circuit of this.#open.values()) if (circuit.probe === node) circuit.probe = undefined;
  }

  /** Notes that a machine failed at a task. */
  failed(
    node: number,
    vmKey: string,
    resources: readonly string[],
    errorClass: ErrorClass,
    now: number,
  ): readonly CircuitChange[] {
    const changes: CircuitChange[] = [...this.probeFailed(node, now)];
    const probed = new Set(changes.map(({ resource }) => resource));
    for (const resource of resources) {
      if (probed.has(resource)) continue;
      const circuit = this.#open.get(resource);
      // A host has part in everything: only what points at the host itself counts against it.
      const counts = errorClass === 'resource' || (errorClass === 'transient' && !resource.startsWith('host '));
      if (!counts) {
        this.#streaks.delete(resource);
        continue;
      }
      const before = this.#streaks.get(resource);
      const streak: Streak = before?.class === errorClass ? before : { class: errorClass, failures: [] };
      this.#streaks.set(resource, streak);
      streak.failures.push({ vmKey, at: now });
      const recent = streak.failures.filter((failure) => now - failure.at <= WINDOW_MS);
      if (new Set(recent.map((failure) => failure.vmKey)).size < FAILURES_TO_OPEN || circuit !== undefined) continue;
      this.#streaks.delete(resource);
      const probeAt = now + PROBE_AFTER_MS;
      this.#open.set(resource, { class: errorClass, probeAt, probe: undefined });
      changes.push({ change: 'open', resource, class: errorClass, probeAt });
    }
    return changes;
  }

  /** When the next circuit may be probed. */
  nextProbe(): number | undefined {
    let next: number | undefined;
    for (const circuit of this.#open.values()) {
      if (circuit.probe === undefined) next = Math.min(next ?? circuit.probeAt, circuit.probeAt);
    }
    return next;
  }
}
