/** What happens after a run, and again when its report is asked for: events and results become files that people read. */
import { join } from 'node:path';
import { readEvents, readResults, readRun } from '../engine/index.js';
import type { RunView } from '../engine/index.js';
import type { Host, ToolName } from '../host/index.js';
import type { RunReport } from '../model/report.js';
import { buildReport, reportHtml, reportMarkdown } from '../report/index.js';
import { acceleratorOf } from './host-facts.js';
import { readScreenshots } from './screenshots.js';

async function hostPart(host: Host, view: RunView): Promise<RunReport['host']> {
  const [machine, accelerator] = await Promise.all([host.facts(), acceleratorOf(host)]);
  const tools: Record<string, string> = {};
  for (const node of view.graph.nodes)
    for (const name of Object.keys(node.fingerprintParts?.tools ?? {})) tools[name] = '';
  for (const name of Object.keys(tools).sort())
    tools[name] = (await host.toolVersion(name as ToolName)) ?? 'not installed';
  return {
    accelerator: accelerator.accelerator,
    acceleratorReason: accelerator.reason,
    cpus: machine.cpus,
    memoryBytes: machine.totalMemoryBytes,
    tools,
  };
}

/** The report of a run as its journal and store tell it now. */
export async function reportOf(host: Host, stateDir: string, runId: string): Promise<RunReport> {
  const view = await readRun(host, stateDir, runId);
  const [events, results, hostFacts] = await Promise.all([
    readEvents(host, view.dir),
    readResults(host, stateDir, view.graph),
    hostPart(host, view),
  ]);
  return buildReport({
    graph: view.graph,
    run: {
      id: view.runId,
      playbook: view.playbook,
      planHash: view.planHash,
      startedAt: view.startedAt,
      ...(view.endedAt === undefined ? {} : { endedAt: view.endedAt }),
      outcome: view.active ? 'running' : (view.outcome ?? 'interrupted'),
      ...(view.exitCode === undefined ? {} : { exitCode: view.exitCode }),
      user: view.user,
      host: view.host,
      version: view.version,
      dir: view.dir,
    },
    host: hostFacts,
    events,
    results,
    waivers: view.graph.waivers ?? [],
    leftBehind: view.notices,
    now: new Date(host.clock.now()).toISOString(),
  });
}

/** Writes report.json, report.md and report.html into the run's folder. */
export async function writeReports(host: Host, report: RunReport): Promise<void> {
  const { dir } = report.run;
  await host.files.writeAtomic(join(dir, 'report.json'), host.redactor.redact(`${JSON.stringify(report, null, 2)}\n`));
  await host.files.writeAtomic(join(dir, 'report.md'), host.redactor.redact(reportMarkdown(report)));
  const html = reportHtml(report, { screenshots: await readScreenshots(host, report) });
  await host.files.writeAtomic(join(dir, 'report.html'), host.redactor.redact(html));
}
