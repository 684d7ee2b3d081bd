import { join } from 'node:path';
import type { Cli } from '../context.js';
import { Exit } from '../exit-codes.js';
import { findRun, logDir, noVm, stageOption } from '../runs.js';

interface LogFile {
  readonly vm: string;
  readonly stage: string;
  readonly attempt: number;
  readonly path: string;
}

async function logFiles(cli: Cli, dir: string): Promise<readonly LogFile[]> {
  const { files } = cli.host;
  if (!(await files.exists(dir))) return [];
  const found: LogFile[] = [];
  for (const vm of await files.list(dir)) {
    if ((await files.stat(join(dir, vm)))?.kind !== 'directory') continue;
    for (const name of await files.list(join(dir, vm))) {
      const match = /^([A-Z]+)\.(\d+)\.log$/.exec(name);
      if (match !== null)
        found.push({ vm, stage: match[1] ?? '', attempt: Number(match[2]), path: join(dir, vm, name) });
    }
  }
  return found;
}

/** `drover logs`: the newest attempt of each stage unless one is named; `--follow` prints on until the run ends. */
export async function logs(
  cli: Cli,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { run } = await findRun(cli, args[0]);
  const stage = stageOption(options['stage'], '--stage');
  const vm = options['vm'] as string | undefined;
  const attempt = options['attempt'] as number | undefined;
  const pick = async (): Promise<readonly LogFile[]> => {
    const all = await logFiles(cli, logDir(run));
    if (vm !== undefined && all.length > 0 && !all.some((log) => log.vm === vm)) {
      noVm(run.runId, [...new Set(all.map((log) => log.vm))], vm);
    }
    const wanted = all.filter(
      (log) =>
        (vm === undefined || log.vm === vm) &&
        (stage === undefined || log.stage === stage) &&
        (attempt === undefined || log.attempt === attempt),
    );
    if (attempt !== undefined) return wanted;
    return wanted.filter(
      (log) => !wanted.some((other) => other.vm === log.vm && other.stage === log.stage && other.attempt > log.attempt),
    );
  };
  const printed = new Map<string, number>();
  let several = false;
  const printNew = async (): Promise<void> => {
    const picked = await pick();
    several ||= picked.length > 1;
    for (const log of picked) {
      const from = printed.get(log.path) ?? 0;
      await using file = await cli.host.files.open(log.path);
      if (file.sizeBytes <= from) continue;
      if (from === 0 && several) cli.out(`==> ${log.vm} ${log.stage} (attempt ${log.attempt})\n`);
      cli.out((await file.read(from, file.sizeBytes - from)).toString('utf8'));
      printed.set(log.path, file.sizeBytes);
    }
  };
  await printNew();
  if (options['follow'] === true) {
    while ((await findRun(cli, run.runId)).run.active) {
      await cli.host.clock.sleep(500);
      await printNew();
    }
  }
  if (printed.size === 0) cli.err('no log matches\n');
  return Exit.ok;
}
