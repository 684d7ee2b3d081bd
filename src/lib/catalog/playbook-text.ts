import { defineCodes } from './types.js';

/** Problems of the text and shape of one file. */
export const playbookTextCodes = defineCodes({
  'playbook.unreadable': {
    class: 'permanent',
    cause: 'A playbook, an included fragment or a list of machines could not be read.',
    check: '`ls -l` on the path that the message names.',
    cure: 'Correct the path (it is relative to the file in which it stands) or the permissions.',
  },
  'playbook.encoding': {
    class: 'permanent',
    cause: 'A file is not UTF-8 text.',
    check: '`file NAME` names its encoding.',
    cure: 'Save it as UTF-8, for example with `iconv -t utf-8`.',
  },
  'playbook.too-large': {
    class: 'permanent',
    cause:
      'A file exceeds a limit that protects against runaway input: 64 MiB, 100 levels, 1 000 aliases, 2 000 000 nodes; ' +
      'with references replaced, 1 MiB for one text and 64 MiB for all.',
    check: 'The message names the limit.',
    cure: 'Move long lists of machines into a CSV file and name it in `vmsFrom`.',
  },
  'playbook.empty': {
    class: 'permanent',
    cause: 'A file holds no document, or its document is not a map.',
    check: 'Open the file.',
    cure: 'Begin with `apiVersion`, `kind` and `metadata`; `drover init` writes an example.',
  },
  'playbook.yaml-syntax': {
    class: 'permanent',
    cause: 'The text is not valid YAML.',
    check: 'The excerpt points at the place where the parser gave up; the mistake is there or in the line before.',
    cure: 'Check indentation, colons and quotes; quote text that begins with a special character.',
  },
  'playbook.duplicate-key': {
    class: 'permanent',
    cause: 'A map holds the same key twice.',
    check: 'The message names the line of the first one.',
    cure: 'Keep one of them.',
  },
  'playbook.several-documents': {
    class: 'permanent',
    cause: 'A file holds more than one YAML document.',
    check: 'Look for lines that hold `---`.',
    cure: 'Keep one document per file; share sections with `include`.',
  },
  'playbook.custom-tag': {
    class: 'permanent',
    cause: 'A value carries a YAML tag that Drover does not accept.',
    check: 'Look for a word that begins with `!`.',
    cure: 'Remove the tag; every type is recognised without one.',
  },
  'playbook.forbidden-key': {
    class: 'permanent',
    cause: 'A key has a name that must never be copied into an object (`__proto__`, `constructor`, `prototype`).',
    check: 'The excerpt points at it.',
    cure: 'Rename the key.',
  },
  'playbook.outside-root': {
    class: 'permanent',
    cause: 'A file lies outside the project root, or a link leads out of it.',
    check: 'The message names the root and where the path really leads.',
    cure: 'Move the file below the root, place a `drover.config.yaml` in the common parent folder, or allow it with `--allow-outside-root`.',
  },
  'playbook.remote-include': {
    class: 'permanent',
    cause: 'An include or a list is a URL.',
    check: 'The excerpt points at it.',
    cure: 'Download the file and include the copy; playbooks never load from the network.',
  },
  'playbook.include-cycle': {
    class: 'permanent',
    cause: 'Files include each other in a circle.',
    check: 'The message prints the chain.',
    cure: 'Remove one link of the chain; move what both need into a third fragment.',
  },
  'playbook.include-depth': {
    class: 'permanent',
    cause: 'Includes are nested over 16 levels deep.',
    check: 'The message prints the chain.',
    cure: 'Include the inner fragments directly.',
  },
  'playbook.wrong-kind': {
    class: 'permanent',
    cause: 'A document has a `kind` that does not belong there.',
    check: 'Compare `kind` with the command and the include that led to the file.',
    cure: 'Playbooks are `kind: Playbook`, included files `kind: PlaybookFragment`.',
  },
  'playbook.unsupported-version': {
    class: 'permanent',
    cause: 'The document is written for another version of the playbook language.',
    check: 'Compare `apiVersion` with `drover --version`.',
    cure: 'Write `apiVersion: drover/v1alpha1`.',
  },
  'playbook.unknown-key': {
    class: 'permanent',
    cause: 'A property does not exist in this place.',
    check: 'The message lists what is allowed there.',
    cure: 'Correct the name; your own notes go under keys that begin with `x-`.',
  },
  'playbook.missing-key': {
    class: 'permanent',
    cause: 'A required property is missing.',
    check: 'The excerpt points at the map that lacks it.',
    cure: 'Add the property.',
  },
  'playbook.wrong-type': {
    class: 'permanent',
    cause: 'A value has the wrong type, such as a number where text is expected.',
    check: 'The message names the expected type.',
    cure: 'Correct the value; sizes and durations are text with a unit, names that look like numbers need quotes.',
  },
  'playbook.not-one-of': {
    class: 'permanent',
    cause: 'A value is not among the allowed ones.',
    check: 'The message lists the allowed values.',
    cure: 'Choose one of them.',
  },
  'playbook.bad-format': {
    class: 'permanent',
    cause: 'A text does not have the form that is required there.',
    check: 'The message shows an example of the form.',
    cure: 'Write it like the example.',
  },
  'playbook.out-of-range': {
    class: 'permanent',
    cause: 'A number is too small or too large, or a list or text is too short or too long.',
    check: 'The message names the bound.',
    cure: 'Choose a value within the bounds.',
  },
  'playbook.bad-name': {
    class: 'permanent',
    cause: 'A name holds characters that names must not hold.',
    check: 'The message says which are allowed.',
    cure: 'Rename it.',
  },
});
