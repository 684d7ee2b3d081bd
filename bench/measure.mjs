/** What all benches share: each case in a process of its own, one JSON line per case, limits, and the exit code. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/**
 * @typedef {object} Measured
 * @property {number[]} samples in the unit that the case's name or `unit` says
 * @property {string} unit
 * @property {Record<string, number>} [more] other figures of the same run; a limit may be set on any of them
 */

/**
 * Runs every case in a process of its own, so that its memory and its compiled code are its own, and prints one JSON
 * line for each: `{ name, n, unit, runs, mean, p50, p99, rss, …more, limits, ok, node, cpu }`.
 * The process ends with 1 when a limit is missed. A limit on `p50`, `p99`, `mean`, `rss` or any figure of `more` is an
 * upper bound; one whose name begins with `min:` is a lower bound.
 * @param {string} self `import.meta.filename` of the bench
 * @param {Record<string, { n: number, limits?: Record<string, number>, measure: (n: number) => Promise<Measured> | Measured }>} cases
 */
export async function runCases(self, cases) {
  const [wanted, isChild] = [process.argv.slice(2), process.env['DROVER_BENCH_CASE']];
  if (isChild !== undefined) {
    const found = cases[isChild];
    if (found === undefined) throw new Error(`there is no case ${isChild}`);
    console.log(JSON.stringify(line(isChild, found, await found.measure(found.n))));
    return;
  }
  const unknown = wanted.filter((name) => cases[name] === undefined);
  if (unknown.length > 0) {
    console.error(`there is no case ${unknown.join(', ')}; there are ${Object.keys(cases).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  for (const name of wanted.length > 0 ? wanted : Object.keys(cases)) {
    const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', self], {
      env: { ...process.env, DROVER_BENCH_CASE: name },
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    process.stdout.write(stdout);
    if (status !== 0 || !JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}').ok) process.exitCode = 1;
  }
}

/**
 * @param {string} name
 * @param {{ n: number, limits?: Record<string, number> }} of
 * @param {Measured} measured
 */
function line(name, { n, limits = {} }, { samples, unit, more = {} }) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  /** @type {Record<string, number>} */
  const figures = {
    mean: samples.reduce((sum, value) => sum + value, 0) / samples.length,
    p50: at(0.5),
    p99: at(0.99),
    rss: peakMemory(),
    ...more,
  };
  const ok = Object.entries(limits).every(([key, limit]) => {
    const isLower = key.startsWith('min:');
    const value = figures[isLower ? key.slice(4) : key];
    return value !== undefined && (isLower ? value >= limit : value <= limit);
  });
  for (const key of Object.keys(figures)) figures[key] = Number((figures[key] ?? Number.NaN).toPrecision(4));
  return { name, n, unit, runs: samples.length, ...figures, limits, ok, node: process.version, cpu: cpus()[0]?.model };
}

/** @param {() => unknown} work @returns {Promise<number>} seconds */
export async function seconds(work) {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

/** @param {() => unknown} work @returns {Promise<number[]>} seconds of each of three runs */
export async function repeat(work) {
  const samples = [];
  for (let run = 0; run < 3; run += 1) samples.push(await seconds(work));
  return samples;
}

/** @returns {number} the most memory that this process has had so far, bytes */
export function peakMemory() {
  // maxRSS is in kibibytes.
  return process.resourceUsage().maxRSS * 1024;
}
