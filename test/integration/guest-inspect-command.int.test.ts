import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { guestCommandScript, readGuestCommand } from '../../src/guest/common/guest-command.js';

const MARKER = 'drover-exit-abc:';

/** The script under the shell of this machine, as the guest's would run it. */
function run(argv: readonly string[]): ReturnType<typeof readGuestCommand> {
  const script = guestCommandScript(argv, 5, MARKER);
  return readGuestCommand(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }), MARKER);
}

test('reports output of both streams and the exit code', () => {
  expect(run(['sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
    available: true,
    exitCode: 3,
    output: 'out\nerr\n',
  });
  expect(run(['true'])).toEqual({ available: true, exitCode: 0, output: '' });
});

test('words reach the program as they are', () => {
  const words = ["it's", '$HOME `id`', '*', '"', 'a\\b', ''];
  expect(run(['printf', '%s|', ...words]).output).toBe(`${words.join('|')}|`);
});

test('a missing program is an exit code, a missing shell is unavailability', () => {
  expect(run(['/no/such/program'])).toMatchObject({ available: true, exitCode: 127 });
  expect(readGuestCommand('sh: exec format error', MARKER)).toEqual({
    available: false,
    exitCode: 127,
    output: 'sh: exec format error',
  });
});

test('keeps the end of long output', () => {
  const { output, exitCode } = run([
    'sh',
    '-c',
    'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 1',
  ]);
  expect(exitCode).toBe(1);
  expect(output.endsWith('line 19999\n')).toBe(true);
  expect(output.length).toBeLessThanOrEqual(64 * 1024);
});
