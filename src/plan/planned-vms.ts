import { join, sep } from 'node:path';
import { canonicalJson } from '../lib/canonical-json.js';
import type { Diagnostic } from '../lib/diagnostic.js';
import type { LoadedPlaybook, LoadedVm, LoadedWave } from '../model/effective.js';
import type { PlannedVm } from '../model/graph.js';
import type { NicSettings, ResolvedSettings } from '../model/settings.js';
import { diskFiles } from '../model/vm.js';
import type { VmDescription } from '../model/vm.js';
import { mapNics } from './network-map.js';

/** A machine of the plan together with what the playbook said about it. */
export interface VmEntry {
  readonly vm: PlannedVm;
  readonly loaded: LoadedVm;
}

/**
 * Joins what the playbook says about every machine with what its source says. Gathers every conflict between machines:
 * the same machine twice, two machines with one product folder, a product folder that holds source files, and networks
 * that no mapping names (once per network, however many machines have it).
 */
export function joinVms(
  loaded: LoadedPlaybook,
  descriptions: ReadonlyMap<string, VmDescription>,
  selected: ReadonlySet<string> | undefined,
  problems: Diagnostic[],
): readonly VmEntry[] {
  const entries: VmEntry[] = [];
  const intern = settingsInterner();
  const targets = new Map(loaded.targets.map((target) => [target.name, target]));
  const unmapped = new Map<string, { network: string; map: string; vms: LoadedVm[] }>();
  for (const wave of loaded.waves) {
    for (const [position, vm] of wave.vms.entries()) {
      const description = descriptions.get(vm.name);
      if (description === undefined) {
        // Nobody needs to look at machines that are not going to run; they stay out of the graph.
        if (selected !== undefined && !selected.has(vm.name)) continue;
        problems.push({
          code: 'plan.no-description',
          severity: 'error',
          message: `nothing is known about "${vm.name}": its source did not describe it`,
          location: vm.at.madeOf,
        });
        continue;
      }
      const mapping = mapNics(vm.settings, description.nics, loaded.networks);
      for (const { network } of mapping.unmapped) {
        const key = JSON.stringify([vm.settings.networkMap, network]);
        const seen = unmapped.get(key);
        if (seen === undefined) unmapped.set(key, { network, map: vm.settings.networkMap, vms: [vm] });
        else if (seen.vms.at(-1) !== vm) seen.vms.push(vm);
      }
      entries.push({
        loaded: vm,
        vm: {
          vmKey: description.vmKey,
          name: vm.name,
          wave: wave.name,
          batch: batchOf(wave, position),
          source: vm.source,
          target: vm.target,
          outDir: join(targets.get(vm.target)?.dir ?? '', vm.folder),
          labels: vm.labels,
          settings: intern(vm.settings, mapping.nics),
          origins: Object.keys(mapping.origins).length === 0 ? vm.origins : { ...vm.origins, ...mapping.origins },
          description,
        },
      });
    }
  }
  for (const { network, map, vms } of unmapped.values()) problems.push(unmappedNetwork(network, map, vms));
  checkTwins(entries, problems);
  checkOutputs(entries, problems);
  return entries;
}

/** Batches count from 1. */
function batchOf(wave: LoadedWave, position: number): number {
  return wave.batchEnds.findIndex((end) => position < end) + 1 || 1;
}

/** Gives machines with equal settings and equal adapters one shared object, so that work on settings can be cached. */
function settingsInterner(): (settings: ResolvedSettings, nics: Record<string, NicSettings>) => ResolvedSettings {
  const seen = new WeakMap<ResolvedSettings, Map<string, ResolvedSettings>>();
  return (settings, nics) => {
    let variants = seen.get(settings);
    if (variants === undefined) {
      variants = new Map([[canonicalJson(settings.nics), settings]]);
      seen.set(settings, variants);
    }
    const key = canonicalJson(nics);
    let variant = variants.get(key);
    if (variant === undefined) variants.set(key, (variant = { ...settings, nics }));
    return variant;
  };
}

function unmappedNetwork(network: string, map: string, vms: readonly LoadedVm[]): Diagnostic {
  const [first] = vms;
  const names = vms.slice(0, 3).map((vm) => vm.name);
  const whose = vms.length > 3 ? `${names.join(', ')} and ${vms.length - 3} more` : names.join(', ');
  const what = network === '' ? 'an adapter without a network name' : `network "${network}"`;
  return {
    code: 'plan.network-unmapped',
    severity: 'error',
    message: `${what} of ${whose} has no mapping in mappings.networks.${map}`,
    hint: `Add { from: ${JSON.stringify(network === '' ? '*' : network)}, to: <libvirt network or bridge:NAME> } to mappings.networks.${map}, or set nics.<n>.network of the machine.`,
    ...(first === undefined ? {} : { location: first.at.vm }),
  };
}

function checkTwins(entries: readonly VmEntry[], problems: Diagnostic[]): void {
  const seen = new Map<string, LoadedVm>();
  for (const { vm, loaded } of entries) {
    const twin = seen.get(vm.vmKey);
    if (twin === undefined) {
      seen.set(vm.vmKey, loaded);
      continue;
    }
    problems.push({
      code: 'plan.duplicate-vm',
      severity: 'error',
      message: `"${loaded.name}" is the same machine as "${twin.name}" (${vm.vmKey})`,
      location: loaded.at.vm,
      origins: [{ ...twin.at.vm, note: 'listed here first' }],
    });
  }
}

function checkOutputs(entries: readonly VmEntry[], problems: Diagnostic[]): void {
  const owners = new Map<string, LoadedVm>();
  for (const { vm, loaded } of entries) {
    const owner = owners.get(vm.outDir);
    if (owner === undefined) owners.set(vm.outDir, loaded);
    else {
      problems.push({
        code: 'plan.output-collision',
        severity: 'error',
        message: `"${loaded.name}" and "${owner.name}" would both be written to ${vm.outDir}`,
        location: loaded.at.vm,
        origins: [{ ...owner.at.vm, note: 'the other machine' }],
      });
    }
    const inside = sourceFiles(vm.description).find((path) => path.startsWith(`${vm.outDir}${sep}`));
    if (inside !== undefined) {
      problems.push({
        code: 'plan.output-in-source',
        severity: 'error',
        message: `the products of "${loaded.name}" would go to ${vm.outDir}, which holds its source file ${inside}`,
        location: loaded.at.target,
      });
    }
  }
}

/** Every file that a machine is made of, links resolved. */
export function sourceFiles(description: VmDescription): readonly string[] {
  return description.disks.flatMap(diskFiles).map((file) => file.path);
}
