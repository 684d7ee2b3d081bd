import type { IndexedVm } from './graph-index.js';

/** What a person has paused: the run (`run`), a wave (`wave NAME`), a machine (`vm NUMBER`); and who it was. */
export class Pauses {
  readonly #by = new Map<string, string>();

  get isAny(): boolean {
    return this.#by.size > 0;
  }

  get ofRun(): string | undefined {
    return this.#by.get('run');
  }

  set(key: string, by: string): void {
    this.#by.set(key, by);
  }

  /** Whether there was such a pause. */
  remove(key: string): boolean {
    return this.#by.delete(key);
  }

  /** Who paused a machine or its wave. A paused run holds everything back in another way: nothing is dispatched. */
  of(vm: IndexedVm | undefined): string | undefined {
    if (vm === undefined || this.#by.size === 0) return undefined;
    return this.#by.get(`vm ${vm.number}`) ?? this.#by.get(`wave ${vm.vm.wave}`);
  }
}
