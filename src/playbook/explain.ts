import { DroverError } from '../lib/error.js';
import { suggest } from '../lib/suggest.js';
import type { LoadedVm, SettingOrigin } from '../model/effective.js';

export interface ExplainedSetting {
  readonly pointer: string;
  readonly value: unknown;
  /** Every scope that set it, the winner first. */
  readonly chain: readonly SettingOrigin[];
}

export interface Explained {
  readonly vm: string;
  readonly settings: readonly ExplainedSetting[];
}

function leaves(value: unknown, pointer: string, found: Map<string, unknown>): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length === 0) {
    found.set(pointer, value);
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    leaves(member, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, found);
  }
}

function originText(origin: SettingOrigin): string {
  const at =
    origin.location === undefined
      ? ''
      : ` at ${origin.location.file}:${origin.location.line}:${origin.location.column}`;
  return `${origin.scope}${at}: ${JSON.stringify(origin.value)}`;
}

/**
 * The effective settings of a machine, or those below one pointer, each with every scope that had a say. Throws `cli.usage`
 * for a pointer that leads nowhere.
 */
export function explainVm(vm: LoadedVm, pointer?: string): { readonly data: Explained; readonly text: string } {
  const all = new Map<string, unknown>();
  leaves(vm.settings, '', all);
  const wanted =
    pointer === undefined || pointer === '' || pointer === '/'
      ? ''
      : `/${pointer.replace(/^\//, '').replaceAll('.', '/')}`;
  const chosen = [...all].filter(([leaf]) => wanted === '' || leaf === wanted || leaf.startsWith(`${wanted}/`));
  if (chosen.length === 0) {
    const near = suggest(wanted, [...all.keys()]);
    throw new DroverError({
      code: 'cli.usage',
      message: `${vm.name} has no setting ${wanted}`,
      hint:
        near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'drover explain <playbook> <vm> lists all settings',
    });
  }
  const settings = chosen.map(([leaf, value]): ExplainedSetting => ({
    pointer: leaf,
    value,
    chain: vm.originChains[leaf] ?? [],
  }));
  const width = Math.max(...settings.map((setting) => setting.pointer.length));
  const detail = settings.length === 1;
  const lines = settings.flatMap((setting) => {
    const [winner] = setting.chain;
    const from =
      winner === undefined || winner.scope === 'built-in' ? 'built-in' : originText(winner).replace(/: [^:]*$/, '');
    const head = `${setting.pointer.padEnd(width)}  ${JSON.stringify(setting.value)}  (${from})`;
    return detail
      ? [head, ...setting.chain.map((origin, at) => `  ${at === 0 ? '→' : ' '} ${originText(origin)}`)]
      : [head];
  });
  return { data: { vm: vm.name, settings }, text: `${lines.join('\n')}\n` };
}
