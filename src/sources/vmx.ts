/** VMX files: what VMware's products keep about a machine. Pure; the names in them are resolved elsewhere. */
import { showName } from '../lib/safe-path.js';
import { DroverError } from '../lib/error.js';
import type { Firmware, SourceBus, SourceNic } from '../model/index.js';
import { encrypted } from './problems.js';

export const MAX_VMX_BYTES = 1024 ** 2;

export interface VmxDisk {
  readonly bus: SourceBus;
  readonly controller: number;
  readonly unit: number;
  /** As written. */
  readonly file: string;
}

export interface VmxMachine {
  readonly name?: string;
  /** In bus order. */
  readonly disks: readonly VmxDisk[];
  readonly nics: readonly SourceNic[];
  readonly firmware: Firmware;
  readonly secureBoot: boolean;
  readonly tpm: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly guestId?: string;
  readonly uuid?: string;
  readonly notes: readonly string[];
}

/** VMware's order: the first disk of the first of these is the one that boots. */
const BUS_ORDER: readonly SourceBus[] = ['scsi', 'nvme', 'sata', 'ide'];
const DISK_KEY = /^(scsi|sata|ide|nvme)(\d{1,3}):(\d{1,3})\.filename$/;

function descriptorError(path: string, what: string): DroverError {
  return new DroverError({ code: 'source.descriptor', message: `${path}: ${what}`, where: { file: path } });
}

function decode(path: string, bytes: Buffer): string {
  const ascii = bytes.toString('latin1');
  if (!/[\x80-\xff]/.test(ascii)) return ascii;
  const label = /^[ \t]*\.encoding[ \t]*=[ \t]*"([A-Za-z0-9._-]+)"/im.exec(ascii)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch (cause) {
    const why = cause instanceof RangeError ? 'is not known' : 'does not fit its bytes';
    throw descriptorError(path, `the encoding ${showName(label)} ${why}`);
  }
}

