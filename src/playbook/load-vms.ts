import { deepFreeze } from '../lib/deep-freeze.js';
import type { Location, Origin } from '../lib/diagnostic.js';
import { formatPointer } from '../lib/json-pointer.js';
import { suggest } from '../lib/suggest.js';
import type { LoadedVm } from '../model/effective.js';
import type { Labels, Vm } from '../model/generated/playbook.js';
import { checkHardware } from './check-hardware.js';
import type { MacRegister } from './check-hardware.js';
import { checkProfiles, userOf } from './effective.js';
import type { Effective, LateValues, SettingsMaker } from './effective.js';
import { madeOf } from './made-of.js';
import type { Problems } from './problems.js';
import { fillLate, holdsLate } from './references.js';
import type { LateName } from './references.js';
import type { Sections } from './sections.js';
import { placeOf } from './vm-drafts.js';
import type { DraftedWave, VmDraft } from './vm-drafts.js';

/** What all machines of a playbook are made with. */
export interface VmContext {
  readonly sections: Sections;
  readonly settings: SettingsMaker;
  readonly labels: Readonly<Labels>;
  readonly macs: MacRegister;
  readonly problems: Problems;
}

/** The folder name of a machine's products. */
function folderOf(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '-');
}

/** One machine as the planner gets it. What is wrong with it is among the problems; the result then only fills its place. */
export function loadVm(wave: DraftedWave, draft: VmDraft, context: VmContext): LoadedVm {
  const { sections, problems, macs } = context;
  const { name, profiles = [] } = draft.entry;
  const at = placeOf(draft, ['name']);
  checkProfiles(profiles, sections, (i) => placeOf(draft, ['profiles', i]), problems);
  const values = lateValues(wave, draft, context);
  const effective = context.settings.of(wave, draft, values);
  const source = choose('source', draft, effective, context);
  const target = choose('target', draft, effective, context);
  const entry = filledEntry(draft, (late) => values(late, at, source.name));
  const made = madeOf(draft, entry, problems);
  const settings = effective.settings;
  checkHardware({ draft, madeOf: made.value, settings, chains: effective.chains }, macs, problems);
  checkNetworkMap(draft, effective, context);
  return deepFreeze({
    name,
    wave: wave.wave.name,
    source: source.name,
    target: target.name,
    madeOf: made.value,
    folder: folderOf(name),
    labels: labelsOf(wave, entry, context),
    dependsOn: (draft.entry.dependsOn ?? []).map((dependency, i) => ({
      vm: dependency.vm,
      reached: dependency.reached ?? 'VALIDATE',
      location: placeOf(draft, ['dependsOn', i, 'vm']),
    })),
    settings,
    origins: effective.origins,
    originChains: effective.chains,
    at: {
      vm: at,
      madeOf: made.at,
      ...(made.disks === undefined ? {} : { disks: made.disks }),
      source: source.at,
      target: target.at,
    },
  });
}

/** What the entry says besides its overrides, which were filled in with the settings. */
function filledEntry(draft: VmDraft, values: (late: LateName) => string): Vm {
  const { overrides: _overrides, ...own } = draft.entry;
  return holdsLate(own) ? (fillLate(own, values) as Vm) : own;
}

function labelsOf(wave: DraftedWave, entry: Vm, { labels }: VmContext): Readonly<Labels> {
  if (wave.wave.labels === undefined && entry.labels === undefined) return labels;
  return { ...labels, ...wave.wave.labels, ...entry.labels };
}

/** The source or target of a machine: its own word, else that of its scopes, else the only one there is. */
function choose(
  kind: 'source' | 'target',
  draft: VmDraft,
  effective: Effective,
  { sections, problems }: VmContext,
): { name: string; at: Location } {
  const known = kind === 'source' ? sections.sources : sections.targets;
  const own = draft.entry[kind];
  const [winner] = effective.chains[`/${kind}`] ?? [];
  const isSet = winner !== undefined && winner.location === undefined && winner.scope === '--set';
  const vmAt = placeOf(draft, ['name']);
  if (own !== undefined && !isSet) {
    const at = placeOf(draft, [kind]);
    checkKnown(kind, own, known, at, undefined, problems);
    return { name: own, at };
  }
  const scoped = effective[kind];
  if (scoped !== undefined) {
    const at = winner?.location ?? vmAt;
    checkKnown(kind, scoped, known, at, userOf(draft, winner), problems);
    return { name: scoped, at };
  }
  const [only] = known.keys();
  if (known.size === 1 && only !== undefined) return { name: only, at: vmAt };
  const message =
    known.size === 0
      ? `no ${kind} is defined, so this machine has none`
      : `this machine names no ${kind}, and there are ${known.size}: ${[...known.keys()].sort().join(', ')}`;
  const pointer = formatPointer(draft.path);
  problems.error(`playbook.${kind}-unclear`, message, vmAt, { pointer, allowed: [...known.keys()].sort() });
  return { name: '', at: vmAt };
}

function checkKnown(
  kind: 'source' | 'target',
  name: string,
  known: ReadonlyMap<string, unknown>,
  at: Location,
  user: Origin | undefined,
  problems: Problems,
): void {
  if (known.has(name)) return;
  const suggestions = suggest(name, known.keys());
  const extra = { allowed: [...known.keys()].sort(), ...(suggestions.length > 0 ? { suggestions } : {}) };
  problems.usedBy(user, `playbook.unknown-${kind}`, `there is no ${kind} "${name}"`, at, extra);
}

/** A map that is named must exist; the unnamed default may be missing as long as no adapter needs it. */
function checkNetworkMap(draft: VmDraft, effective: Effective, { sections, problems }: VmContext): void {
  const chain = effective.chains['/networkMap'];
  const name = effective.settings.networkMap;
  if (chain === undefined || sections.networks.has(name)) return;
  const known = [...sections.networks.keys()].sort();
  const suggestions = suggest(name, known);
  const at = chain[0]?.location ?? placeOf(draft, ['name']);
  const user = userOf(draft, chain[0]);
  const extra = { allowed: known, ...(suggestions.length > 0 ? { suggestions } : {}) };
  problems.usedBy(user, 'playbook.unknown-network-map', `there is no network map "${name}"`, at, extra);
}

/** What `${vm:...}` stands for in a machine's settings and entry. */
function lateValues(wave: DraftedWave, draft: VmDraft, { sections, problems }: VmContext): LateValues {
  const { name } = draft.entry;
  return (late: LateName, at, scopeSource) => {
    if (late === 'name') return name;
    if (late === 'wave') return wave.wave.name;
    if (late === 'source') {
      const source = draft.entry.source ?? scopeSource ?? [...sections.sources.keys()][0] ?? '';
      if (!holdsLate(source)) return source;
      if (at !== undefined) {
        const message = 'the source is chosen with ${vm:source} itself';
        problems.usedBy(undefined, 'playbook.reference-cycle', message, at);
      }
      return '';
    }
    const { ova, ovf, vmx } = draft.entry;
    const hasDescriptor = ova !== undefined || ovf !== undefined || vmx !== undefined;
    if (hasDescriptor && at !== undefined) {
      const message = 'the uid of this machine is known only after its descriptor was read';
      problems.usedBy(undefined, 'playbook.uid-unknown', message, at);
    }
    return name;
  };
}
