/**
 * The file form of a plan. Values that many machines or tasks share are written once, in `shared`, and tasks are rows of a
 * table whose columns are named in the file: a plan of ten thousand machines stays below 25 MB.
 */
import { DroverError } from '../lib/error.js';
import type { Demand, Estimate, FingerprintParts, PlannedVm, TaskGraph, TaskNode } from './graph.js';

/** Version of the file form. */
const FORMAT = 1;
const COLUMNS = [
  'id',
  'shape',
  'vm',
  'key',
  'wave',
  'batch',
  'deps',
  'quorum',
  'demand',
  'p50s',
  'p90s',
  'bytes',
  'basis',
  'priority',
  'fingerprint',
  'input',
  'source',
] as const;
const BASIS = ['default', 'model', 'history'] as const;

/** What tasks have in common. `settings` and `tools` are numbers of shared values; absent for tasks without a fingerprint. */
interface Shape extends Pick<
  TaskNode,
  | 'kind'
  | 'stage'
  | 'host'
  | 'cacheState'
  | 'cacheReasons'
  | 'skip'
  | 'timeout'
  | 'retry'
  | 'cancel'
  | 'mutatesSource'
  | 'mutatesTarget'
> {
  readonly implVersion?: number;
  readonly settings?: number;
  readonly tools?: number;
}

/** A dependency in the file: the number of the row, and how. */
type DepRow = readonly [row: number, on: TaskNode['deps'][number]['on']];

type Row = readonly [
  id: string,
  shape: number,
  /** Number of the machine; -1 for none. */
  vm: number,
  /** 0 when it is what machine and stage say. */
  key: string | 0,
  wave: string | 0,
  batch: number,
  /** 0 for the usual case: the row before, on success. */
  deps: readonly DepRow[] | 0,
  quorum: { readonly need: number; readonly of: readonly number[]; readonly onShortfall: 'block' | 'proceed' } | 0,
  demand: number,
  p50s: number,
  p90s: number,
  /** -1 for unknown. */
  bytes: number,
  basis: number,
  priority: number,
  fingerprint: string | 0,
  /** 0 when it is the fingerprint of the row before. */
  input: string | null | 0,
  source: FingerprintParts['source'] | 0,
];

type VmRow = Omit<PlannedVm, 'settings' | 'origins'> & { readonly settings: number; readonly origins: number };

interface PlanFile extends Omit<TaskGraph, 'nodes' | 'vms'> {
  readonly format: typeof FORMAT;
  readonly shared: readonly unknown[];
  readonly vms: readonly VmRow[];
  readonly columns: readonly string[];
  readonly nodes: readonly Row[];
}

