import { defineCodes } from './types.js';

export const convertCodes = defineCodes({
  'convert.failed': {
    class: 'tool',
    cause: 'qemu-img could not write the product.',
    check: 'The message holds the last lines of qemu-img.',
    cure: 'Follow what qemu-img says, then `drover resume`.',
  },
  'convert.no-space': {
    class: 'resource',
    cause: 'The output folder has less free space than the product needs.',
    check: '`df -h` on the output folder; the message says how much is needed and how much is there.',
    cure: 'Free space, choose another target folder, or set `disk.compress: zstd`; then `drover resume`.',
  },
  'convert.foreign-file': {
    class: 'conflict',
    cause: "A file that Drover did not write lies at the product's place.",
    check: 'Look at the file that the message names.',
    cure: 'Move it away, choose another target folder, or set `convert.overwrite: true` to replace it.',
  },
  'convert.product-changed': {
    class: 'conflict',
    cause: 'A product was changed after Drover wrote it, for example because a machine was started from it.',
    check: 'Compare the time of the file with the end of the run that wrote it.',
    cure: 'Move it away to keep it, or set `convert.overwrite: true` to replace it.',
  },
  'convert.corrupt': {
    class: 'permanent',
    cause: 'The check of the written image found corruption.',
    check: 'Run `qemu-img check` on the source image and look at the health of the storage.',
    cure: 'Repair the storage, then `drover resume`.',
  },
  'convert.size-mismatch': {
    class: 'permanent',
    cause: 'The product does not have the virtual size of its disk.',
    check: 'Compare `qemu-img info` of both images.',
    cure: 'Report it as a bug; the product was not kept.',
  },
  'convert.differs': {
    class: 'permanent',
    cause: 'The full comparison found bytes in the product that differ from the fixed image.',
    check: 'The health of the storage and memory of this machine.',
    cure: 'Repair what is broken, then `drover resume`.',
  },
  'convert.cache-downgraded': {
    class: 'resource',
    cause: 'The filesystem cannot bypass the page cache (O_DIRECT), so the product was written through it.',
    check: 'The type of the filesystem that holds the output folder.',
    cure: 'Nothing has to be done; the product is complete and on disk.',
  },
  'convert.option-dropped': {
    class: 'resource',
    cause: 'This qemu-img does not know an option, so the product was written without it.',
    check: '`qemu-img --version`; zstd compression needs 5.1.',
    cure: 'Install a newer qemu-img if the option matters.',
  },
  'convert.leaks': {
    class: 'resource',
    cause: 'The written image has clusters that nothing refers to. Its content is right; it only wastes space.',
    check: 'Run `qemu-img check` on the product.',
    cure: '`qemu-img check -r leaks` on the product frees them.',
  },
  'convert.checksum-failed': {
    class: 'resource',
    cause: 'The checksum file beside a product could not be written.',
    check: 'The message holds the reason.',
    cure: 'Write it by hand with `sha256sum`; the product itself is complete.',
  },
  'convert.xml-unchecked': {
    class: 'resource',
    cause: 'The domain XML was written but no tool to check it against the schema of libvirt is installed.',
    check: 'Run `drover doctor`.',
    cure: 'Install libvirt-clients, or check the file where the machine will run.',
  },
});
