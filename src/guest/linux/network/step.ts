import type { FixContext, Fixer, StepNotes } from '../fixers/types.js';
import { stepNotes } from '../fixers/types.js';
import { expectNics } from './expect.js';
import { readNetworkFacts } from './facts.js';
import { stripIfcfg } from './fix-ifcfg.js';
import { fixKeyfiles } from './fix-keyfile.js';
import { fixNetplan } from './fix-netplan.js';
import { fixNetworkd } from './fix-networkd.js';
import { fixUdevRules } from './fix-udev.js';
import { pinNames } from './naming.js';
import { knownNics } from './nics.js';

const cloudInitNetplan = '/etc/netplan/50-cloud-init.yaml';

/** Step `network`: names, addresses and profiles stay valid although slots and drivers changed. */
export const networkFixer: Fixer = {
  id: 'network',
  warningCode: 'guest.network',
  run(ctx) {
    const notes = stepNotes();
    const nics = knownNics(ctx);
    if (ctx.settings.network.mac === 'strip' && !nics.strips) {
      notes.warnings.push('network.mac: strip needs a machine with one adapter; several could not be told apart');
    }
    fixUdevRules(ctx, nics, notes);
    fixNetworkd(ctx, nics, notes);
    fixKeyfiles(ctx, nics, notes);
    fixNetplan(ctx, nics, notes);
    stripIfcfg(ctx, nics, notes);
    pinNames(ctx, nics, notes);
    reportCloudInit(ctx, notes);
    const network = readNetworkFacts(ctx.tree);
    ctx.state.nics = expectNics(ctx.plan.nics, network);
    if (ctx.plan.nics.length > 0 && network.profiles.length === 0) {
      notes.warnings.push('no network configuration was found; whatever the guest does by default will happen');
    }
    for (const nic of ctx.state.nics) {
      if (nic.method === 'none' && network.profiles.length > 0) {
        notes.warnings.push(`adapter ${nic.index}: no profile binds to ${nic.ifname ?? nic.mac ?? 'it'}`);
      }
    }
    return notes;
  },
};

function reportCloudInit(ctx: FixContext, notes: StepNotes): void {
  const { installed, disabled } = ctx.inspection.cloudInit;
  if (!installed || disabled) return;
  if (!ctx.settings.network.freezeCloudInit && ctx.tree.stat(cloudInitNetplan) !== undefined) {
    notes.notes.push(
      `${cloudInitNetplan} belongs to cloud-init, which may write it again (network.freezeCloudInit prevents that)`,
    );
  }
}
