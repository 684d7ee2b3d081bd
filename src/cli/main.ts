#!/usr/bin/env node
import { VERSION } from './version.js';

// The version is asked for by scripts and completions: it must not pay for the rest.
const [first] = process.argv.slice(2);
if (first === '--version' || first === '-V') {
  process.stdout.write(`${VERSION}\n`);
} else {
  const { runCli } = await import('./program.js');
  process.exitCode = await runCli(process.argv.slice(2));
}
