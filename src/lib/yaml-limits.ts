/** What a YAML text may hold at most. */
export interface YamlLimits {
  readonly bytes: number;
  readonly aliases: number;
  readonly nodes: number;
  readonly depth: number;
}

export const YAML_LIMITS: YamlLimits = { bytes: 64 * 1024 ** 2, aliases: 1000, nodes: 2_000_000, depth: 100 };

/** Keys that would reach into a prototype when data is copied carelessly. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
