import { defineCodes } from './types.js';

export const flattenCodes = defineCodes({
  'flatten.chain-cid': {
    class: 'permanent',
    cause:
      'An image was made on top of a parent with another content id than the parent has now: the parent was written to after the snapshot, or it is another file.',
    check: 'The message names both files and both ids.',
    cure: 'Find the right parent. If you know that only the id is wrong: `flatten: { ignoreCid: true }`, and check the result.',
  },
  'flatten.chain-broken': {
    class: 'permanent',
    cause: 'A parent or an extent that a disk is made of is missing, or cannot be the one that is meant.',
    check: 'The message lists what is missing.',
    cure: 'Copy every file of the disk: descriptor, extents (`-flat`, `-s001`, `-delta`) and all parents of a snapshot.',
  },
  'flatten.chain-loop': {
    class: 'permanent',
    cause: 'Following the parents of an image leads back to itself, or on for more than 64 images.',
    check: 'The message shows the chain.',
    cure: 'The descriptors are damaged; restore them from the origin.',
  },
  'flatten.extent-short': {
    class: 'permanent',
    cause: 'An extent file holds less than its descriptor says: the transfer was cut short.',
    check: 'The message holds the length that is needed and the one that is there.',
    cure: 'Transfer the file again.',
  },
  'flatten.size-mismatch': {
    class: 'permanent',
    cause: 'The working image does not have the size of the disk that it stands for.',
    check: 'The message holds both sizes.',
    cure: 'This protects you from a cut disk. Report it together with `qemu-img info` of the source.',
  },
  'flatten.verify-failed': {
    class: 'permanent',
    cause: 'The copy of a disk differs from its source.',
    check: 'The message holds the place of the first difference.',
    cure: 'Check the storage of the scratch folder, then run again.',
  },
  'flatten.no-overlay': {
    class: 'permanent',
    cause: '`flatten.mode: overlay` was asked for, but this disk cannot be used in place.',
    check: 'The message says why.',
    cure: 'Leave the mode at `auto`, or set `copy`.',
  },
  'flatten.note': {
    class: 'permanent',
    cause: 'A disk was flattened in a way that an operator should know about.',
    check: 'The message says how and why.',
    cure: 'Nothing, unless the message says so.',
  },
});
