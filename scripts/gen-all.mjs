/**
 * Generates everything that is made from something else: types from schemas, then the documentation. `--check` fails when
 * something is stale. Run with `--import ./test/support/ts-loader.mjs`, because the documentation reads the sources.
 */
await import('./gen-types.mjs');
// Only now: it loads modules that were generated above.
await import('./gen-docs.mjs');
