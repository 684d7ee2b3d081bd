/** netplan: `set-name` is invalid without `match`, and one invalid device makes netplan reject the whole file. */
import { editYaml } from '../../../lib/yaml-edit.js';
import type { YamlEdit } from '../../../lib/yaml-edit.js';
import type { FixContext, StepNotes } from '../fixers/types.js';
import { isOldDriver } from './hardware.js';
import { drivers, isMap, netplanFiles, netplanNetwork } from './netplan.js';
import type { NetplanMap } from './netplan.js';
import type { KnownNics } from './nics.js';
import { shown } from '../text/display.js';

export function fixNetplan(ctx: FixContext, nics: KnownNics, notes: StepNotes): void {
  const files = netplanFiles(ctx.tree);
  const ethernets = files.flatMap((path) => Object.keys(ethernetsOf(ctx.tree.text(path) ?? '')));
  for (const path of files) {
    const content = ctx.tree.text(path);
    if (content === undefined) continue;
    if (netplanNetwork(content) === undefined) {
      notes.warnings.push(`${path} cannot be understood; it was left alone`);
      continue;
    }
    const edits = Object.entries(ethernetsOf(content)).flatMap(([id, device]) =>
      deviceEdits(id, device, { nics, isSole: new Set(ethernets).size === 1, path, notes }),
    );
    if (edits.length === 0) continue;
    const edited = editYaml(content, edits);
    if (edited === undefined) {
      notes.warnings.push(`${path} is written in a way that cannot be edited safely; it was left alone`);
      continue;
    }
    ctx.tree.write(path, edited);
    notes.notes.push(
      `${path}: it no longer asks for ${nics.strips ? 'an address or ' : ''}hardware of the old machine`,
    );
  }
}

function ethernetsOf(content: string): NetplanMap {
  const ethernets = netplanNetwork(content)?.['ethernets'];
  return isMap(ethernets) ? ethernets : {};
}

interface DeviceScope {
  readonly nics: KnownNics;
  readonly isSole: boolean;
  readonly path: string;
  readonly notes: StepNotes;
}

function deviceEdits(id: string, device: unknown, scope: DeviceScope): YamlEdit[] {
  const match = isMap(device) && isMap(device['match']) ? device['match'] : undefined;
  if (match === undefined) return [];
  const base = ['network', 'ethernets', id, 'match'];
  const keys = new Set(Object.keys(match));
  const edits: YamlEdit[] = [];
  const isStripped = scope.nics.strips && keys.has('macaddress');
  if (isStripped && !scope.isSole) {
    scope.notes.warnings.push(`${scope.path}: the address of ${shown(id)} stays, because there are other adapters`);
  } else if (isStripped) {
    if (!keys.has('name')) edits.push({ op: 'add', path: [...base, 'name'], value: 'en*' });
    edits.push({ op: 'delete', path: [...base, 'macaddress'] });
    keys.delete('macaddress');
    keys.add('name');
  }
  const named = drivers(match);
  if (named.length === 0 || !named.every((driver) => isOldDriver(driver, scope.nics.drivers))) return edits;
  if (keys.size > 1) return [...edits, { op: 'delete', path: [...base, 'driver'] }];
  return [...edits, { op: 'set', path: [...base, 'driver'], value: scope.nics.drivers[0] ?? 'virtio_net' }];
}
