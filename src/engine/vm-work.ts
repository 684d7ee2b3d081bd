/** What is kept in memory about a machine while its stages run: its open things and what its stages have told. */
import type { Host } from '../host/index.js';
import { DroverError } from '../lib/error.js';
import type { StageName } from '../model/stage.js';
import { taskFingerprint } from './fingerprint.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import { artefactDir } from './layout.js';
import { readManifest } from './manifest.js';
import { openSession } from './vm-session.js';
import type { OpenSession } from './vm-session.js';

export interface VmWork {
  readonly session: OpenSession;
  readonly results: Map<StageName, unknown>;
}

export class VmWorks {
  readonly #host: Host;
  readonly #index: GraphIndex;
  readonly #storeDir: string;
  readonly #runId: string;
  readonly #onFailure: (vm: IndexedVm, key: string, cause: unknown) => void;
  readonly #works = new Map<number, VmWork>();

  constructor(
    host: Host,
    index: GraphIndex,
    storeDir: string,
    runId: string,
    onFailure: (vm: IndexedVm, key: string, cause: unknown) => void,
  ) {
    this.#host = host;
    this.#index = index;
    this.#storeDir = storeDir;
    this.#runId = runId;
    this.#onFailure = onFailure;
  }

  of(vm: IndexedVm): VmWork {
    let work = this.#works.get(vm.number);
    if (work === undefined) {
      work = { session: openSession((key, cause) => this.#onFailure(vm, key, cause)), results: new Map() };
      this.#works.set(vm.number, work);
    }
    return work;
  }

  /** Loads what the stages before a node told, from the store where they did not run in this process. */
  async loadInputs(vm: IndexedVm, node: number): Promise<void> {
    const { results } = this.of(vm);
    for (const earlier of vm.stages) {
      if (earlier === node) return;
      const task = this.#index.nodes[earlier];
      if (task?.stage === undefined || results.has(task.stage)) continue;
      const fingerprint = taskFingerprint(task, this.#runId);
      const dir = artefactDir(this.#storeDir, vm.vm.vmKey, task.stage, fingerprint);
      const manifest = await readManifest(this.#host, dir);
      if (manifest?.fingerprint !== fingerprint) {
        throw new DroverError({
          code: 'engine.artefact-lost',
          message: `${task.key} counts as done, but its work is not at ${dir}`,
          details: { dir },
        });
      }
      results.set(task.stage, manifest.result);
    }
  }

  /** Disposes of what a machine holds open and forgets it. */
  async close(vm: IndexedVm): Promise<void> {
    const work = this.#works.get(vm.number);
    this.#works.delete(vm.number);
    await work?.session.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#works.values()].map((work) => work.session.close()));
    this.#works.clear();
  }
}
