import type { ErrorCode } from '../lib/catalog/index.js';
import { hasErrors } from '../lib/diagnostic.js';
import type { Diagnostic, Location, Origin } from '../lib/diagnostic.js';

type Extra = Partial<Omit<Diagnostic, 'code' | 'severity' | 'message' | 'location'>>;

interface Shared {
  readonly diagnostic: Diagnostic;
  readonly uses: Origin[];
  count: number;
}

/** Uses of a shared mistake that are listed. */
const MOST_USES = 3;

/** Gathers the mistakes of a phase. A mistake that many machines share through one default is kept once, with a count. */
export class Problems {
  readonly #list: Diagnostic[] = [];
  readonly #shared = new Map<string, Shared>();

  add(...diagnostics: readonly Diagnostic[]): void {
    this.#list.push(...diagnostics);
  }

  error(code: ErrorCode, message: string, location: Location | undefined, extra: Extra = {}): void {
    this.#list.push(made(code, 'error', message, location, extra));
  }

  warning(code: ErrorCode, message: string, location: Location | undefined, extra: Extra = {}): void {
    this.#list.push(made(code, 'warning', message, location, extra));
  }

  /** An error at the place where a value was set, found while it was used; without a user it was used where it stands. */
  usedBy(
    user: Origin | undefined,
    code: ErrorCode,
    message: string,
    location: Location | undefined,
    extra: Extra = {},
  ): void {
    const key = `${code} ${location?.file}:${location?.line}:${location?.column} ${message}`;
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = { diagnostic: made(code, 'error', message, location, extra), uses: [], count: 0 };
      this.#shared.set(key, shared);
    }
    shared.count += 1;
    if (user === undefined || shared.uses.length >= MOST_USES) return;
    const isSamePlace = location?.file === user.file && location.line === user.line && location.column === user.column;
    if (!isSamePlace) shared.uses.push(user);
  }

  /** Everything found so far, in the order of file, line and column. */
  list(): readonly Diagnostic[] {
    const all = [...this.#list];
    for (const { diagnostic, uses, count } of this.#shared.values()) {
      const message = count > 1 ? `${diagnostic.message} (used by ${count} machines)` : diagnostic.message;
      const origins = [...(diagnostic.origins ?? []), ...uses];
      all.push({ ...diagnostic, message, ...(origins.length === 0 ? {} : { origins }) });
    }
    return sortDiagnostics(all);
  }

  get hasErrors(): boolean {
    return hasErrors(this.#list) || this.#shared.size > 0;
  }
}

function made(
  code: ErrorCode,
  severity: Diagnostic['severity'],
  message: string,
  location: Location | undefined,
  extra: Extra,
): Diagnostic {
  return { code, severity, message, ...(location === undefined ? {} : { location }), ...extra };
}

/** By file, line and column; what has no place comes first. Stable and free of repetitions. */
function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  const unique = diagnostics.filter((d) => {
    const key = `${d.code} ${d.location?.file}:${d.location?.line}:${d.location?.column} ${d.message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return unique.sort((a, b) => {
    const [from, to] = [a.location, b.location];
    if (from === undefined || to === undefined) return Number(from !== undefined) - Number(to !== undefined);
    if (from.file !== to.file) return from.file < to.file ? -1 : 1;
    return from.line - to.line || from.column - to.column;
  });
}
