import { describe, expect, it } from 'vitest';
import { sha256 } from '../lib/canonical-json.js';
import { shortIds, stageIdKey, stageTaskIds } from './identity.js';

describe('identity', () => {
  it('is the first 16 digits of the digest of playbook, machine and stage', () => {
    const [first] = stageTaskIds('first', ['images:web01']);
    expect(first).toEqual({
      taskId: sha256('first/images:web01/FETCH').slice(0, 16),
      vmKey: 'images:web01',
      stage: 'FETCH',
    });
    expect(stageIdKey('first', 'images:web01', 'FIX')).toBe('first/images:web01/FIX');
  });

  it('extends both ids of a collision and no other', () => {
    const digest = (text: string): string =>
      text === 'c' ? 'f'.repeat(64) : `${'0'.repeat(16)}${sha256(text).slice(0, 48)}`;
    const ids = shortIds(['a', 'b', 'c'], digest);
    expect(ids.map((id) => id.length)).toEqual([24, 24, 16]);
    expect(new Set(ids).size).toBe(3);
  });
});
