/** When failures of machines stop a batch, a wave or the run. */
import type { TaskGraph } from '../model/graph.js';

/** A part of a run that failures are counted in and that can be halted. */
export interface Scope {
  readonly kind: 'batch' | 'wave' | 'run';
  readonly wave?: string;
  readonly batch?: number;
}

export interface Breach {
  readonly scope: Scope;
  readonly action: 'halt' | 'abort';
  readonly failures: number;
  readonly limit: number;
}

type Action = 'continue' | 'halt' | 'abort';

/** Failures tolerated: without a number `continue` tolerates all and the others none. */
function toleranceOf(onFailure: Action, maxFailures: number | null): number {
  return maxFailures ?? (onFailure === 'continue' ? Number.POSITIVE_INFINITY : 0);
}

export function scopeName(scope: Scope): string {
  if (scope.kind === 'run') return 'run';
  return scope.kind === 'wave' ? `wave ${scope.wave}` : `wave ${scope.wave} batch ${scope.batch}`;
}

/** Whether a machine lies in a scope. The batches after a halted one lie in it: they wait for it to pass. */
export function isWithin(scope: Scope, vm: { readonly wave: string; readonly batch: number }): boolean {
  if (scope.kind === 'run') return true;
  if (scope.wave !== vm.wave) return false;
  return scope.kind === 'wave' || vm.batch >= (scope.batch ?? 0);
}

export class Policy {
  readonly #graph: TaskGraph;
  readonly #failures = new Map<string, number>();
  readonly #halted: Scope[] = [];

  constructor(graph: TaskGraph) {
    this.#graph = graph;
  }

  get halted(): readonly Scope[] {
    return this.#halted;
  }

  /** The scope that keeps a machine from starting anything new. */
  haltOf(vm: { readonly wave: string; readonly batch: number }): Scope | undefined {
    return this.#halted.find((scope) => isWithin(scope, vm));
  }

  /** Counts failures that happened before (a resumed run) without acting on them. */
  recall(vm: { readonly wave: string; readonly batch: number }): void {
    for (const scope of this.#scopesOf(vm)) this.#count(scope.scope);
  }

  /** Whether a batch or wave that these machines belong to was halted. */
  isAnyHalted(vms: readonly { readonly wave: string; readonly batch: number }[]): boolean {
    return vms.some((vm) => this.haltOf(vm) !== undefined);
  }

  /**
   * Counts the failure of a machine; says what is breached: the narrowest scope acts. One that is halted already has
   * acted: what was still running in it may bring a wider scope over its own limit.
   */
  failed(vm: { readonly wave: string; readonly batch: number }): Breach | undefined {
    const scopes = this.#scopesOf(vm).map((at) => ({ ...at, failures: this.#count(at.scope) }));
    const done = new Set(this.#halted.map(scopeName));
    const breached = scopes.find(({ scope, failures, limit }) => failures > limit && !done.has(scopeName(scope)));
    if (breached === undefined) return undefined;
    this.#halted.push(breached.scope);
    return breached;
  }

  #scopesOf(vm: {
    readonly wave: string;
    readonly batch: number;
  }): readonly { readonly scope: Scope; readonly action: 'halt' | 'abort'; readonly limit: number }[] {
    const wave = this.#graph.waves.find((w) => w.name === vm.wave);
    const run = this.#graph.policy;
    const act = (onFailure: Action): 'halt' | 'abort' => (onFailure === 'abort' ? 'abort' : 'halt');
    const scopes = [];
    if (wave !== undefined) {
      const own = wave.batchMaxFailures?.[vm.batch - 1];
      if (own !== undefined && own !== null) {
        scopes.push({
          scope: { kind: 'batch' as const, wave: vm.wave, batch: vm.batch },
          action: act(wave.onFailure),
          limit: toleranceOf(wave.onFailure, own),
        });
      }
      scopes.push({
        scope: { kind: 'wave' as const, wave: vm.wave },
        action: act(wave.onFailure),
        limit: toleranceOf(wave.onFailure, wave.maxFailures),
      });
    }
    scopes.push({
      scope: { kind: 'run' as const },
      action: act(run.onFailure),
      limit: toleranceOf(run.onFailure, run.maxFailures),
    });
    return scopes;
  }

  #count(scope: Scope): number {
    const name = scopeName(scope);
    const count = (this.#failures.get(name) ?? 0) + 1;
    this.#failures.set(name, count);
    return count;
  }
}
