/** Names that people bring along from elsewhere, and what they are called here. */
export interface Alias {
  /** What to write, shown as a suggestion. */
  readonly now: string;
  readonly hint: string;
}

const is = (now: string, more = ''): Alias => ({ now, hint: `here this is \`${now}\`${more}` });

const ALIASES: Readonly<Record<string, Alias>> = {
  networkmap: {
    now: 'mappings.networks',
    hint: 'this is now `mappings.networks`; settings choose a map with `networkMap`',
  },
  networkmapping: is('mappings.networks'),
  networkmappings: is('mappings.networks'),
  memorymib: is('memory', ' with a unit, such as "4GiB"'),
  memorymb: is('memory', ' with a unit, such as "4GiB"'),
  memorygb: is('memory', ' with a unit, such as "4GiB"'),
  ram: is('memory', ' with a unit, such as "4GiB"'),
  vcpu: is('cpus'),
  vcpus: is('cpus'),
  numcpus: is('cpus'),
  machines: is('vms'),
  guests: is('vms'),
  hostsfile: is('vmsFrom'),
  inventory: is('vmsFrom'),
  csv: is('vmsFrom', ' with `file: list.csv`'),
  groups: is('waves'),
  phases: is('waves'),
  variables: is('vars'),
  input: is('sources'),
  inputs: is('sources'),
  output: is('targets'),
  outputs: is('targets'),
  outdir: is('targets', ': `targets: { here: { type: files, dir: ./out } }`'),
  outputdir: is('targets', ': `targets: { here: { type: files, dir: ./out } }`'),
  destination: is('target'),
  depends: is('dependsOn'),
  requires: is('dependsOn'),
  needs: is('dependsOn'),
  interfaces: is('nics'),
  networkinterfaces: is('nics'),
  efi: is('firmware', ': `firmware: uefi`'),
  uefi: is('firmware', ': `firmware: uefi`'),
  bios: is('firmware', ': `firmware: bios`'),
  settings: is('overrides'),
  options: is('overrides'),
  serial: is('batches'),
  canary: is('batches', ', such as `batches: [1, 3, 100%]`'),
  boottest: is('validate.level', ': `validate: { level: boot }`'),
  maxparallel: is('limits.maxVmsInFlight'),
  parallelism: is('limits.maxVmsInFlight'),
  concurrency: is('limits.maxVmsInFlight'),
  compression: is('disk.compress'),
  password: { now: 'secretRef', hint: 'secrets never stand in a playbook; refer to them with `secretRef`' },
};

/** Where the key by itself is right and only its place is wrong. */
const MISPLACED: Readonly<Record<string, string>> = {
  '<<': 'YAML merge keys are not read; use a profile, or an alias for a whole value',
  select: 'queries against an inventory are not part of this version; list the machines in `vms` or `vmsFrom`',
  vms: 'machines stand inside a wave: `waves: [{ name: all, vms: [...] }]`',
  waves: 'waves stand in the playbook only, not in a fragment',
  metadata: 'metadata stands in the playbook only, not in a fragment',
};

/** Keys that belong under `overrides` when they stand beside it. */
const SETTINGS_HINT = 'settings of a machine or a wave stand under `overrides`';

/** What a wrong key was probably meant to be. Case and the way words are joined do not count. */
export function aliasOf(key: string): Alias | undefined {
  const folded = key.toLowerCase().replace(/[_ -]/g, '');
  return Object.hasOwn(ALIASES, folded) ? ALIASES[folded] : undefined;
}

/** Why a key is wrong in its place. */
export function misplacedHint(
  key: string,
  path: readonly string[],
  settingNames: ReadonlySet<string>,
): string | undefined {
  if (Object.hasOwn(MISPLACED, key)) return MISPLACED[key];
  const isWaveOrVm = path[0] === 'waves' && (path.length === 3 || (path[2] === 'vms' && path.length === 5));
  return isWaveOrVm && settingNames.has(key) ? SETTINGS_HINT : undefined;
}
