/**
 * From the words of a playbook to a plan: the one place where text, sources, facts and earlier runs meet. `plan`, `run`,
 * `graph` and `resume --replan` all come through here, so that they can never disagree.
 */
import { dirname } from 'node:path';
import pLimit from 'p-limit';
import { lockedMachines, previousRecords, readHistory } from '../engine/index.js';
import type { VerifyLevel } from '../engine/index.js';
import type { Diagnostic } from '../lib/diagnostic.js';
import { hasErrors } from '../lib/diagnostic.js';
import { DroverError } from '../lib/error.js';
import type { LoadedPlaybook, LoadedVm } from '../model/effective.js';
import { allVms } from '../model/effective.js';
import type { Host } from '../host/index.js';
import type { TaskGraph } from '../model/graph.js';
import type { StageName } from '../model/stage.js';
import type { VmDescription } from '../model/vm.js';
import {
  blockers,
  compilePlan,
  preflight,
  readSavedPlan,
  stageTaskIds,
  willRun,
  withoutMachines,
} from '../plan/index.js';
import type { Concern, PlanFacts, Selection, Waiver } from '../plan/index.js';
import { createLocalSource } from '../sources/index.js';
import { productsInTheWay } from '../stages/index.js';
import type { Cli } from './context.js';
import { stateDirOf } from './context.js';
import { planFacts } from './host-facts.js';
import { placeCheck } from './product-places.js';
import { loadText } from './playbook-files.js';
import type { PlaybookOptions } from './playbook-files.js';
import { selectionOf } from './select.js';
import type { SelectionOptions } from './select.js';
import { stageFacts } from './stages.js';
import { storeDirOf } from './store-dir.js';

export interface ComposeOptions extends PlaybookOptions, SelectionOptions {
  readonly force?: readonly StageName[];
  readonly verify?: VerifyLevel;
  /** Take out the machines that have blockers instead of refusing. */
  readonly skipBlocked?: boolean;
}

export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

export interface Composition {
  readonly stateDir: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of the files that diagnostics point into. */
  readonly texts: ReadonlyMap<string, string>;
  readonly loaded?: LoadedPlaybook;
  readonly descriptions: ReadonlyMap<string, VmDescription>;
  readonly facts?: PlanFacts;
  readonly graph?: TaskGraph;
  readonly concerns: readonly Concern[];
  /** Machines left out because something stands in their way: name and what that is. */
  readonly blocked: readonly LeftOut[];
}

/** Machines described at the same time; each reads headers and a few MiB. */
const DESCRIBE_AT_ONCE = 8;
const PLAN_BYTES = 256 * 1024 ** 2;

async function describeAll(
  cli: Cli,
  loaded: LoadedPlaybook,
  vms: readonly LoadedVm[],
): Promise<{
  readonly descriptions: Map<string, VmDescription>;
  readonly diagnostics: Diagnostic[];
  readonly failed: Set<string>;
}> {
  const limit = pLimit(DESCRIBE_AT_ONCE);
  const sources = new Map(loaded.sources.map((entry) => [entry.name, createLocalSource(cli.host, entry)]));
  const descriptions = new Map<string, VmDescription>();
  const failed = new Set<string>();
  const results = await Promise.all(
    vms.map((vm) =>
      limit(async () => {
        const origin = sources.get(vm.source);
        if (origin === undefined)
          throw new DroverError({ code: 'internal.bug', message: `source ${vm.source} was not loaded` });
        return origin.describe(vm);
      }),
    ),
  );
  const diagnostics: Diagnostic[] = [];
  for (const [index, result] of results.entries()) {
    const name = vms[index]?.name ?? '';
    diagnostics.push(...result.diagnostics);
    if (result.description === undefined || hasErrors(result.diagnostics)) failed.add(name);
    else descriptions.set(name, result.description);
  }
  return { descriptions, diagnostics, failed };
}

/** What can only be asked once the plan says which machines have work and where their products go. */
async function vmFacts(
  host: Host,
  stateDir: string,
  graph: TaskGraph,
): Promise<Pick<PlanFacts, 'lockedVms' | 'foreignOutputs' | 'badPlaces'>> {
  const working = graph.nodes.filter(willRun);
  const busy = new Set(working.map((node) => node.vmKey));
  const writing = new Set(working.filter((node) => node.stage === 'CONVERT').map((node) => node.vmKey));
  const limit = pLimit(DESCRIBE_AT_ONCE);
  const products = graph.vms.filter((vm) => writing.has(vm.vmKey));
  const problemOf = placeCheck(host, graph);
  const [lockedVms, inTheWay, places] = await Promise.all([
    lockedMachines(
      host,
      stateDir,
      graph.vms.filter((vm) => busy.has(vm.vmKey)),
    ),
    Promise.all(products.map((vm) => limit(async () => [vm.vmKey, await productsInTheWay(host, vm)] as const))),
    Promise.all(products.map((vm) => limit(async () => [vm.vmKey, await problemOf(vm)] as const))),
  ]);
  return {
    lockedVms,
    foreignOutputs: Object.fromEntries(inTheWay.filter(([, paths]) => paths.length > 0)),
    badPlaces: Object.fromEntries(places.flatMap(([key, why]) => (why === undefined ? [] : [[key, why]]))),
  };
}

