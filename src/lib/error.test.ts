import { describe, expect, it } from 'vitest';
import { catalog, lookupCode } from './catalog/index.js';
import { asDroverError, assertNever, DroverError, errorRecord } from './error.js';

describe('DroverError', () => {
  it('takes class, hint and whether to retry from the catalogue', () => {
    const error = new DroverError({ code: 'exec.timeout', message: 'qemu-img took too long' });
    expect(error.class).toBe('transient');
    expect(error.retryable).toBe(true);
    expect(error.hint).toBe(catalog['exec.timeout'].cure);
    expect(new DroverError({ code: 'file.not-found', message: 'x' }).retryable).toBe(false);
    expect(new DroverError({ code: 'exec.timeout', message: 'x', retryable: false, hint: 'h' })).toMatchObject({
      retryable: false,
      hint: 'h',
    });
  });

  it('learns where it happened without losing what was known, its cause or its stack', () => {
    const cause = new Error('inner');
    const error = new DroverError({ code: 'file.io', message: 'm', where: { vm: 'web01' }, cause });
    const placed = error.at({ vm: 'other', stage: 'FIX' });
    expect(placed.where).toEqual({ vm: 'web01', stage: 'FIX' });
    expect(placed.cause).toBe(cause);
    expect(placed.stack).toBe(error.stack);
    expect(error.where).toEqual({ vm: 'web01' });
  });
});

describe('asDroverError', () => {
  it('keeps errors of our own and calls everything else a bug', () => {
    const own = new DroverError({ code: 'file.io', message: 'm' });
    expect(asDroverError(own)).toBe(own);
    expect(asDroverError(own, { vm: 'a' }).where).toEqual({ vm: 'a' });
    const bug = asDroverError(new TypeError('x is undefined'), { stage: 'FIX' });
    expect(bug).toMatchObject({ code: 'internal.bug', class: 'internal', where: { stage: 'FIX' } });
    expect(bug.message).toBe('unexpected error: x is undefined');
    expect(asDroverError('text').message).toBe('unexpected error: text');
  });
});

describe('errorRecord', () => {
  it('is safe for JSON and lists causes, outermost first, at most eight', () => {
    let cause: Error | undefined;
    for (let i = 0; i < 12; i += 1) cause = new Error(`c${i}`, { cause });
    const record = errorRecord(new DroverError({ code: 'file.io', message: 'm', details: { path: '/a' }, cause }));
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
    expect(record.causes).toEqual(['c11', 'c10', 'c9', 'c8', 'c7', 'c6', 'c5', 'c4']);
    expect(errorRecord(new DroverError({ code: 'file.io', message: 'm' }))).not.toHaveProperty('causes');
  });

  it('survives causes that are no errors', () => {
    const record = errorRecord(new DroverError({ code: 'file.io', message: 'm', cause: { odd: true } }));
    expect(record.causes).toEqual(['unknown cause']);
  });
});

describe('the catalogue', () => {
  it('knows its codes and nothing that objects inherit', () => {
    expect(lookupCode('file.io')?.class).toBe('permanent');
    expect(lookupCode('no.such')).toBeUndefined();
    for (const name of ['constructor', 'toString', '__proto__']) expect(lookupCode(name)).toBeUndefined();
  });

  it.each(Object.entries(catalog))('says cause, check and cure of %s in sentences', (code, entry) => {
    expect(code).toMatch(/^[a-z]+(?:\.[a-z0-9-]+)+$/);
    for (const text of [entry.cause, entry.check, entry.cure]) {
      expect(text.length).toBeGreaterThan(8);
      expect(text).toMatch(/[.?`]$/);
      expect(text).not.toMatch(/\s{2}|TODO/);
    }
  });
});

it('assertNever says what was not expected', () => {
  expect(() => assertNever('x' as never)).toThrow(/unexpected value: "x"/);
});
