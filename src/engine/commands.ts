/** What commands from outside do to a run. */
import type { CancelRequest, ControlCommand, ControlScope } from './control.js';
import type { GraphIndex, IndexedVm } from './graph-index.js';
import type { Scheduler } from './scheduler.js';

export interface CommandTargets {
  readonly scheduler: Scheduler;
  readonly index: GraphIndex;
  readonly findVm: (name: string) => IndexedVm | undefined;
  readonly cancel: (request: CancelRequest) => void;
}

/** Does what a command says; returns what was done or why not. */
export function executeCommand(command: ControlCommand, by: string, targets: CommandTargets): string {
  const { scheduler, findVm } = targets;
  const { pools } = scheduler.admission;
  switch (command.command) {
    case 'cancel': {
      if (command.vms === undefined) {
        targets.cancel({ by, ...(command.now === true ? { force: true } : {}) });
        return command.now === true ? 'killing the run' : 'cancelling the run';
      }
      const unknown = command.vms.filter((name) => findVm(name) === undefined);
      targets.cancel({ by, vms: command.vms });
      return unknown.length === 0 ? `cancelling ${command.vms.join(', ')}` : `unknown: ${unknown.join(', ')}`;
    }
    case 'pause':
      return withScope(command.scope, targets, (key, pool) => {
        if (pool === undefined) scheduler.pause(key, by);
        else pools.pause(pool, by);
        return `paused ${key}`;
      });
    case 'resume':
      return withScope(command.scope, targets, (key, pool) => {
        if (pool === undefined) return scheduler.unpause(key) ? `resumed ${key}` : `${key} was not paused`;
        pools.unpause(pool);
        scheduler.kick();
        return `resumed ${key}`;
      });
    case 'limits.set': {
      const pool = pools.number(command.pool);
      if (pool === undefined) return `unknown pool ${command.pool}`;
      if (!Number.isFinite(command.units) || command.units < 0) return 'a limit is a number of at least 0';
      scheduler.admission.setCapacity(pool, command.units);
      scheduler.kick();
      return `${command.pool} is ${command.units} now`;
    }
    case 'priority.bump': {
      const vm = findVm(command.vm);
      if (vm === undefined) return `unknown machine ${command.vm}`;
      scheduler.admission.bump(vm);
      scheduler.kick();
      return `${vm.vm.name} goes first`;
    }
  }
}

function withScope(
  scope: ControlScope,
  targets: CommandTargets,
  act: (key: string, pool: number | undefined) => string,
): string {
  switch (scope.kind) {
    case 'run':
      return act('run', undefined);
    case 'wave': {
      const isThere = targets.index.graph.waves.some((wave) => wave.name === scope.wave);
      return isThere ? act(`wave ${scope.wave}`, undefined) : `unknown wave ${scope.wave}`;
    }
    case 'vm': {
      const vm = targets.findVm(scope.vm);
      return vm === undefined ? `unknown machine ${scope.vm}` : act(`vm ${vm.number}`, undefined);
    }
    case 'pool': {
      const pool = targets.scheduler.admission.pools.number(scope.pool);
      return pool === undefined ? `unknown pool ${scope.pool}` : act(`pool ${scope.pool}`, pool);
    }
  }
}
