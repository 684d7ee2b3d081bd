import { DroverError } from '../../lib/error.js';
import type { QmpClient } from './client.js';

const NAME = /^[a-z_][a-z0-9_-]{0,63}$/;

/**
 * The monitor for one part of Drover: only the commands of its grant pass, anything else is refused before a byte is sent.
 * `qmp_capabilities` belongs to the connection and is never granted.
 * @param who for the message of a refusal
 */
export function grantedQmp(client: QmpClient, who: string, grant: readonly string[]): Pick<QmpClient, 'execute'> {
  return {
    execute: (command, args, options) => {
      if (!NAME.test(command) || command === 'qmp_capabilities' || !grant.includes(command)) {
        return Promise.reject(
          new DroverError({
            code: 'vm.qmp.blocked',
            message: `${who} may not run the monitor command ${JSON.stringify(command.slice(0, 64))}`,
            details: { who, granted: [...grant] },
          }),
        );
      }
      return client.execute(command, args, options);
    },
  };
}
