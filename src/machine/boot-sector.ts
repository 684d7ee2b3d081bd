const SECTOR = 512;
/** A disk of one sector does not boot from AHCI or IDE; a MiB does. */
const DISK_BYTES = 1024 ** 2;

/** A bootable raw disk: machine code for 0x7c00 in its first sector, data in the sectors behind it. */
export function bootDisk(code: Uint8Array, data: Uint8Array = new Uint8Array()): Buffer {
  if (code.length > SECTOR - 2) throw new RangeError(`${code.length} bytes do not fit in a boot sector`);
  if (SECTOR + data.length > DISK_BYTES) throw new RangeError(`${data.length} bytes do not fit on the disk`);
  const disk = Buffer.alloc(DISK_BYTES);
  disk.set(code, 0);
  disk.writeUInt16LE(0xaa55, SECTOR - 2);
  disk.set(data, SECTOR);
  return disk;
}

/** Port of QEMU's isa-debug-exit device and the value written there; QEMU then ends with code value * 2 + 1. */
export const DEBUG_EXIT_PORT = 0xf4;
const DEBUG_EXIT_VALUE = 0x10;
export const DEBUG_EXIT_CODE = DEBUG_EXIT_VALUE * 2 + 1;

/** The smallest guest that proves that an accelerator runs guests: it ends QEMU with `DEBUG_EXIT_CODE`. */
export function exitDisk(): Buffer {
  return bootDisk(
    Uint8Array.from([
      ...[0xba, DEBUG_EXIT_PORT, 0x00], // mov dx, port
      ...[0xb0, DEBUG_EXIT_VALUE], // mov al, value
      0xee, // out dx, al
      ...[0xfa, 0xf4], // cli; hlt
      ...[0xeb, 0xfd], // jmp to the hlt
    ]),
  );
}
