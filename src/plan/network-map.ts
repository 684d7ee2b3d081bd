import { matchesGlob } from '../lib/glob.js';
import type { NetworkRule } from '../model/effective.js';
import type { NicSettings, ResolvedSettings } from '../model/settings.js';
import type { SourceNic } from '../model/vm.js';

export interface NicMapping {
  readonly nics: Readonly<Record<string, NicSettings>>;
  /** JSON pointer to the place of the rule that decided. */
  readonly origins: Readonly<Record<string, string>>;
  /** Networks of the origin that no rule names, with the position of the adapter. */
  readonly unmapped: readonly { readonly index: number; readonly network: string }[];
}

/**
 * The adapters of the new machine: those of the descriptor and those of the settings by position, each with a network.
 * What the settings say wins; else the first rule of the machine's network map that matches. There is no fallback network.
 */
export function mapNics(
  settings: ResolvedSettings,
  nics: readonly SourceNic[],
  maps: Readonly<Record<string, readonly NetworkRule[]>>,
): NicMapping {
  const rules = maps[settings.networkMap] ?? [];
  const indexes = new Set([...nics.map((nic) => nic.index), ...Object.keys(settings.nics).map(Number)]);
  const mapped: Record<string, NicSettings> = {};
  const origins: Record<string, string> = {};
  const unmapped: { index: number; network: string }[] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const own = settings.nics[String(index)] ?? {};
    const described = nics.find((nic) => nic.index === index);
    if (own.network !== undefined) {
      mapped[String(index)] = own;
      continue;
    }
    // An adapter without a name at the origin is matched by `*` only.
    const name = described?.network ?? '';
    const rule = rules.find(({ from }) => matchesGlob(from, name));
    if (rule === undefined) {
      unmapped.push({ index, network: name });
      mapped[String(index)] = own;
      continue;
    }
    mapped[String(index)] = { ...own, network: rule.to };
    origins[`/nics/${index}/network`] = `${rule.location.file}:${rule.location.line}:${rule.location.column}`;
  }
  return { nics: mapped, origins, unmapped };
}
