import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../lib/catalog/index.js';
import type { Diagnostic } from '../lib/diagnostic.js';
import { exitForDiagnostics } from './diagnostics.js';
import { Exit } from './exit-codes.js';

const of = (severity: Diagnostic['severity'], ...codes: readonly ErrorCode[]): Diagnostic[] =>
  codes.map((code) => ({ severity, code, message: 'm' }));

describe('exitForDiagnostics', () => {
  it.each([
    'source.missing',
    'source.unsafe-ref',
    'flatten.chain-cid',
    'file.denied',
    'plan.no-network-adapter',
  ] as const)('%s is a problem of the world, also as a warning that counts', (code) => {
    expect(exitForDiagnostics(of('error', code), false)).toBe(Exit.preflight);
    expect(exitForDiagnostics(of('warning', code), true)).toBe(Exit.preflight);
    expect(exitForDiagnostics(of('warning', code), false)).toBe(Exit.ok);
  });

  it('a mistake in the text goes first', () => {
    const text = of('error', 'playbook.unknown-key');
    expect(exitForDiagnostics([...of('error', 'source.missing'), ...text], false)).toBe(Exit.playbook);
    expect(exitForDiagnostics(of('warning', 'source.image-note', 'playbook.not-one-of'), true)).toBe(Exit.playbook);
  });

  it('warnings of the text do not hide what an error is about', () => {
    const both = [...of('warning', 'playbook.not-one-of'), ...of('error', 'source.missing')];
    expect(exitForDiagnostics(both, true)).toBe(Exit.preflight);
    expect(exitForDiagnostics([], true)).toBe(Exit.ok);
  });
});
