/** The settings of every machine: scopes merged in their order, late references filled in, checked and frozen. */
import type { Location, Origin } from '../lib/diagnostic.js';
import { deepFreeze } from '../lib/deep-freeze.js';
import { formatPointer } from '../lib/json-pointer.js';
import { suggest } from '../lib/suggest.js';
import type { SettingOrigin } from '../model/effective.js';
import type { ResolvedSettings } from '../model/settings.js';
import { builtinAt, builtinSettings } from './builtin.js';
import { mergeLayer } from './merge.js';
import type { Layer, Merged } from './merge.js';
import type { Problems } from './problems.js';
import { fillLate, holdsLate } from './references.js';
import type { LateName } from './references.js';
import { diagnosticOf } from './schema-check.js';
import { checkerOf } from './schemas.js';
import { layerAt } from './sections.js';
import type { Sections } from './sections.js';
import type { SourceFile } from './source-file.js';
import { placeOf } from './vm-drafts.js';
import type { DraftedWave, VmDraft } from './vm-drafts.js';

/** What a machine's settings became. Machines with the same scopes and nothing of their own share all of it. */
export interface Effective {
  readonly settings: ResolvedSettings;
  /** Source and target as the scopes give them, before a machine's own word. */
  readonly source: string | undefined;
  readonly target: string | undefined;
  readonly chains: Readonly<Record<string, readonly SettingOrigin[]>>;
  readonly origins: Readonly<Record<string, string>>;
}

/**
 * What a late reference stands for. It reports what cannot be known at the place that is given, and is silent without.
 * `scopeSource` is the source that the scopes give, itself perhaps late.
 */
export type LateValues = (name: LateName, at: Location | undefined, scopeSource: string | undefined) => string;

interface Scoped {
  readonly merged: Merged;
  readonly isLate: boolean;
  effective: Effective | undefined;
}

/** Makes the settings of machines; remembers what machines share. */
export class SettingsMaker {
  readonly #shared = new Map<string, Scoped>();
  readonly #wide: Merged;

  constructor(
    readonly sections: Sections,
    readonly playbook: SourceFile,
    readonly set: Layer | undefined,
    readonly problems: Problems,
  ) {
    let wide: Merged = { value: builtinSettings(), chains: {} };
    for (const layer of sections.defaults) wide = mergeLayer(wide, layer, builtinSettings(), problems);
    this.#wide = wide;
  }

  /** The settings of a machine. `values` gives what late references ask for. */
  of(wave: DraftedWave, draft: VmDraft, values: LateValues): Effective {
    const scoped = this.#scoped(wave, draft);
    const { overrides } = draft.entry;
    const hasOwn = overrides !== undefined && Object.keys(overrides).length > 0;
    if (!hasOwn && !scoped.isLate) {
      scoped.effective ??= this.#finish(this.#withSet(scoped.merged), draft);
      return scoped.effective;
    }
    let merged = scoped.merged;
    if (hasOwn) {
      const layer = layerAt(draft, ownScope(draft.entry.name), overrides, [...draft.path, 'overrides']);
      merged = mergeLayer(merged, layer, builtinSettings(), this.problems);
    }
    merged = this.#withSet(merged);
    return this.#finish(this.#filled(merged, values), draft);
  }

