import { defineCodes } from './types.js';

/** Problems of selectors. */
export const selectCodes = defineCodes({
  'select.bad-expression': {
    class: 'permanent',
    cause: 'A selector is malformed.',
    check: 'Terms are `wave:`, `vm:`, `label:K=V`, `host:`, `source:`, `stage:` and `state:`, joined by commas.',
    cure: 'Correct the expression.',
  },
  'select.unknown': {
    class: 'permanent',
    cause: 'A selector names something that the playbook does not have.',
    check: 'The message suggests close names.',
    cure: 'Correct the name; `drover plan` lists waves and machines.',
  },
  'select.no-match': {
    class: 'permanent',
    cause: 'A selection leaves no machine.',
    check: 'Apply the terms one by one with `drover plan`.',
    cure: 'Widen the selection.',
  },
  'select.stage-order': {
    class: 'permanent',
    cause: '`--from` names a stage that comes after the one of `--until`.',
    check: 'The order is FETCH, FLATTEN, INSPECT, PLAN, FIX, CONVERT, VALIDATE.',
    cure: 'Swap them.',
  },
});
