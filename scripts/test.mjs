/**
 * Runs every check and test, prints one table, and ends with "N passed, N failed".
 * `node scripts/test.mjs [STEP...]` runs some steps, `--list` names them. A check counts as one test.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {readonly string[]} argv
 * @property {boolean} [tests] a vitest project, counted test by test
 *
 * @typedef {object} Outcome
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {number} seconds
 */

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bin = (/** @type {string} */ name) => path.join(root, 'node_modules', '.bin', name);
const script = (/** @type {string} */ name) => path.join(root, 'scripts', name);
const tsLoader = pathToFileURL(path.join(root, 'test', 'support', 'ts-loader.mjs')).href;

/** @param {string} project @returns {Step} */
const vitest = (project) => ({ name: project, argv: [bin('vitest'), 'run', '--project', project], tests: true });

/** Run two at a time, in this order; none depends on another. @type {readonly Step[]} */
const checks = [
  // The longest first: everything else fits beside it.
  { name: 'guests', argv: ['node', path.join(root, 'test', 'guests', 'build.mjs'), 'demo', 'ova'] },
  { name: 'build', argv: ['npm', 'run', '--silent', 'build'] },
  { name: 'types', argv: [bin('tsc'), '--noEmit'] },
  { name: 'types-js', argv: [bin('tsc'), '--noEmit', '-p', path.join(root, 'scripts', 'tsconfig.json')] },
  { name: 'lint', argv: [bin('eslint'), '.', '--max-warnings', '0'] },
  { name: 'format', argv: [bin('prettier'), '--check', '--log-level', 'warn', '.'] },
  { name: 'rules', argv: [bin('depcruise'), '--config', '.dependency-cruiser.cjs', 'src'] },
  { name: 'unused', argv: [bin('knip')] },
  { name: 'generated', argv: ['node', '--import', tsLoader, script('gen-all.mjs'), '--check'] },
];

/** Run alone, in this order: they use what the checks built, and measure time. @type {readonly Step[]} */
const tests = [vitest('unit'), vitest('integration'), vitest('e2e')];

const tailLines = 60;

/** Started and not yet ended; ended with us. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    for (const child of running) child.kill('SIGTERM');
    process.exitCode = 130;
  });
}

/**
 * @param {Step} step
 * @param {string} dir for logs
 * @returns {Promise<Outcome>}
 */
async function runStep(step, dir) {
  const log = path.join(dir, `${step.name}.log`);
  const results = path.join(dir, `${step.name}.json`);
  const [tool = '', ...args] = step.argv;
  if (step.tests) args.push('--reporter=default', '--reporter=json', `--outputFile.json=${results}`);
  const started = Date.now();
  const ok = await runLogged(tool, args, log);
  const seconds = (Date.now() - started) / 1000;
  const counts = step.tests
    ? await countTests(results, ok, await readFile(log, 'utf8').catch(() => ''))
    : { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, details: '' };
  const text = await readFile(log, 'utf8').catch(() => '');
  const skippedReasons = step.tests ? [...new Set(text.match(/^skipped: .*$/gm) ?? [])] : [];
  const mark = counts.failed > 0 ? 'FAILED' : 'ok';
  console.log(`${step.name.padEnd(12)} ${mark.padEnd(7)} ${seconds.toFixed(1)} s`);
  for (const reason of skippedReasons) console.log(`  ${reason}`);
  if (counts.failed > 0) {
    const shown = counts.details === '' ? text.trimEnd().split('\n').slice(-tailLines).join('\n') : counts.details;
    console.log(shown.replace(/^/gm, '  '));
  }
  return { name: step.name, passed: counts.passed, failed: counts.failed, skipped: counts.skipped, seconds };
}

/**
 * @param {string} tool
 * @param {readonly string[]} args
 * @param {string} log
 * @returns {Promise<boolean>} whether it ended well
 */
