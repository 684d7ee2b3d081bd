import { join } from 'node:path';
import { deepFreeze } from '../lib/deep-freeze.js';
import type { Location } from '../lib/diagnostic.js';
import { formatPointer } from '../lib/json-pointer.js';
import { suggest } from '../lib/suggest.js';
import type { LoadedWave } from '../model/effective.js';
import { batchEnds } from './batches.js';
import { checkProfiles } from './effective.js';
import { isInside } from './includes.js';
import type { FileSet } from './includes.js';
import { loadVm } from './load-vms.js';
import type { VmContext } from './load-vms.js';
import type { Problems } from './problems.js';
import { countOrPercent } from './sections.js';
import type { Sections } from './sections.js';
import { placeOf } from './vm-drafts.js';
import type { DraftedWave } from './vm-drafts.js';

type Place = (path: readonly (string | number)[], token?: 'key' | 'value') => Location;

/** One wave with all its machines. */
export function loadWave(drafted: DraftedWave, set: FileSet, context: VmContext): LoadedWave {
  const { wave, index, drafts } = drafted;
  const { sections, problems } = context;
  const place: Place = (path, token) => set.playbook.document.locate(['waves', index, ...path], token);
  const pointer = (...path: (string | number)[]): string => formatPointer(['waves', index, ...path]);
  checkProfiles(wave.profiles ?? [], sections, (i) => place(['profiles', i]), problems);
  if (drafts.length === 0 && wave.vmsFrom === undefined) {
    const message = `the wave "${wave.name}" has no machines`;
    problems.error('playbook.empty-wave', message, place(['name']), { pointer: pointer() });
  } else if (drafts.length === 0) {
    const message = `the list of the wave "${wave.name}" holds no machine`;
    problems.error('playbook.empty-wave', message, place(['vmsFrom', 'file']), { pointer: pointer('vmsFrom', 'file') });
  }
  const ends = batchEnds(wave.batches, drafts.length);
  if (ends === undefined) {
    const zero = (wave.batches ?? []).findIndex((size) => size === 0 || /^0+%$/.test(String(size)));
    const message = 'a batch of no machines can never cover the wave';
    problems.error('playbook.bad-batches', message, place(['batches', zero]), { pointer: pointer('batches', zero) });
  }
  return deepFreeze({
    name: wave.name,
    description: wave.description ?? '',
    vms: drafts.map((draft) => loadVm(drafted, draft, context)),
    batchEnds: ends ?? [drafts.length],
    dependsOn: (wave.dependsOn ?? []).map((dependency, i) => ({
      wave: dependency.wave,
      require: countOrPercent(dependency.require ?? 'all') ?? { percent: 100 },
      onUpstreamFailure: dependency.onUpstreamFailure ?? 'block',
      location: place(['dependsOn', i, 'wave']),
    })),
    policies: {
      onFailure: wave.policies?.onFailure ?? sections.policies.onFailure,
      maxFailures: countOrPercent(wave.policies?.maxFailures),
    },
    maxVmsInFlight: limitOf(wave.limits?.maxVmsInFlight, sections, place, pointer, problems),
    location: place(['name']),
  });
}

/** A narrower scope can only lower the wider one. */
function limitOf(
  own: number | undefined,
  { maxVmsInFlight, maxVmsInFlightAt }: Sections,
  place: Place,
  pointer: (...path: (string | number)[]) => string,
  problems: Problems,
): number | null {
  if (own === undefined) return null;
  if (own > maxVmsInFlight) {
    const wider = maxVmsInFlightAt === undefined ? 'built-in limit' : 'limit of the playbook';
    const message = `${own} is above the ${wider}, ${maxVmsInFlight}; the lower one holds`;
    const path = ['limits', 'maxVmsInFlight'];
    problems.warning('playbook.wider-limit', message, place(path), {
      pointer: pointer(...path),
      ...(maxVmsInFlightAt === undefined ? {} : { origins: [{ ...maxVmsInFlightAt, note: 'the wider limit' }] }),
    });
  }
  return Math.min(own, maxVmsInFlight);
}

/** Names are unique in a playbook, and everything that is waited for exists. */
export function checkNames(
  waves: readonly DraftedWave[],
  loaded: readonly LoadedWave[],
  sections: Sections,
  problems: Problems,
): void {
  const waveNames = new Map<string, Location>();
  for (const { name, location } of loaded) {
    const first = waveNames.get(name);
    if (first === undefined) waveNames.set(name, location);
    else {
      const origins = [{ ...first, note: 'the first one' }];
      problems.error('playbook.duplicate-wave', `there are two waves "${name}"`, location, { origins });
    }
  }
  const vmNames = new Map<string, Location>();
  for (const { drafts } of waves) {
    for (const draft of drafts) {
      const { name } = draft.entry;
      const at = placeOf(draft, ['name']);
      const first = vmNames.get(name);
      if (first === undefined) vmNames.set(name, at);
      else {
        const pointer = formatPointer(draft.path);
        const origins = [{ ...first, note: 'the first one' }];
        problems.error('playbook.duplicate-vm', `the machine "${name}" is there twice`, at, { pointer, origins });
      }
    }
  }
  for (const wave of loaded) {
    for (const { wave: other, location } of wave.dependsOn) {
      checkReference('playbook.unknown-wave', 'wave', other, waveNames, location, problems);
    }
    for (const vm of wave.vms) {
      for (const { vm: other, location } of vm.dependsOn) {
        checkReference('playbook.unknown-vm', 'machine', other, vmNames, location, problems);
      }
    }
  }
  checkFolderNames(loaded, sections, problems);
}

function checkReference(
  code: 'playbook.unknown-wave' | 'playbook.unknown-vm',
  noun: string,
  name: string,
  known: ReadonlyMap<string, Location>,
  at: Location,
  problems: Problems,
): void {
  if (known.has(name)) return;
  const suggestions = suggest(name, known.keys());
  problems.error(code, `there is no ${noun} "${name}"`, at, suggestions.length > 0 ? { suggestions } : {});
}

/**
 * Two machines must not write into one folder, nor one into a folder that a source reads from. Case is folded: not every
 * filesystem tells cases apart.
 */
function checkFolderNames(waves: readonly LoadedWave[], { sources, targets }: Sections, problems: Problems): void {
  const folders = new Map<string, { name: string; at: Location }>();
  for (const wave of waves) {
    for (const vm of wave.vms) {
      const folder = join(targets.get(vm.target)?.dir ?? vm.target, vm.folder);
      const key = folder.toLowerCase();
      const first = folders.get(key);
      if (first === undefined) folders.set(key, { name: vm.name, at: vm.at.vm });
      else if (first.name !== vm.name) {
        const message = `"${vm.name}" and "${first.name}" would both be written into the folder "${vm.folder}"`;
        const origins = [{ ...first.at, note: `"${first.name}"` }];
        problems.error('playbook.folder-collision', message, vm.at.vm, { origins });
      }
      for (const source of sources.values()) {
        if (!isInside(source.dir, folder)) continue;
        const message = `the products of "${vm.name}" would be written into ${folder}, which holds the source "${source.name}"`;
        const origins = [{ ...source.location, note: 'the folder of the source' }];
        problems.error('playbook.target-in-source', message, vm.at.vm, { origins });
      }
    }
  }
}
