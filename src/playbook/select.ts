/** Selectors of the command line: which machines and stages a plan is to run. They filter, they never reorder. */
import type { Diagnostic } from '../lib/diagnostic.js';
import type { Checked } from '../lib/diagnostic.js';
import { matchesGlob } from '../lib/glob.js';
import { suggest } from '../lib/suggest.js';
import { allVms } from '../model/effective.js';
import type { LoadedPlaybook, LoadedVm } from '../model/effective.js';
import { isStageName, STAGES } from '../model/stage.js';
import type { StageName } from '../model/stage.js';

export interface SelectRequest {
  /** Expressions of `--only`: any of them must match. Terms joined by commas must all hold. */
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly from?: string;
  readonly until?: string;
  /** The first machines in plan order. */
  readonly limit?: number;
}

export interface Selected {
  /** Names of the machines; absent when all are meant. */
  readonly vms?: ReadonlySet<string>;
  readonly from?: StageName;
  readonly until?: StageName;
}

const KEYS = ['wave', 'vm', 'label', 'source'] as const;
type Key = (typeof KEYS)[number];

function problem(message: string, near: readonly string[], allowed: readonly string[] = []): Diagnostic {
  return {
    code: 'cli.usage',
    severity: 'error',
    message,
    ...(near.length > 0 ? { hint: `did you mean ${near.join(' or ')}?`, suggestions: near } : {}),
    ...(near.length === 0 && allowed.length > 0 ? { hint: `there are ${allowed.slice(0, 12).join(', ')}` } : {}),
  };
}

/** Names that a term of this kind may use; globs are checked by whether they match anything. */
function namesOf(loaded: LoadedPlaybook, key: Key): readonly string[] {
  if (key === 'wave') return loaded.waves.map((wave) => wave.name);
  if (key === 'source') return loaded.sources.map((source) => source.name);
  return key === 'vm' ? allVms(loaded).map((vm) => vm.name) : [];
}

function matches(vm: LoadedVm, key: Key, value: string): boolean {
  switch (key) {
    case 'wave':
      return vm.wave === value;
    case 'source':
      return vm.source === value;
    case 'vm':
      return matchesGlob(value, vm.name);
    case 'label': {
      const equals = value.indexOf('=');
      const label = equals < 0 ? value : value.slice(0, equals);
      return equals < 0 ? label in vm.labels : vm.labels[label] === value.slice(equals + 1);
    }
  }
}

function compile(loaded: LoadedPlaybook, expression: string, problems: Diagnostic[]): (vm: LoadedVm) => boolean {
  const terms: ((vm: LoadedVm) => boolean)[] = [];
  for (const term of expression.split(',')) {
    const colon = term.indexOf(':');
    const key = KEYS.find((candidate) => candidate === term.slice(0, colon));
    const value = term.slice(colon + 1);
    if (colon < 1 || key === undefined || value === '') {
      const near = suggest(term.slice(0, Math.max(0, colon)), KEYS);
      problems.push(
        problem(
          `"${term}" is no selector`,
          near,
          KEYS.map((name) => `${name}:NAME`),
        ),
      );
      continue;
    }
    const names = namesOf(loaded, key);
    const known = key === 'label' || names.some((name) => (key === 'vm' ? matchesGlob(value, name) : name === value));
    if (!known)
      problems.push(
        problem(`no ${key === 'vm' ? 'machine' : key} ${value} in this playbook`, suggest(value, names), names),
      );
    terms.push((vm) => matches(vm, key, value));
  }
  return (vm) => terms.every((term) => term(vm));
}

function stageOf(text: string | undefined, option: string, problems: Diagnostic[]): StageName | undefined {
  if (text === undefined) return undefined;
  const name = text.toUpperCase();
  if (isStageName(name)) return name;
  problems.push(problem(`${option}: ${text} is no stage`, suggest(name, STAGES), STAGES));
  return undefined;
}

/** What the selectors mean for a playbook. An unknown name, and a selection without machines, is an error and never an empty run. */
export function selectVms(loaded: LoadedPlaybook, request: SelectRequest): Checked<Selected> {
  const problems: Diagnostic[] = [];
  const only = request.only.map((expression) => compile(loaded, expression, problems));
  const skip = request.skip.map((expression) => compile(loaded, expression, problems));
  const from = stageOf(request.from, '--from', problems);
  const until = stageOf(request.until, '--until', problems);
  if (from !== undefined && until !== undefined && STAGES.indexOf(from) > STAGES.indexOf(until)) {
    problems.push(problem(`--from ${from} comes after --until ${until}`, []));
  }
  const all = allVms(loaded);
  const kept = all.filter(
    (vm) => (only.length === 0 || only.some((match) => match(vm))) && !skip.some((match) => match(vm)),
  );
  const vms = request.limit === undefined ? kept : kept.slice(0, request.limit);
  if (problems.length === 0 && vms.length === 0) problems.push(problem('the selection matches no machine', []));
  if (problems.length > 0) return { diagnostics: problems };
  return {
    value: {
      ...(vms.length === all.length ? {} : { vms: new Set(vms.map((vm) => vm.name)) }),
      ...(from === undefined ? {} : { from }),
      ...(until === undefined ? {} : { until }),
    },
    diagnostics: [],
  };
}
