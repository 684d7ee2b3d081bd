/**
 * Compiling a playbook of ten thousand machines: from YAML, from a CSV list, and writing and reading the plan.
 * `first` is the time of a process that has compiled nothing before. Needs the built `dist/`.
 * Usage: node bench/plan.mjs [CASE...]
 */
import { planFromJson, planToJson } from '../dist/model/plan-json.js';
import { bigPlan } from './big-playbook.mjs';
import { peakMemory, repeat, runCases, seconds } from './measure.mjs';

const N = 10_000;
const MIB = 1024 ** 2;

/** @param {'yaml' | 'csv'} kind @returns {(n: number) => Promise<import('./measure.mjs').Measured>} */
const compile = (kind) => async (n) => {
  const first = await seconds(() => bigPlan(n, kind));
  // A command compiles one plan; what a second one adds in garbage is nobody's need.
  const rss = peakMemory();
  return { samples: [first, ...(await repeat(() => bigPlan(n, kind)))], unit: 's', more: { first, rss } };
};

await runCases(import.meta.filename, {
  'plan.compile-yaml': { n: N, limits: { p50: 6, first: 6, rss: 600 * MIB }, measure: compile('yaml') },
  'plan.compile-csv': { n: N, limits: { p50: 2, first: 2, rss: 600 * MIB }, measure: compile('csv') },
  'plan.write': {
    n: N,
    limits: { p50: 0.5, bytes: 25e6 },
    measure: async (n) => {
      const graph = await bigPlan(n, 'csv');
      const bytes = Buffer.byteLength(planToJson(graph));
      return { samples: await repeat(() => planToJson(graph)), unit: 's', more: { bytes } };
    },
  },
  'plan.read': {
    n: N,
    limits: { p50: 1 },
    measure: async (n) => {
      const text = planToJson(await bigPlan(n, 'csv'));
      return { samples: await repeat(() => planFromJson(text)), unit: 's' };
    },
  },
});
