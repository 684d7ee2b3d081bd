import { agentsFixer } from '../agents/step.js';
import { bootloaderFixer } from '../bootloader/fix.js';
import { crypttabFixer } from '../crypttab/fix.js';
import { fstabFixer } from '../fstab/step.js';
import { networkFixer } from '../network/step.js';
import { cachesFixer } from './caches.js';
import { modulesFixer } from './modules.js';
import { cloudInitFixer } from './cloud-init.js';
import { fsckFixer } from './fsck.js';
import { initramfsFixer } from './initramfs.js';
import { postcheckFixer } from './postcheck-step.js';
import type { Fixer } from './types.js';
import { uefiFallbackFixer } from './uefi-fallback.js';
import { selinuxFixer } from '../selinux/step.js';

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

/** All steps, in the order that `FIX_STEPS` fixes. */
export const fixers: readonly Fixer[] = [
  fsckFixer,
  ...textFixers,
  initramfsFixer,
  uefiFallbackFixer,
  selinuxFixer,
  postcheckFixer,
];
