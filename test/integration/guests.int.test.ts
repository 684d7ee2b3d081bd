import { describe, expect, it } from 'vitest';
import { bootUntil, kvmHardware, vmwareHardware } from '../support/boot.js';
import { buildGuest, requireGuests } from '../support/guests.js';
import { requireTools } from '../support/tools.js';

const possible = (await requireTools('qemu-system-x86_64', 'qemu-img')) && (await requireGuests());

const login = /^web01 login: $/m;
const rootMissing = /ALERT! {2}UUID=[0-9a-f-]+ does not exist/;
const bootMs = 280_000;

// What every end-to-end test rests on: without these, a guest that boots after a migration would prove nothing.
describe.skipIf(!possible)('the demo guest, before anything was fixed', () => {
  it('boots on the hardware that VMware shows', async () => {
    const { recipe, disks } = await buildGuest('demo-serial');
    const boot = await bootUntil(vmwareHardware(disks[0] ?? '', recipe.network.mac), [login, rootMissing], bootMs);
    expect(boot.seen, boot.text.slice(-2000)).toBe(login);
  });

  it('does not find its root disk on virtio', async () => {
    const { recipe, disks } = await buildGuest('demo-serial');
    const boot = await bootUntil(kvmHardware(disks[0] ?? '', recipe.network.mac), [login, rootMissing], bootMs);
    expect(boot.seen, boot.text.slice(-2000)).toBe(rootMissing);
  });
});
