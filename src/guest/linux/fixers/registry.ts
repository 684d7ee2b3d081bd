import { agentsFixer } from '../agents/step.js';
import { bootloaderFixer } from '../bootloader/fix.js';
import { crypttabFixer } from '../crypttab/fix.js';
import { fstabFixer } from '../fstab/step.js';
import { networkFixer } from '../network/step.js';
import { cachesFixer } from './caches.js';
import { modulesFixer } from './modules.js';
import { cloudInitFixer } from './cloud-init.js';
import type { Fixer } from './types.js';

/** Steps that edit text, in their order. */
export const textFixers: readonly Fixer[] = [
  fstabFixer,
  crypttabFixer,
  cachesFixer,
  bootloaderFixer,
  networkFixer,
  modulesFixer,
  agentsFixer,
  cloudInitFixer,
];