/** The plan as one JSON document with a line per machine and task, so that two plans can be compared by line. */
export function planToJson(graph: TaskGraph): string {
  const { nodes, vms, ...head } = graph;
  const table = sharedTable();
  const shapes = shapeTable(table);
  const vmNumbers = new Map(vms.map((vm, number) => [vm.vmKey, number]));
  const rowNumbers = new Map(nodes.map((node, number) => [node.id, number]));
  const vmRows = vms.map((vm): VmRow => ({ ...vm, settings: table.put(vm.settings), origins: table.put(vm.origins) }));
  const rows = nodes.map((node, number) => rowOf(node, number, graph, vmNumbers, rowNumbers, table, shapes));
  const lines = (items: readonly unknown[]): string =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => JSON.stringify(item)).join(',\n')}\n]`;
  const headText = JSON.stringify({ ...head, format: FORMAT }).slice(0, -1);
  return `${headText},\n"shared":${lines(table.values)},\n"vms":${lines(vmRows)},\n"columns":${JSON.stringify(COLUMNS)},\n"nodes":${lines(rows)}}\n`;
}

interface SharedTable {
  readonly values: readonly unknown[];
  /** Number of a value; equal values have one number. */
  put(value: object): number;
}

function sharedTable(): SharedTable {
  const values: unknown[] = [];
  const byObject = new WeakMap<object, number>();
  const byText = new Map<string, number>();
  return {
    values,
    put(value) {
      const known = byObject.get(value);
      if (known !== undefined) return known;
      const text = JSON.stringify(value);
      let number = byText.get(text);
      if (number === undefined) {
        number = values.push(value) - 1;
        byText.set(text, number);
      }
      byObject.set(value, number);
      return number;
    },
  };
}

/** Numbers of shapes. Tasks share their parts by identity, so that few of them are ever written out to be compared. */
function shapeTable(table: SharedTable): (node: TaskNode) => number {
  const numbers = new Map<string, number>();
  return (node) => {
    const { kind, stage, host, cacheState, cacheReasons, skip, timeout, retry, cancel } = node;
    const { mutatesSource, mutatesTarget, fingerprintParts: parts } = node;
    const settings = parts === undefined ? -1 : table.put(parts.settings);
    const tools = parts === undefined ? -1 : table.put(parts.tools);
    const key = `${kind} ${stage ?? ''} ${host} ${cacheState} ${table.put(cacheReasons)} ${skip ?? ''} ${table.put(timeout)} ${table.put(retry)} ${cancel} ${mutatesSource} ${mutatesTarget} ${parts?.implVersion ?? ''} ${settings} ${tools}`;
    let number = numbers.get(key);
    if (number === undefined) {
      const shape: Shape = {
        kind,
        ...(stage === undefined ? {} : { stage }),
        host,
        cacheState,
        cacheReasons,
        ...(skip === undefined ? {} : { skip }),
        timeout,
        retry,
        cancel,
        mutatesSource,
        mutatesTarget,
        ...(parts === undefined ? {} : { implVersion: parts.implVersion, settings, tools }),
      };
      numbers.set(key, (number = table.put(shape)));
    }
    return number;
  };
}

function rowOf(
  node: TaskNode,
  number: number,
  graph: TaskGraph,
  vmNumbers: ReadonlyMap<string, number>,
  rowNumbers: ReadonlyMap<string, number>,
  table: SharedTable,
  shapes: (node: TaskNode) => number,
): Row {
  const { deps, quorum, estimate, fingerprintParts: parts } = node;
  const vmNumber = node.vmKey === undefined ? -1 : (vmNumbers.get(node.vmKey) ?? -1);
  const vm = graph.vms[vmNumber];
  const before = graph.nodes[number - 1];
  const rowNumber = (dep: string): number => rowNumbers.get(dep) ?? -1;
  const isUsual = deps.length === 1 && deps[0]?.id === before?.id && deps[0]?.on === 'success';
  return [
    node.id,
    shapes(node),
    vmNumber,
    node.key === usualKey(graph.playbook, vm, node.stage) ? 0 : node.key,
    node.wave === vm?.wave ? 0 : node.wave,
    node.batch,
    isUsual ? 0 : deps.map((dep): DepRow => [rowNumber(dep.id), dep.on]),
    quorum === undefined ? 0 : { ...quorum, of: quorum.of.map(rowNumber) },
    table.put(node.demand),
    estimate.p50s,
    estimate.p90s,
    estimate.bytes ?? -1,
    BASIS.indexOf(estimate.basis),
    node.priority,
    node.fingerprint ?? 0,
    parts !== undefined && parts.input !== null && parts.input === before?.fingerprint ? 0 : (parts?.input ?? null),
    parts === undefined || isEmpty(parts.source) ? 0 : parts.source,
  ];
}

function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  for (const _ in record) return false;
  return true;
}

function usualKey(playbook: string, vm: { wave: string; name: string } | undefined, stage: string | undefined): string {
  return `${playbook}/${vm?.wave ?? ''}/${vm?.name ?? ''}/${stage ?? ''}`;
}

/** Reads what `planToJson` wrote. Throws `plan.file-invalid`; whether the content matches its hash is not looked at here. */
export function planFromJson(text: string): TaskGraph {
  let file: PlanFile;
  try {
    file = JSON.parse(text) as PlanFile;
  } catch (cause) {
    throw new DroverError({ code: 'plan.file-invalid', message: 'the plan is not JSON', cause });
  }
  if (typeof file !== 'object' || file === null || file.kind !== 'Plan') {
    throw new DroverError({ code: 'plan.file-invalid', message: 'this is not a plan' });
  }
  if (file.apiVersion !== 'drover/v1alpha1' || file.format !== FORMAT) {
    throw new DroverError({
      code: 'plan.file-invalid',
      message: `the plan has the version ${String(file.apiVersion)}, form ${String(file.format)}; this Drover reads drover/v1alpha1, form ${FORMAT}`,
    });
  }
  try {
    return graphOf(file);
  } catch (cause) {
    if (cause instanceof DroverError) throw cause;
    throw new DroverError({ code: 'plan.file-invalid', message: 'the plan is damaged', cause });
  }
}

function graphOf(file: PlanFile): TaskGraph {
  const { format: _format, shared, columns, nodes: rows, vms: vmRows, ...head } = file;
  if (columns.join() !== COLUMNS.join()) {
    throw new DroverError({
      code: 'plan.file-invalid',
      message: 'the columns of the plan are not the ones known here',
    });
  }
  const value = <T>(number: number): T => {
    if (!(number in shared)) {
      throw new DroverError({ code: 'plan.file-invalid', message: `the plan has no shared value ${number}` });
    }
    return shared[number] as T;
  };
  const vms = vmRows.map((row): PlannedVm => ({ ...row, settings: value(row.settings), origins: value(row.origins) }));
  const idOf = (row: number): string => {
    const id = rows[row]?.[0];
    if (id === undefined) throw new DroverError({ code: 'plan.file-invalid', message: `the plan has no task ${row}` });
    return id;
  };
  const nodes = rows.map((row, number) => nodeOf(row, rows[number - 1], { file, vms, value, idOf }));
  return { ...head, vms, nodes };
}

interface Reading {
  readonly file: PlanFile;
  readonly vms: readonly PlannedVm[];
  readonly value: <T>(number: number) => T;
  readonly idOf: (row: number) => string;
}

function nodeOf(row: Row, before: Row | undefined, { file, vms, value, idOf }: Reading): TaskNode {
  const [id, shapeNumber, vmNumber, key, wave, batch, deps, quorum, demand] = row;
  const [, , , , , , , , , p50s, p90s, bytes, basis, priority, fingerprint, input, source] = row;
  const shape = value<Shape>(shapeNumber);
  const vm = vmNumber < 0 ? undefined : vms[vmNumber];
  const estimate: Estimate =
    bytes < 0
      ? { p50s, p90s, basis: BASIS[basis] ?? 'default' }
      : { p50s, p90s, bytes, basis: BASIS[basis] ?? 'default' };
  const common = {
    id,
    key: key === 0 ? usualKey(file.playbook, vm, shape.stage) : key,
    kind: shape.kind,
    wave: wave === 0 ? (vm?.wave ?? '') : wave,
    batch,
    host: shape.host,
    deps:
      deps === 0
        ? [{ id: before?.[0] ?? idOf(-1), on: 'success' as const }]
        : deps.map(([dep, on]) => ({ id: idOf(dep), on })),
    demand: value<readonly Demand[]>(demand),
    estimate,
    priority,
    fingerprint: fingerprint === 0 ? null : fingerprint,
    cacheState: shape.cacheState,
    cacheReasons: shape.cacheReasons,
    timeout: shape.timeout,
    retry: shape.retry,
    cancel: shape.cancel,
    mutatesSource: shape.mutatesSource,
    mutatesTarget: shape.mutatesTarget,
  };
  const node: { -readonly [K in keyof TaskNode]: TaskNode[K] } = common;
  if (vm !== undefined) node.vmKey = vm.vmKey;
  if (shape.stage !== undefined) node.stage = shape.stage;
  if (shape.skip !== undefined) node.skip = shape.skip;
  if (quorum !== 0) node.quorum = { ...quorum, of: quorum.of.map(idOf) };
  if (shape.implVersion !== undefined && shape.settings !== undefined && shape.tools !== undefined) {
    const previous = before?.[14];
    node.fingerprintParts = {
      implVersion: shape.implVersion,
      settings: value(shape.settings),
      input: input === 0 ? (typeof previous === 'string' ? previous : null) : input,
      source: source === 0 ? {} : source,
      tools: value(shape.tools),
    };
  }
  return node;
}
