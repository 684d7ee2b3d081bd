/** Kernel modules by name: `virtio-rng.ko.xz`, `virtio_rng` and `kernel/drivers/.../virtio-rng.ko` are one. */

/** Name of the module in a file, or undefined for files that are none. */
export function moduleName(path: string): string | undefined {
  const match = /^(.+)\.ko(?:\.(?:gz|xz|zst|bz2|lz4))?$/.exec(path.slice(path.lastIndexOf('/') + 1));
  return match?.[1]?.replaceAll('-', '_');
}

/** Index of a kernel's modules, from the texts beside them. */
export interface ModuleIndex {
  /** Path below the kernel's module folder, by module name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Names a module needs loaded first. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  /** Names that should be loaded too, before or after, by module name. */
  readonly softNeeds: ReadonlyMap<string, readonly string[]>;
  readonly builtin: ReadonlySet<string>;
}

/** Reads `modules.dep`, `modules.softdep` and `modules.builtin`; each may be empty. */
export function readModuleIndex(texts: {
  readonly dep: string;
  readonly softdep: string;
  readonly builtin: string;
}): ModuleIndex {
  const paths = new Map<string, string>();
  const needs = new Map<string, readonly string[]>();
  for (const line of texts.dep.split('\n')) {
    const colon = line.indexOf(':');
    const path = line.slice(0, colon);
    const name = colon === -1 ? undefined : moduleName(path);
    if (name === undefined) continue;
    paths.set(name, path);
    needs.set(
      name,
      line
        .slice(colon + 1)
        .split(/\s+/)
        .flatMap((each) => moduleName(each) ?? []),
    );
  }
  const builtin = new Set(texts.builtin.split('\n').flatMap((line) => moduleName(line.trim()) ?? []));
  return { paths, needs, softNeeds: readSoftdeps(texts.softdep), builtin };
}

/** `softdep NAME pre: a b post: c` */
function readSoftdeps(text: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const line of text.split('\n')) {
    const match = /^softdep\s+(\S+)\s+(.*)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const name = match[1].replaceAll('-', '_');
    const words = match[2].split(/\s+/).filter((word) => word !== '' && !word.endsWith(':'));
    found.set(name, [...(found.get(name) ?? []), ...words.map((word) => word.replaceAll('-', '_'))]);
  }
  return found;
}

/** The wanted modules and everything they need, sorted; what is built in or does not exist is left out. */
export function moduleClosure(wanted: readonly string[], index: ModuleIndex): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name) || index.builtin.has(name) || !index.paths.has(name)) return;
    found.add(name);
    for (const need of [...(index.needs.get(name) ?? []), ...(index.softNeeds.get(name) ?? [])]) visit(need);
  };
  for (const name of wanted) visit(name);
  return [...found].sort();
}
