/** A JSON Schema (draft-07) as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

type Node = Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema that a reference within the same document names. */
export function resolveRef(root: JsonSchema, ref: string): JsonSchema | undefined {
  if (!ref.startsWith('#/')) return undefined;
  let node: unknown = root;
  for (const part of ref.slice(2).split('/')) node = isNode(node) ? node[part] : undefined;
  return isNode(node) ? node : undefined;
}

/**
 * Rewrites a published schema into the one that values are checked against. Two things differ:
 *
 * - `null` is not a value. It is published because editors must accept it in settings, where it means "back to the
 *   built-in value"; it is taken out before anything is checked.
 * - Unions of different types become conditions, so that only the branch that the value's type chooses speaks.
 */
export function prepareSchema(root: JsonSchema): JsonSchema {
  return prepare(root, root) as JsonSchema;
}

function prepare(node: unknown, root: JsonSchema): unknown {
  if (Array.isArray(node)) return node.map((item) => prepare(item, root));
  if (!isNode(node)) return node;
  const copy: Node = {};
  for (const [key, value] of Object.entries(node)) {
    // What stands in these is data, not schema.
    copy[key] = key === 'examples' || key === 'default' || key === 'const' ? value : prepare(value, root);
  }
  return unionByType(withoutNull(copy), root);
}

function withoutNull(node: Node): Node {
  if (Array.isArray(node['enum'])) node['enum'] = node['enum'].filter((value) => value !== null);
  if (Array.isArray(node['type']) && node['type'].includes('null')) {
    const types = node['type'].filter((type) => type !== 'null') as string[];
    node['type'] = types.length === 1 ? types[0] : types;
  }
  if (!Array.isArray(node['anyOf'])) return node;
  const { anyOf, ...rest } = node;
  const branches = (anyOf as Node[]).filter((branch) => branch['type'] !== 'null');
  return branches.length === 1 ? { ...branches[0], ...rest } : { ...rest, anyOf: branches };
}

function typesOf(node: JsonSchema, root: JsonSchema): string[] {
  const ref = node['$ref'];
  const resolved = typeof ref === 'string' ? resolveRef(root, ref) : node;
  const type = resolved?.['type'];
  return type === undefined ? [] : ([type].flat() as string[]);
}

function unionByType(node: Node, root: JsonSchema): Node {
  if (!Array.isArray(node['anyOf'])) return node;
  const { anyOf, ...rest } = node;
  const branches = anyOf as Node[];
  const types = branches.map((branch) => typesOf(branch, root));
  const all = types.flat();
  if (types.some((list) => list.length === 0) || new Set(all).size !== all.length) return node;
  const conditions = branches.map((branch, i) => ({ if: { type: types[i] }, then: branch }));
  return { ...rest, type: all, allOf: conditions };
}
