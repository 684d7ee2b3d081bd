import { defineCodes } from './types.js';

export const validateCodes = defineCodes({
  'validate.image': {
    class: 'permanent',
    cause: 'A product or its domain XML is not what CONVERT wrote, or an image is damaged.',
    check: 'The message names the check and what it found.',
    cure: 'Run CONVERT again: `drover run --force CONVERT`.',
  },
  'validate.filesystem': {
    class: 'permanent',
    cause: "The product's filesystems, boot files or boot settings would not let the guest start.",
    check: 'The message names the check and what it found; all findings are in the validation record of the run.',
    cure: 'Repair the source or change the `fix` settings, then `drover run` again.',
  },
  'validate.boot-failed': {
    class: 'permanent',
    cause: 'The guest was started from a throw-away overlay and failed to come up.',
    check: 'The message names the detector that fired; the evidence folder holds the console log and screenshots.',
    cure: 'Follow the hint of the detector.',
  },
  'validate.inconclusive': {
    class: 'permanent',
    cause: 'The guest was started, but within the limit there was no evidence that it came up.',
    check: 'Read the console log and look at the last screenshot in the evidence folder.',
    cure: 'Raise `validate.timeout`, allow `validate.instrument`, or accept it with `validate.required: false`.',
  },
  'validate.network': {
    class: 'permanent',
    cause: 'The guest came up, but a network adapter is not as planned.',
    check: 'The table of expected and actual adapters in the validation record.',
    cure: "Correct the guest's network configuration at the source, or the `network` and `nics` settings.",
  },
  'validate.product-altered': {
    class: 'internal',
    cause: 'A product changed while it was being proven. The proof never writes to products.',
    check: 'Whether another process, such as a machine started from it, has the file open.',
    cure: 'Stop the other process, run CONVERT again and prove it again.',
  },
  'validate.no-kvm': {
    class: 'resource',
    cause: 'KVM is not usable here, so the guest ran under emulation; time limits were scaled.',
    check: 'Run `drover doctor`; it shows what the probe measured.',
    cure: 'Nothing has to be done; on a host with KVM the proof is faster.',
  },
  'validate.not-instrumented': {
    class: 'resource',
    cause: 'The throw-away overlay could not be given a console and a reporting unit, so less evidence was gathered.',
    check: 'The message holds the reason.',
    cure: 'Nothing has to be done if the verdict is a pass.',
  },
  'validate.partial': {
    class: 'resource',
    cause: 'The proof ran without a part of the machine, or could not make one of its checks.',
    check: 'The message names the part.',
    cure: 'Nothing has to be done if the part does not matter for starting the guest.',
  },
  'validate.network-differs': {
    class: 'resource',
    cause: 'The guest came up, but a network adapter is not as planned. The level of the proof does not demand it.',
    check: 'The table of expected and actual adapters in the validation record.',
    cure: 'Look at it before the machine goes into service; `validate.level: network` makes it a failure.',
  },
});