/** Keys in lower case with their values; `|22` and the like are undone. */
function parseValues(path: string, bytes: Buffer): { readonly values: Map<string, string>; readonly notes: string[] } {
  if (bytes.length > MAX_VMX_BYTES) throw descriptorError(path, `has ${bytes.length} bytes; at most 1 MiB is read`);
  const values = new Map<string, string>();
  const notes: string[] = [];
  let unread = 0;
  for (const raw of decode(path, bytes)
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([A-Za-z0-9_.:/-]+)\s*=\s*(?:"(.*)"|([^"]*))$/.exec(line);
    const key = match?.[1]?.toLowerCase();
    if (key === undefined) {
      unread += 1;
      if (unread === 1) notes.push(`a line could not be read and was passed over: ${showName(line)}`);
      continue;
    }
    if (values.has(key)) notes.push(`${key} is set twice; the last one counts`);
    const value = match?.[2] ?? match?.[3]?.trim() ?? '';
    values.set(
      key,
      value.replaceAll(/\|([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    );
  }
  if (unread > 1) notes.push(`${unread - 1} more lines could not be read`);
  if (values.size === 0) throw descriptorError(path, 'holds no setting; is it a VMX file?');
  return { values, notes };
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(true|yes|1)$/i.test(value);
}

/** Absent means present for devices that name a file or a network; only a plain "no" hides them. */
function isPresent(values: ReadonlyMap<string, string>, device: string): boolean {
  const value = values.get(`${device}.present`);
  return value === undefined || isTrue(value);
}

function findDisks(values: ReadonlyMap<string, string>, notes: string[]): VmxDisk[] {
  const disks: VmxDisk[] = [];
  for (const [key, file] of values) {
    const match = DISK_KEY.exec(key);
    if (match === null) continue;
    const [, bus = '', controller = '', unit = ''] = match;
    const device = `${bus}${controller}:${unit}`;
    if (!isPresent(values, device) || !isPresent(values, `${bus}${controller}`)) continue;
    const type = (values.get(`${device}.devicetype`) ?? '').toLowerCase();
    if (/^(cdrom|atapi-cdrom)/.test(type) || /\.iso$/i.test(file) || file === '' || /^auto detect$/i.test(file))
      continue;
    // On IDE a device without a type is a drive for CDs as often as not.
    if (bus === 'ide' && type === '' && !/\.vmdk$/i.test(file)) continue;
    if (/independent/i.test(values.get(`${device}.mode`) ?? '')) {
      notes.push(`${device} is an independent disk, which snapshots at the origin leave out`);
    }
    disks.push({ bus: bus as SourceBus, controller: Number(controller), unit: Number(unit), file });
  }
  const rank = (disk: VmxDisk): number => BUS_ORDER.indexOf(disk.bus);
  return disks.sort((a, b) => rank(a) - rank(b) || a.controller - b.controller || a.unit - b.unit);
}

function findNics(values: ReadonlyMap<string, string>, notes: string[]): SourceNic[] {
  const numbers = new Set<number>();
  for (const key of values.keys()) {
    const match = /^ethernet(\d{1,2})\./.exec(key);
    if (match !== null) numbers.add(Number(match[1]));
  }
  const nics: SourceNic[] = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    // A NIC is there only when it says so: left-over settings of removed ones are common.
    if (!isTrue(values.get(`ethernet${n}.present`))) continue;
    const value = (key: string): string | undefined => values.get(`ethernet${n}.${key}`);
    const fixed = value('addresstype')?.toLowerCase() === 'static';
    const address = fixed ? value('address') : (value('generatedaddress') ?? value('address'));
    const mac = address === undefined ? undefined : normaliseMac(address);
    if (address !== undefined && mac === undefined)
      notes.push(`ethernet${n} has the unusable address ${showName(address)}`);
    const model = value('virtualdev');
    const network = value('networkname') ?? value('connectiontype');
    nics.push({
      index: nics.length,
      ...(mac === undefined ? {} : { mac }),
      ...(model === undefined ? {} : { model: model.toLowerCase() }),
      ...(network === undefined || network === '' ? {} : { network }),
      ...pciSlotOf(value('pcislotnumber')),
    });
  }
  return nics;
}

/** The PCI slot of an adapter; a machine that was never started has none (-1). */
export function pciSlotOf(text: string | undefined): Pick<SourceNic, 'pciSlot'> {
  return text !== undefined && /^[1-9]\d{0,4}$/.test(text) ? { pciSlot: Number(text) } : {};
}

/** Lower case with colons; undefined when it is no unicast MAC address. */
export function normaliseMac(text: string): string | undefined {
  const hex = text.replaceAll(/[:\-.\s]/g, '').toLowerCase();
  if (!/^[0-9a-f]{12}$/.test(hex) || hex === '000000000000') return undefined;
  if ((parseInt(hex.slice(0, 2), 16) & 1) === 1) return undefined;
  return hex.replaceAll(/(..)(?=.)/g, '$1:');
}

function uuidOf(text: string | undefined): string | undefined {
  const hex = (text ?? '').replaceAll(/[^0-9A-Fa-f]/g, '').toLowerCase();
  if (hex.length !== 32) return undefined;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function positive(path: string, key: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0 || value > 2 ** 31) {
    throw descriptorError(path, `${key} is ${showName(text)}, which is no usable number`);
  }
  return value;
}

/** Parses a VMX file. @param path for messages. Throws `source.descriptor` and `source.encrypted`. */
export function parseVmx(path: string, bytes: Buffer): VmxMachine {
  const { values, notes } = parseValues(path, bytes);
  if ([...values.keys()].some((key) => key.startsWith('encryption.')) || values.has('datafilekey')) {
    throw encrypted(path, 'the machine is encrypted by its hypervisor');
  }
  const name = values.get('displayname');
  const guestId = values.get('guestos');
  const uuid = uuidOf(values.get('vc.uuid')) ?? uuidOf(values.get('uuid.bios'));
  return {
    ...(name === undefined || name === '' ? {} : { name }),
    disks: findDisks(values, notes),
    nics: findNics(values, notes),
    firmware: /^efi/i.test(values.get('firmware') ?? '') ? 'uefi' : 'bios',
    secureBoot: isTrue(values.get('uefi.secureboot.enabled')),
    tpm: isTrue(values.get('vtpm.present')) || isTrue(values.get('managedvm.autoaddvtpm')),
    cpus: positive(path, 'numvcpus', values.get('numvcpus'), 1),
    memoryBytes: positive(path, 'memSize', values.get('memsize'), 32) * 1024 ** 2,
    ...(guestId === undefined || guestId === '' ? {} : { guestId }),
    ...(uuid === undefined ? {} : { uuid }),
    notes,
  };
}
