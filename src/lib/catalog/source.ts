import { defineCodes } from './types.js';

export const sourceCodes = defineCodes({
  'source.missing': {
    class: 'permanent',
    cause: 'A file that the playbook names, or that a descriptor needs, is not there.',
    check: 'List the folder that the message names; names are case-sensitive.',
    cure: 'Copy the missing file there, or correct the name. Split and delta disks need every one of their files.',
  },
  'source.unsafe-ref': {
    class: 'permanent',
    cause:
      'A descriptor, image header or archive names a file outside of its own folder, a protocol or a device. Following it could leak files of this machine into the guest.',
    check: 'The message shows the name and the file that holds it.',
    cure: 'Put the file beside the one that names it, or list its folder under `allowDirs` of the source if you trust it.',
  },
  'source.ambiguous': {
    class: 'permanent',
    cause: 'Several files could be the machine and Drover does not choose for you.',
    check: 'The message lists them.',
    cure: 'Say which one with `ova`, `ovf`, `vmx`, `bundle` or `disks`.',
  },
  'source.format-unknown': {
    class: 'permanent',
    cause:
      'The first bytes of a file belong to no image format that Drover knows, and images are never assumed to be raw.',
    check: 'The message shows the first bytes.',
    cure: 'If it is a raw image, say so: `disks: [{ file: NAME, format: raw }]`. If it is one extent of a VMDK, name its descriptor.',
  },
  'source.format-mismatch': {
    class: 'permanent',
    cause: 'A file is not of the format that the playbook, the descriptor or the image above it says.',
    check: 'The message names both formats.',
    cure: 'Remove or correct `format`.',
  },
  'source.format-unsupported': {
    class: 'permanent',
    cause:
      'The image uses a kind or feature that cannot be read here: a raw device mapping, a physical disk, an unknown feature bit.',
    check: 'The message names the kind.',
    cure: 'Export the disk as an ordinary image at the origin (for a raw device mapping: clone it to a thin VMDK).',
  },
  'source.encrypted': {
    class: 'permanent',
    cause: 'The image, or the machine that its descriptor describes, is encrypted by the hypervisor.',
    check: 'The message names the file.',
    cure: 'Decrypt it at the origin and export it again. Encryption inside the guest (LUKS) is another matter and may stay.',
  },
  'source.corrupt-image': {
    class: 'permanent',
    cause: 'The header or the tables of an image contradict themselves or the length of the file.',
    check: 'Compare the size and checksum with those at the origin; `qemu-img check` on a copy.',
    cure: 'Transfer or export the image again.',
  },
  'source.size-mismatch': {
    class: 'permanent',
    cause: 'Two sources of truth disagree about the size of a disk, such as its header and qemu-img.',
    check: 'The message holds both numbers. For VHD the footer counts, not the geometry.',
    cure: 'Export the image again; report it if the image works elsewhere.',
  },
  'source.too-large': {
    class: 'permanent',
    cause: 'An image claims a size beyond what any hypervisor makes.',
    check: 'The message holds the size.',
    cure: 'Check where the image comes from; its header is damaged or was made to do harm.',
  },
  'source.changed': {
    class: 'conflict',
    cause: 'A file of the source is not as it was when the plan was made.',
    check: 'The message says what differs. Is the machine still running at its origin?',
    cure: 'Stop whatever writes to it, then plan and run again.',
  },
  'source.no-space': {
    class: 'resource',
    cause: 'The scratch folder has too little space for the files that must be unpacked or copied.',
    check: 'The message holds what is needed and what is free.',
    cure: 'Free space, or move `hosts.local.scratch` to a larger filesystem, then `drover resume`.',
  },
  'source.archive-unsafe': {
    class: 'permanent',
    cause: 'An archive holds a name or a kind of member that must not be unpacked.',
    check: 'The message shows the member; `tar -tvf` lists all of them.',
    cure: 'Make the archive again from a source that you trust.',
  },
  'source.archive-limit': {
    class: 'permanent',
    cause:
      'An archive unpacks to more than it may: too many members, too many bytes, too high a ratio, too many levels.',
    check: 'The message names the limit and the archive.',
    cure: 'If the archive is genuine, unpack it yourself and name its disks with `disks`.',
  },
  'source.archive-corrupt': {
    class: 'permanent',
    cause: 'An archive is cut short, damaged, or not the kind of archive that it should be.',
    check: 'Compare its size and checksum with those at the origin.',
    cure: 'Transfer it again.',
  },
  'source.manifest': {
    class: 'permanent',
    cause: 'A file differs from what the manifest of its archive says, or is listed there and missing.',
    check: 'The message holds both digests.',
    cure: 'Transfer or export it again. `fetch: { verifyManifest: false }` skips the check; the report then says so.',
  },
  'source.manifest-incomplete': {
    class: 'permanent',
    cause: 'A manifest does not cover every file, or holds lines that cannot be read.',
    check: 'The message names the file or line.',
    cure: 'Nothing must be done; what is not covered was not verified.',
  },
  'source.descriptor': {
    class: 'permanent',
    cause: 'An OVF or VMX descriptor cannot be read or contradicts itself.',
    check: 'The message holds the file and, where known, the line.',
    cure: 'Export the machine again, or name its disks with `disks`.',
  },
  'source.descriptor-note': {
    class: 'permanent',
    cause: 'A descriptor says something unusual that Drover understood in one certain way, or passed over.',
    check: 'The message says what and how it was understood.',
    cure: 'Nothing, if it is right; else say it in the playbook under `overrides`.',
  },
  'source.several-systems': {
    class: 'permanent',
    cause: 'A descriptor holds several virtual systems, and none or an unknown one was chosen.',
    check: 'The message lists them.',
    cure: 'Add `system: ID` to the machine in the playbook; one entry per system.',
  },
  'source.no-disks': {
    class: 'permanent',
    cause: 'No disk was found where at least one was expected.',
    check: 'The message names the file or folder.',
    cure: 'Correct the file, or name the disks with `disks`.',
  },
  'source.image-note': {
    class: 'permanent',
    cause: 'An image has a property that an operator should know about.',
    check: 'The message says which.',
    cure: 'Usually nothing; the disk is migrated.',
  },
});
