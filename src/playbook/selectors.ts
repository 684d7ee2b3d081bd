import { hasErrors } from '../lib/diagnostic.js';
import type { Checked } from '../lib/diagnostic.js';
import { matchesGlob } from '../lib/glob.js';
import { suggest } from '../lib/suggest.js';
import { allVms } from '../model/effective.js';
import type { LoadedPlaybook } from '../model/effective.js';
import { isStageName, STAGES, stageIndex } from '../model/stage.js';
import type { StageName } from '../model/stage.js';
import { Problems } from './problems.js';
import { parseSelector } from './selector-parser.js';
import type { Selector } from './selector-parser.js';

interface SelectableVm {
  readonly name: string;
  readonly wave: string;
  readonly source: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What can be selected from: a playbook, or the stored plan of a run. */
export interface Selectable {
  /** What messages call it. */
  readonly what: 'playbook' | 'run';
  readonly waves: readonly string[];
  readonly sources: readonly string[];
  /** In the order in which `--limit` counts them. */
  readonly vms: readonly SelectableVm[];
}

export function selectableOf(playbook: LoadedPlaybook): Selectable {
  return {
    what: 'playbook',
    waves: playbook.waves.map((wave) => wave.name),
    sources: playbook.sources.map((source) => source.name),
    vms: allVms(playbook),
  };
}

export interface SelectorInput {
  /** Expressions of `--only`; a machine is taken when any of them matches. */
  readonly only?: readonly string[];
  /** Expressions of `--skip`; a machine is left out when any of them matches. */
  readonly skip?: readonly string[];
  readonly from?: string;
  readonly until?: string;
  /** The first so many of what is left, in the order of the playbook. */
  readonly limit?: number;
  /** State of machines in an earlier run, by name; without it `state:` cannot be used. */
  readonly states?: ReadonlyMap<string, string>;
}

/** What a selection leaves: machines, and the stages of them. Selections filter, they never reorder. */
export interface VmSelection {
  /** Names of the machines; absent when all are meant. */
  readonly vms?: ReadonlySet<string>;
  readonly from?: StageName;
  readonly until?: StageName;
}

/** The states that a machine can be in. */
const STATES = ['pending', 'running', 'succeeded', 'degraded', 'cached', 'failed', 'cancelled', 'skipped'];

/**
 * Applies selectors. What they name must exist, and something must be left; both are errors with the
 * nearest names, never an empty run.
 */
export function selectVms(from: Selectable, input: SelectorInput): Checked<VmSelection> {
  const problems = new Problems();
  const known = knownNames(from, input);
  const parse = (expressions: readonly string[] = []): Selector[] =>
    expressions.flatMap((text) => {
      const selector = parseSelector(text, problems);
      if (selector === undefined) return [];
      checkNames(selector, known, problems);
      return [selector];
    });
  const only = parse(input.only);
  const skip = parse(input.skip);
  const first = stageOf('--from', input.from, problems);
  const until = stageOf('--until', input.until, problems);
  if (problems.hasErrors) return { diagnostics: problems.list() };

  const matches = (selector: Selector, vm: SelectableVm): boolean => matchesVm(selector, vm, input.states);
  const wanted = from.vms.filter((vm) => only.length === 0 || only.some((selector) => matches(selector, vm)));
  const left = wanted.filter((vm) => !skip.some((selector) => isWhole(selector) && matches(selector, vm)));
  const vms = input.limit === undefined ? left : left.slice(0, input.limit);
  const range = stageRange(vms, only, skip, first, until, matches, problems);
  if (vms.length === 0) {
    problems.error('select.no-match', `the selection matches no machine of the ${from.what}`, undefined);
  }
  if (range === undefined || hasErrors(problems.list())) return { diagnostics: problems.list() };
  const names = vms.length === known.vm.length ? {} : { vms: new Set(vms.map((vm) => vm.name)) };
  return { value: { ...names, ...range }, diagnostics: problems.list() };
}

/** Whether an expression speaks of machines as a whole and not of single stages of them. */
function isWhole(selector: Selector): boolean {
  return !selector.some((term) => term.key === 'stage');
}

interface KnownNames {
  readonly what: string;
  readonly wave: readonly string[];
  readonly vm: readonly string[];
  readonly source: readonly string[];
  readonly host: readonly string[];
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
  readonly states: ReadonlyMap<string, string> | undefined;
}

function knownNames(from: Selectable, input: SelectorInput): KnownNames {
  const labels = new Map<string, Set<string>>();
  for (const vm of from.vms) {
    for (const [key, value] of Object.entries(vm.labels)) {
      const values = labels.get(key);
      if (values === undefined) labels.set(key, new Set([value]));
      else values.add(value);
    }
  }
  return {
    what: from.what,
    wave: from.waves,
    vm: from.vms.map((vm) => vm.name),
    source: from.sources,
    // This machine is the only conversion host there is.
    host: ['local'],
    labels,
    states: input.states,
  };
}

/** Names that an error lists when nothing is close. */
const MOST_LISTED = 12;

function report(
  message: string,
  name: string,
  names: readonly string[],
  allowed: readonly string[],
  problems: Problems,
): void {
  const suggestions = suggest(name, names);
  const isClose = suggestions.length > 0;
  const hint = isClose ? `did you mean ${suggestions.join(' or ')}?` : `there are: ${allowed.join(', ')}`;
  problems.error('select.unknown', message, undefined, { hint, allowed, ...(isClose ? { suggestions } : {}) });
}

function checkNames(selector: Selector, known: KnownNames, problems: Problems): void {
  const unknown = (noun: string, name: string, names: Iterable<string>): void => {
    const all = [...names];
    report(`the ${known.what} has no ${noun} "${name}"`, name, all, all.slice(0, MOST_LISTED), problems);
  };
  for (const { key, value, label } of selector) {
    if (key === 'stage') {
      if (!isStageName(value)) report(`there is no stage "${value}"`, value, STAGES, STAGES, problems);
    } else if (key === 'state') {
      if (known.states === undefined) {
        const hint = 'run the playbook first; `state:` speaks of its newest run';
        problems.error('select.bad-expression', '`state:` needs an earlier run', undefined, { hint });
      } else if (!STATES.includes(value)) {
        report(`there is no state "${value}"`, value, STATES, STATES, problems);
      }
    } else if (key === 'label') {
      const values = known.labels.get(label ?? '');
      if (values === undefined) unknown('label', label ?? '', known.labels.keys());
      else if (!values.has(value)) unknown(`label ${label} with the value`, value, values);
    } else if (key === 'vm') {
      if (!known.vm.some((name) => matchesGlob(value, name))) unknown('machine', value, known.vm);
    } else if (!known[key].includes(value)) {
      unknown(key, value, known[key]);
    }
  }
}

function matchesVm(selector: Selector, vm: SelectableVm, states: ReadonlyMap<string, string> | undefined): boolean {
  return selector.every(({ key, value, label }) => {
    switch (key) {
      case 'wave':
        return vm.wave === value;
      case 'vm':
        return matchesGlob(value, vm.name);
      case 'source':
        return vm.source === value;
      case 'label':
        return Object.hasOwn(vm.labels, label ?? '') && vm.labels[label ?? ''] === value;
      case 'state':
        return (states?.get(vm.name) ?? 'pending') === value;
      // Every machine is converted on the only host, and has every stage.
      case 'host':
      case 'stage':
        return true;
    }
  });
}

function stageOf(option: string, text: string | undefined, problems: Problems): StageName | undefined {
  if (text === undefined) return undefined;
  const stage = text.toUpperCase();
  if (isStageName(stage)) return stage;
  report(`${option}: there is no stage "${text}"`, stage, STAGES, STAGES, problems);
  return undefined;
}

/**
 * The stages that are left, as one range for all machines: the chain of stages cannot have holes, and it cannot be cut
 * differently for machines that run side by side.
 */
function stageRange(
  vms: readonly SelectableVm[],
  only: readonly Selector[],
  skip: readonly Selector[],
  from: StageName | undefined,
  until: StageName | undefined,
  matches: (selector: Selector, vm: SelectableVm) => boolean,
  problems: Problems,
): { from?: StageName; until?: StageName } | undefined {
  if (from !== undefined && until !== undefined && stageIndex(from) > stageIndex(until)) {
    const message = `--from ${from} comes after --until ${until}: no stage is left`;
    problems.error('select.stage-order', message, undefined);
    return undefined;
  }
  const named = (list: readonly Selector[], vm: SelectableVm): StageName[] =>
    list
      .filter((s) => !isWhole(s) && matches(s, vm))
      .flatMap((s) => s.flatMap((t) => (t.key === 'stage' ? [t.value as StageName] : [])));
  const ranges = new Set<string>();
  for (const vm of vms) {
    const whole = only.length === 0 || only.some((selector) => isWhole(selector) && matches(selector, vm));
    const wanted = whole ? STAGES : named(only, vm);
    const unwanted = named(skip, vm);
    const left = STAGES.filter((stage) => wanted.includes(stage) && !unwanted.includes(stage))
      .filter((stage) => from === undefined || stageIndex(stage) >= stageIndex(from))
      .filter((stage) => until === undefined || stageIndex(stage) <= stageIndex(until));
    ranges.add(left.join(' '));
  }
  const [range, another] = ranges;
  const stages = (range ?? '').split(' ').filter(isStageName);
  const [first, last] = [stages[0], stages.at(-1)];
  if (range === undefined) return {};
  const isOneRange =
    first !== undefined && last !== undefined && stageIndex(last) - stageIndex(first) + 1 === stages.length;
  if (another !== undefined || !isOneRange) {
    const hint =
      'choose stages with `--from` and `--until`; `stage:` terms must leave one range, the same for all machines';
    const message =
      first === undefined ? 'the selection leaves no stage' : 'the selection cuts the chain of stages into pieces';
    problems.error('select.bad-expression', message, undefined, { hint });
    return undefined;
  }
  return {
    ...(first === STAGES[0] ? {} : { from: first }),
    ...(last === STAGES.at(-1) ? {} : { until: last }),
  };
}
