/** A folder with a playbook of two data disks: whole runs with the built command line that need no appliance. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drover } from './cli.js';
import type { Said } from './cli.js';

export interface DataDisks {
  readonly dir: string;
  drover(...args: readonly string[]): Promise<Said>;
  /** Writes `p.yaml`; `more` are further sections. */
  playbook(more?: string, memory?: string): void;
  /** Stages that ran or were cached in the newest run, such as `a FETCH: cached`, sorted. */
  newestRun(): readonly string[];
  remove(): void;
}

export function dataDisks(): DataDisks {
  const dir = mkdtempSync(join(tmpdir(), 'drover-runs-'));
  const playbook = (more = '', memory = '1GiB'): void => {
    const vm = (name: string): string =>
      `      - { name: ${name}, source: images, target: here, disks: [{ file: ${name}.raw, format: raw }] }\n`;
    writeFileSync(
      join(dir, 'p.yaml'),
      `apiVersion: drover/v1alpha1\nkind: Playbook\nmetadata: { name: two }\nsources: { images: { type: local, dir: ./images } }\ntargets: { here: { type: files, dir: ./out } }\n${more}defaults: { firmware: bios, memory: ${memory}, guest: { family: none }, validate: { level: image } }\nwaves:\n  - name: all\n    vms:\n${vm('a')}${vm('b')}`,
    );
  };
  mkdirSync(join(dir, 'images'));
  for (const name of ['a', 'b']) writeFileSync(join(dir, 'images', `${name}.raw`), randomBytes(1024 ** 2));
  playbook();
  return {
    dir,
    drover: (...args) => drover(dir, args),
    playbook,
    newestRun: () => {
      const runs = join(dir, '.drover/runs');
      const events = readFileSync(join(runs, readdirSync(runs).sort().at(-1) ?? '', 'events.ndjson'), 'utf8');
      const ends = new Map<string, string>();
      for (const line of events.split('\n').filter(Boolean)) {
        const { type, vm, stage, data } = JSON.parse(line) as {
          type: string;
          vm?: string;
          stage?: string;
          data: { to?: string };
        };
        if (type === 'task.state' && stage !== undefined)
          ends.set(`${vm?.split(':')[1]?.replace('.raw', '')} ${stage}`, data.to ?? '');
      }
      return [...ends].map(([task, state]) => `${task}: ${state}`).sort();
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