  #withSet(merged: Merged): Merged {
    return this.set === undefined ? merged : mergeLayer(merged, this.set, builtinSettings(), this.problems);
  }

  /** Everything down to the wave's overrides: the same for all machines of a wave with the same profiles. */
  #scoped(wave: DraftedWave, draft: VmDraft): Scoped {
    const names = [...(wave.wave.profiles ?? []), ...(draft.entry.profiles ?? [])];
    const key = JSON.stringify([wave.index, names]);
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    let merged = this.#wide;
    for (const name of names) {
      const profile = this.sections.profiles.get(name);
      if (profile === undefined) continue;
      const layer = layerAt(profile.file, `profile ${name}`, profile.value, ['profiles', name]);
      merged = mergeLayer(merged, layer, builtinSettings(), this.problems);
    }
    if (wave.wave.overrides !== undefined) {
      const at = ['waves', wave.index, 'overrides'];
      const layer = layerAt(this.playbook, `wave ${wave.wave.name}`, wave.wave.overrides, at);
      merged = mergeLayer(merged, layer, builtinSettings(), this.problems);
    }
    const scoped: Scoped = { merged, isLate: holdsLate(merged.value), effective: undefined };
    this.#shared.set(key, scoped);
    return scoped;
  }

  #filled(merged: Merged, values: LateValues): Merged {
    if (!holdsLate(merged.value)) return merged;
    const { source } = merged.value;
    const scopeSource = typeof source === 'string' ? source : undefined;
    const chains: Record<string, readonly SettingOrigin[]> = { ...merged.chains };
    for (const [pointer, chain] of Object.entries(chains)) {
      const [winner, ...rest] = chain;
      if (winner === undefined || !holdsLate(winner.value)) continue;
      const value = fillLate(winner.value, (name) => values(name, winner.location, scopeSource));
      chains[pointer] = [{ ...winner, value }, ...rest];
    }
    // The chains were asked first and reported what is not known; asking again must not report it twice.
    const value = fillLate(merged.value, (name) => values(name, undefined, scopeSource)) as Merged['value'];
    return { value, chains };
  }

  #finish(merged: Merged, draft: VmDraft): Effective {
    const { source, target, ...settings } = merged.value;
    for (const problem of checkerOf('settings')(merged.value)) {
      const [winner] = merged.chains[formatPointer(problem.path)] ?? [];
      const diagnostic = diagnosticOf(problem, problem.path, () => winner?.location ?? placeOf(draft, ['name']));
      if (diagnostic === undefined) continue;
      const { code, message, location, severity: _severity, pointer: _pointer, ...extra } = diagnostic;
      this.problems.usedBy(userOf(draft, winner), code, message, location, extra);
    }
    return {
      settings: deepFreeze(settings) as unknown as ResolvedSettings,
      source: typeof source === 'string' ? source : undefined,
      target: typeof target === 'string' ? target : undefined,
      chains: deepFreeze(merged.chains),
      origins: deepFreeze(originTexts(merged.chains)),
    };
  }
}

/** The scope that a machine's own overrides make. */
function ownScope(name: string): string {
  return `vm ${name}`;
}

/** Who uses a value, when it was set somewhere else than in the machine itself. */
export function userOf(draft: VmDraft, winner: SettingOrigin | undefined): Origin | undefined {
  const { name } = draft.entry;
  if (winner === undefined || winner.scope === ownScope(name)) return undefined;
  return { ...placeOf(draft, ['name']), note: `used by machine ${name}` };
}

/** Pointers to the `file:line:column` that won. */
function originTexts(chains: Merged['chains']): Record<string, string> {
  const origins: Record<string, string> = {};
  for (const [pointer, [winner]] of Object.entries(chains)) {
    // Where a machine comes from and goes to is said beside its settings, not in them.
    if (pointer === '/source' || pointer === '/target') continue;
    // What went back to nothing is not a setting any more.
    if (winner === undefined || (winner.value === null && builtinAt(pointer.slice(1).split('/')) === undefined))
      continue;
    const { location, scope } = winner;
    origins[pointer] = location === undefined ? scope : `${location.file}:${location.line}:${location.column}`;
  }
  return origins;
}

/** Reports profiles that no file defines, where they are named. */
export function checkProfiles(
  names: readonly string[],
  sections: Sections,
  locate: (index: number) => Location,
  problems: Problems,
): void {
  names.forEach((name, i) => {
    if (sections.profiles.has(name)) return;
    const known = [...sections.profiles.keys()];
    const suggestions = suggest(name, known);
    problems.error('playbook.unknown-profile', `there is no profile "${name}"`, locate(i), {
      allowed: known.sort(),
      ...(suggestions.length > 0 ? { suggestions } : {}),
    });
  });
}
