import type { GuestTree } from '../../common/ports.js';
import type { AgentFacts } from '../../../model/inspection.js';
import { agentCatalogue } from './catalogue.js';

/**
 * Agents that are in the guest, by package list first. What was installed outside the package manager shows itself by its
 * uninstaller; what was not removed cleanly by its files in /etc.
 */
export function detectAgents(tree: GuestTree, packages: readonly { readonly name: string }[]): AgentFacts[] {
  return agentCatalogue.flatMap((agent): AgentFacts[] => {
    const installed = packages.map((each) => each.name).filter((name) => agent.packages.test(name));
    const found: AgentFacts[] = [];
    if (installed.length > 0)
      found.push({ kind: agent.kind, form: 'package', packages: [...new Set(installed)].sort() });
    const hasTarball = agent.tarball !== undefined && tree.stat(agent.tarball) !== undefined;
    if (hasTarball && installed.length === 0) found.push({ kind: agent.kind, form: 'tarball', packages: [] });
    if (found.length === 0 && agent.leftovers.some((path) => tree.lstat(path) !== undefined)) {
      found.push({ kind: agent.kind, form: 'leftover', packages: [] });
    }
    return found;
  });
}
