import { isAbsolute, resolve } from 'node:path';
import { loadPlaybook } from '../playbook/index.js';
import type { LoadResult } from '../playbook/index.js';
import type { Cli } from './context.js';

export interface PlaybookOptions {
  readonly set?: readonly string[];
  readonly strict?: boolean;
  readonly allowOutsideRoot?: boolean;
}

/** Reads playbooks with all their parts. Nothing but these files is touched. */
export function loadText(cli: Cli, playbooks: readonly string[], options: PlaybookOptions): Promise<LoadResult> {
  const { host } = cli;
  return loadPlaybook(
    playbooks.map((path) => (isAbsolute(path) ? path : resolve(host.cwd, path))),
    {
      cwd: host.cwd,
      env: (name) => host.env(name),
      set: options.set ?? [],
      strict: options.strict === true,
      allowOutsideRoot: options.allowOutsideRoot === true,
    },
    host.files,
  );
}
