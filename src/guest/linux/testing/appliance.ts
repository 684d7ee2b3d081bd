import { createFakeHost } from '../../../host/index.js';
import type { GuestTree } from '../../common/ports.js';
import type { FixAppliance } from '../fixers/appliance.js';
import type { FixContext } from '../fixers/types.js';
import { fakeSession } from './session.js';
import type { FakeSession, FakeSessionOptions } from './session.js';

export interface FakeAppliance extends FixAppliance {
  readonly session: FakeSession;
}

/** A context with an appliance. `gone` are paths that programs of the guest remove before /etc is read again. */
export function withAppliance(
  ctx: FixContext,
  options: FakeSessionOptions & { readonly gone?: readonly string[] } = {},
): FixContext & { readonly appliance: FakeAppliance } {
  const session = fakeSession(options);
  const appliance: FakeAppliance = {
    host: createFakeHost(),
    session,
    copies: new Map(),
    scratchDir: '/scratch',
    flush: async (tree) => {
      session.asked.push(
        `flush: ${tree
          .changes()
          .map((change) => change.path)
          .join(' ')}`,
      );
      tree.settle();
    },
    rereadEtc: async (tree: GuestTree) => {
      for (const path of options.gone ?? []) tree.remove(path);
      tree.settle();
      return tree;
    },
    rereadFiles: async (tree: GuestTree) => tree,
    remount: async () => undefined,
  };
  return Object.assign(ctx, { appliance });
}
