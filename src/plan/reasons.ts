import { canonicalJson } from '../lib/canonical-json.js';
import { assertNever } from '../lib/error.js';
import { formatPointer } from '../lib/json-pointer.js';
import type { FingerprintParts, Reason } from '../model/graph.js';
import { STAGES, stageIndex } from '../model/stage.js';
import type { StageName } from '../model/stage.js';

/**
 * Why a stage whose fingerprint changed has to run again: every difference between what entered it then and what enters
 * it now, the most telling first. Empty when the parts are equal.
 * @param origins JSON pointer into the settings to `file:line:column`
 */
export function changeReasons(
  stage: StageName,
  old: FingerprintParts,
  now: FingerprintParts,
  origins: Readonly<Record<string, string>> = {},
): readonly Reason[] {
  const reasons: Reason[] = [];
  if (old.implVersion !== now.implVersion) {
    reasons.push({ kind: 'impl-version', old: old.implVersion, new: now.implVersion });
  }
  for (const [name, was, is] of changedEntries(old.source, now.source)) {
    // Where the product goes is said by the playbook, not by the source.
    if (name.startsWith('/')) reasons.push({ kind: 'setting', pointer: name, old: was, new: is });
    else reasons.push({ kind: 'source-changed', disk: name, old: was ?? 'absent', new: is ?? 'absent' });
  }
  for (const [pointer, was, is] of changedSettings(old.settings, now.settings)) {
    const origin = originOf(pointer, origins);
    reasons.push({ kind: 'setting', pointer, old: was, new: is, ...(origin === undefined ? {} : { origin }) });
  }
  for (const [name, was, is] of changedEntries(old.tools, now.tools)) {
    reasons.push({ kind: 'tool-version', name, old: was ?? 'absent', new: is ?? 'absent' });
  }
  if (old.input !== now.input) {
    const before = STAGES[stageIndex(stage) - 1];
    if (before !== undefined) reasons.push({ kind: 'input-changed', stage: before });
  }
  return reasons;
}

/** One reason as people read it: `/disk/compress "none" → "zstd" at plays/first.yaml:31:14`. */
export function reasonText(reason: Reason): string {
  switch (reason.kind) {
    case 'never-ran':
      return 'never ran';
    case 'forced':
      return 'forced';
    case 'previous-failed':
      return 'failed last time';
    case 'setting': {
      const origin = reason.origin === undefined ? '' : ` at ${reason.origin}`;
      return `${reason.pointer} ${valueText(reason.old)} → ${valueText(reason.new)}${origin}`;
    }
    case 'input-changed':
      return `${reason.stage} runs again`;
    case 'artefact-missing':
      return `${reason.path} is gone`;
    case 'artefact-altered':
      return `${reason.path} was altered: ${reason.how}`;
    case 'tool-version':
      return `${reason.name} ${reason.old} → ${reason.new}`;
    case 'source-changed':
      return `source changed: ${reason.disk}: ${reason.old} → ${reason.new}`;
    case 'impl-version':
      return `this version of Drover does it differently (${reason.old} → ${reason.new})`;
    default:
      return assertNever(reason);
  }
}

function valueText(value: unknown): string {
  if (value === undefined) return 'unset';
  const text = canonicalJson(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function changedEntries(
  old: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): [name: string, old: string | undefined, now: string | undefined][] {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names.filter((name) => old[name] !== now[name]).map((name) => [name, old[name], now[name]]);
}

function changedSettings(
  old: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): [pointer: string, old: unknown, now: unknown][] {
  const found: [string, unknown, unknown][] = [];
  const compare = (pointer: string, was: unknown, is: unknown): void => {
    if (isMap(was) && isMap(is)) {
      for (const key of [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()) {
        compare(pointer + formatPointer([key]), was[key], is[key]);
      }
    } else if (canonicalJson(was ?? null) !== canonicalJson(is ?? null)) {
      found.push([pointer, was, is]);
    }
  };
  for (const pointer of [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()) {
    compare(pointer, old[pointer], now[pointer]);
  }
  return found;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where the value at a pointer, or the closest value that holds it, was set. */
function originOf(pointer: string, origins: Readonly<Record<string, string>>): string | undefined {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const origin = origins[at];
    if (origin !== undefined) return origin;
  }
  return undefined;
}
