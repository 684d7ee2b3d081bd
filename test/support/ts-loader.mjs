/**
 * Lets a plain Node process run the sources: `node --import ./test/support/ts-loader.mjs script.ts`. With
 * TS_LOADER_CACHE set to a folder, what was translated once is kept there.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, threadId } from 'node:worker_threads';

if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL !== undefined) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, format: 'module', shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const text = await readFile(fileURLToPath(url), 'utf8');
  const folder = process.env['TS_LOADER_CACHE'];
  const kept = folder === undefined ? undefined : join(folder, createHash('sha256').update(text).digest('hex'));
  if (kept !== undefined && existsSync(kept)) {
    return { format: 'module', source: await readFile(kept, 'utf8'), shortCircuit: true };
  }
  const { default: ts } = await import('typescript');
  const { outputText } = ts.transpileModule(text, {
    fileName: url,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  if (kept !== undefined) {
    const part = `${kept}.${process.pid}-${threadId}`;
    await writeFile(part, outputText);
    await rename(part, kept);
  }
  return { format: 'module', source: outputText, shortCircuit: true };
}
