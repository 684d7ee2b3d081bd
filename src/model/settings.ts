import type { Settings } from './generated/playbook.js';

type Required2<T> = T extends readonly (infer U)[]
  ? readonly U[]
  : T extends object
    ? { readonly [K in keyof T]-?: Required2<NonNullable<T[K]>> }
    : T;

type Full = Required2<Settings>;

/** Settings of one virtual machine after every scope was merged and every default filled in. */
export interface ResolvedSettings extends Omit<
  Full,
  'source' | 'target' | 'memory' | 'cpus' | 'nics' | 'disks' | 'guest' | 'validate' | 'timeouts' | 'retries'
> {
  readonly memory?: string;
  readonly cpus?: number;
  readonly nics: Readonly<Record<string, NicSettings>>;
  readonly disks: Readonly<Record<string, Partial<Full['disk']>>>;
  readonly guest: { readonly family: 'auto' | 'linux' | 'none'; readonly root?: string };
  readonly validate: Omit<Full['validate'], 'memory'> & { readonly memory?: string };
  readonly timeouts: Readonly<Record<string, string>>;
  readonly retries: Readonly<Record<string, number>>;
}

export interface NicSettings {
  readonly mac?: string;
  readonly model?: 'auto' | 'virtio' | 'e1000e' | 'e1000' | 'rtl8139';
  readonly network?: string;
}

export type DiskSettingsFull = Full['disk'];

/** Settings of the disk at a position: those of all disks with the disk's own laid over them. */
export function diskSettings(settings: ResolvedSettings, index: number): DiskSettingsFull {
  return { ...settings.disk, ...settings.disks[String(index)] };
}
