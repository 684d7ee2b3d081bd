/**
 * Child processes for the guest factory. The factory stands outside `src/` and runs before anything is built,
 * so it cannot use the product's exec door.
 */
import { spawn } from 'node:child_process';

/** Tools such as mke2fs and sfdisk live where a plain user's PATH does not look. */
const searchPath = ['/usr/local/sbin', '/usr/sbin', '/sbin', process.env.PATH ?? '/usr/bin:/bin'].join(':');

/**
 * The environment of every tool the factory starts. Appliances run without libvirt, and without KVM unless the
 * caller says otherwise: a /dev/kvm that opens proves nothing about a KVM that works.
 */
export const toolEnv = {
  ...process.env,
  PATH: searchPath,
  LC_ALL: 'C.UTF-8',
  LIBGUESTFS_BACKEND: process.env.LIBGUESTFS_BACKEND ?? 'direct',
  LIBGUESTFS_BACKEND_SETTINGS: process.env.LIBGUESTFS_BACKEND_SETTINGS ?? 'force_tcg',
};

const tailChars = 4000;

/**
 * Runs a tool to its end and returns what it printed on stdout.
 * @param {string} tool
 * @param {readonly string[]} args
 * @param {{ input?: string | undefined, cwd?: string | undefined }} [options]
 * @returns {Promise<string>}
 * @throws {Error} with the end of stderr when the tool fails or is missing
 */
export function run(tool, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { cwd: options.cwd, env: toolEnv, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      stderr = (stderr + chunk).slice(-tailChars);
    });
    child.on('error', (cause) => reject(new Error(`cannot start ${tool}: ${cause.message}`, { cause })));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else {
        const tail = (stderr.trim() || stdout.slice(-tailChars)).trim();
        reject(new Error(`${tool} ended with ${signal ?? `code ${code}`}:\n${tail}`));
      }
    });
    // A tool that ends without reading its input closes the pipe; its exit code tells more than EPIPE.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}
