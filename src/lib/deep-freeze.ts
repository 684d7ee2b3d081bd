/** Freezes a value and everything in it. What is frozen already is taken as frozen through and through. */
export function deepFreeze<T>(value: T): T {
  freezeTree(value);
  return value;
}

function freezeTree(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  if (Array.isArray(value)) {
    for (const item of value) freezeTree(item);
    return;
  }
  // Plain data has no inherited keys; this walk allocates nothing.
  const map = value as Record<string, unknown>;
  for (const key in map) freezeTree(map[key]);
}