function runLogged(tool, args, log) {
  return new Promise((resolve) => {
    const out = createWriteStream(log);
    const env = { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1', CI: '1' };
    const child = spawn(tool, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.stdout.on('data', (chunk) => out.write(chunk));
    child.stderr.on('data', (chunk) => out.write(chunk));
    child.on('error', (error) => out.write(`cannot start ${tool}: ${error.message}\n`));
    child.on('close', (code) => {
      running.delete(child);
      out.end(() => resolve(code === 0));
    });
  });
}

/**
 * Counts what vitest wrote. A file that could not even be loaded has no tests to count and is one failure, and so is
 * a run that failed for a reason of its own (an unhandled rejection, a crash before the results were written).
 * @param {string} file
 * @param {boolean} ok the exit code was 0
 * @param {string} log what it printed
 */
async function countTests(file, ok, log) {
  /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: { name: string, status: string, message: string, assertionResults: { status: string, fullName: string, failureMessages: string[] }[] }[] } | undefined} */
  const results = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  if (!results) return { passed: 0, failed: 1, skipped: 0, details: '' };
  let failed = results.numFailedTests;
  const details = [];
  for (const suite of results.testResults) {
    const name = path.relative(root, suite.name);
    const bad = suite.assertionResults.filter((test) => test.status === 'failed');
    if (suite.status === 'failed' && bad.length === 0) {
      failed += 1;
      // A hook that failed is told in the log only.
      details.push(`${name}: ${suite.message === '' ? hookFailure(log, name) : suite.message}`);
    }
    for (const test of bad) details.push(`${name}: ${test.fullName}\n${test.failureMessages.join('\n')}`);
  }
  if (failed === 0 && !ok) failed = 1;
  const skipped = results.numPendingTests + results.numTodoTests;
  return { passed: results.numPassedTests, failed, skipped, details: details.join('\n\n') };
}

/**
 * What the log says of a file that failed outside of its tests.
 * @param {string} log
 * @param {string} name
 */
function hookFailure(log, name) {
  const lines = log.split('\n');
  const at = lines.findIndex((line) => line.includes('FAIL') && line.includes(name));
  return at < 0 ? 'failed outside of its tests' : lines.slice(at, at + 20).join('\n');
}

/**
 * @param {readonly Step[]} steps
 * @param {number} atOnce
 * @param {string} dir
 * @returns {Promise<Outcome[]>} in the order of the steps
 */
async function runAll(steps, atOnce, dir) {
  const queue = [...steps.entries()];
  /** @type {Outcome[]} */
  const outcomes = [];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = queue.shift(); next && process.exitCode !== 130; next = queue.shift()) {
        outcomes[next[0]] = await runStep(next[1], dir);
      }
    }),
  );
  return outcomes.filter(Boolean);
}

const wanted = process.argv.slice(2);
const known = [...checks, ...tests].map((step) => step.name);
const unknown = wanted.filter((name) => name !== '--list' && !known.includes(name));
if (wanted.includes('--list')) {
  console.log(known.join('\n'));
} else if (unknown.length > 0) {
  console.error(`there is no step ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  const chosen = (/** @type {Step} */ step) => wanted.length === 0 || wanted.includes(step.name);
  const dir = await mkdtemp(path.join(tmpdir(), 'drover-test-'));
  const started = Date.now();
  const outcomes = [...(await runAll(checks.filter(chosen), 2, dir)), ...(await runAll(tests.filter(chosen), 1, dir))];
  await rm(dir, { recursive: true, force: true });
  const sum = (/** @type {'passed' | 'failed' | 'skipped'} */ key) => outcomes.reduce((n, o) => n + o[key], 0);
  console.log(
    `\n${'step'.padEnd(12)} ${'passed'.padStart(7)} ${'failed'.padStart(7)} ${'skipped'.padStart(8)} ${'seconds'.padStart(8)}`,
  );
  for (const o of outcomes) {
    console.log(
      `${o.name.padEnd(12)} ${String(o.passed).padStart(7)} ${String(o.failed).padStart(7)} ${String(o.skipped).padStart(8)} ${o.seconds.toFixed(1).padStart(8)}`,
    );
  }
  console.log(`${((Date.now() - started) / 1000).toFixed(0)} s in all, ${sum('skipped')} tests skipped`);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode ||= sum('failed') > 0 ? 1 : 0;
}