/** Loads, describes and compiles. Problems of the user are diagnostics; a phase with errors ends the work. */
export async function compose(cli: Cli, playbooks: readonly string[], options: ComposeOptions): Promise<Composition> {
  const stateDir = await stateDirOf(cli);
  const text = await loadText(cli, playbooks, options);
  const nothing = {
    stateDir,
    texts: text.texts,
    descriptions: new Map<string, VmDescription>(),
    concerns: [],
    blocked: [],
  };
  const loaded = text.value;
  if (loaded === undefined || hasErrors(text.diagnostics)) return { ...nothing, diagnostics: text.diagnostics };
  const selection: Selection = {
    ...(await selectionOf(cli, stateDir, loaded, options)),
    ...(options.force === undefined ? {} : { force: options.force }),
  };
  const wanted = allVms(loaded).filter((vm) => selection.vms === undefined || selection.vms.has(vm.name));
  const described = await describeAll(cli, loaded, wanted);
  const diagnostics = [...text.diagnostics, ...described.diagnostics];
  if (described.failed.size > 0 && options.skipBlocked !== true) return { ...nothing, loaded, diagnostics };

  const facts = await planFacts(
    cli.host,
    stateDir,
    { scratch: loaded.host.scratch, targets: new Map(loaded.targets.map(({ name, dir }) => [name, dir])) },
    await stageFacts(cli.host),
  );
  const keys = [...described.descriptions.values()].map((description) => description.vmKey);
  const [previous, history] = await Promise.all([
    previousRecords(
      cli.host,
      stateDir,
      stageTaskIds(loaded.name, keys),
      options.verify ?? 'sampled',
      storeDirOf(stateDir, loaded.host.scratch),
    ),
    readHistory(cli.host, stateDir),
  ]);
  const vms = new Set(wanted.map((vm) => vm.name).filter((name) => !described.failed.has(name)));
  const narrowed: Selection =
    selection.vms === undefined && described.failed.size === 0 ? selection : { ...selection, vms };
  const input = { loaded, descriptions: described.descriptions, facts, history, previous, selection: narrowed };
  const compiled = compilePlan(input);
  diagnostics.push(...compiled.diagnostics);
  const checked =
    compiled.value === undefined
      ? undefined
      : await check(cli.host, stateDir, facts, compiled.value, loaded.waivers, options.skipBlocked === true);
  return {
    stateDir,
    texts: text.texts,
    loaded,
    diagnostics,
    descriptions: described.descriptions,
    facts,
    concerns: checked?.concerns ?? [],
    blocked: [
      ...[...described.failed].sort().map((name) => ({ name, why: 'it could not be described, see above' })),
      ...(checked?.blocked ?? []),
    ],
    ...(checked === undefined ? {} : { graph: checked.graph }),
  };
}

interface CheckedPlan {
  readonly graph: TaskGraph;
  readonly concerns: readonly Concern[];
  readonly blocked: readonly LeftOut[];
}

/** Preflight of a plan; with `skipBlocked` the machines that it finds blocked are left out and no longer stop the others. */
async function check(
  host: Host,
  stateDir: string,
  facts: PlanFacts,
  graph: TaskGraph,
  waivers: readonly Waiver[],
  skipBlocked: boolean,
): Promise<CheckedPlan> {
  const all = { ...facts, ...(await vmFacts(host, stateDir, graph)) };
  const concerns = preflight(all, graph, waivers);
  const inTheWay = skipBlocked ? blockers(concerns).filter((concern) => concern.vmKey !== undefined) : [];
  if (inTheWay.length === 0) return { graph, concerns, blocked: [] };
  const rest = withoutMachines(graph, new Set(inTheWay.flatMap((concern) => concern.vmKey ?? [])));
  const left = inTheWay.map(({ subject, assessment, evidence }) => ({
    name: subject,
    why: evidence === '' ? assessment : `${assessment} (${evidence})`,
  }));
  return { graph: rest, concerns: preflight(all, rest, waivers), blocked: left };
}

/** A saved plan as it stands in the world of today: the same checks that a playbook goes through. */
export async function checkSavedPlan(
  cli: Cli,
  graph: TaskGraph,
  options: { readonly skipBlocked: boolean },
): Promise<CheckedPlan> {
  const stateDir = await stateDirOf(cli);
  const targets = new Map(graph.vms.map((vm) => [vm.target, dirname(vm.outDir)]));
  const facts = await planFacts(cli.host, stateDir, { scratch: graph.scratchDir, targets }, await stageFacts(cli.host));
  return check(cli.host, stateDir, facts, graph, graph.waivers ?? [], options.skipBlocked);
}

/** A saved plan. Throws `plan.file-invalid` for anything else. */
export async function readPlan(host: Host, path: string): Promise<TaskGraph> {
  return readSavedPlan(await host.files.readText(path, PLAN_BYTES));
}
