import type { Fixer } from './types.js';

const path = '/etc/cloud/cloud.cfg.d/99-drover-network.cfg';

/** Step `cloud-init`: keeps cloud-init from writing the network configuration again, where that was asked for. */
export const cloudInitFixer: Fixer = {
  id: 'cloud-init',
  warningCode: 'guest.cloud-init',
  run(ctx) {
    if (!ctx.settings.network.freezeCloudInit) return { status: 'skipped', notes: ['nothing was asked for'] };
    const { installed, disabled } = ctx.inspection.cloudInit;
    if (!installed || disabled) return { notes: ['cloud-init is not installed or is disabled'] };
    ctx.tree.write(path, '# Managed by Drover\nnetwork: {config: disabled}\n', 0o644);
    return {};
  },
};
