/** Event streams of runs, for tests of what reads them. */
import type { EventData, EventType, RunEvent } from '../../src/model/event.js';
import type { TaskGraph } from '../../src/model/graph.js';
import type { StageName } from '../../src/model/stage.js';

export const RUN = '20260502T220000Z-k3f9qa';
const T0 = Date.parse('2026-05-02T22:00:00.000Z');

export function instant(seconds: number): string {
  return new Date(T0 + seconds * 1000).toISOString();
}

export interface EventMaker {
  readonly events: RunEvent[];
  /** An event of the run as a whole. */
  run<T extends EventType>(seconds: number, type: T, data: EventData[T]): void;
  /** A change of state of a stage of a machine. */
  task(seconds: number, vm: string, stage: StageName, data: EventData['task.state'], attempt?: number): void;
  vm(seconds: number, vm: string, data: EventData['vm.state']): void;
  progress(seconds: number, vm: string, stage: StageName, data: EventData['task.progress']): void;
}

/** Collects events of a run of a plan; machines are named by their names. */
export function eventMaker(graph: TaskGraph): EventMaker {
  const events: RunEvent[] = [];
  const keys = new Map(graph.vms.map((vm) => [vm.name, vm.vmKey]));
  const waves = new Map(graph.vms.map((vm) => [vm.name, vm.wave]));
  const head = (seconds: number) => ({ v: 1 as const, seq: events.length + 1, ts: instant(seconds), run: RUN });
  const about = (vm: string) => ({ vm: keys.get(vm) ?? vm, wave: waves.get(vm) ?? '' });
  const taskId = (vm: string, stage: StageName): string =>
    graph.nodes.find((node) => node.vmKey === keys.get(vm) && node.stage === stage)?.id ?? '';
  return {
    events,
    run: (seconds, type, data) => {
      events.push({ ...head(seconds), type, data } as RunEvent);
    },
    task: (seconds, vm, stage, data, attempt) => {
      const task = taskId(vm, stage);
      events.push({
        ...head(seconds),
        ...about(vm),
        stage,
        task,
        ...(attempt === undefined ? {} : { attempt }),
        type: 'task.state',
        data,
      });
    },
    vm: (seconds, vm, data) => {
      events.push({ ...head(seconds), ...about(vm), type: 'vm.state', data });
    },
    progress: (seconds, vm, stage, data) => {
      events.push({ ...head(seconds), ...about(vm), stage, task: taskId(vm, stage), type: 'task.progress', data });
    },
  };
}
