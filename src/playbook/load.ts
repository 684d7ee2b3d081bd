/** The pipeline from files to a loaded playbook. Each phase gathers all its mistakes; the next one needs it clean. */
import { deepFreeze } from '../lib/deep-freeze.js';
import type { LoadedPlaybook } from '../model/effective.js';
import type { Playbook } from '../model/generated/playbook.js';
import { checkCycles } from './check-dependencies.js';
import { checkFolders } from './check-folders.js';
import { MacRegister } from './check-hardware.js';
import { SettingsMaker } from './effective.js';
import { readFiles } from './includes.js';
import type { FileSet } from './includes.js';
import { interpolateFiles } from './interpolate.js';
import { checkNames, loadWave } from './load-waves.js';
import type { LoadOptions, LoadResult, PlaybookFiles } from './ports.js';
import { Problems } from './problems.js';
import { checkFileSchema } from './schema-check.js';
import { gatherSections, networkRules } from './sections.js';
import { setLayer } from './set-options.js';
import { checkSupported } from './unsupported.js';
import { readDrafts } from './vm-drafts.js';
import type { Drafts } from './vm-drafts.js';

/**
 * Loads a playbook with everything it includes and lists.
 *
 * @param entries the playbook first, then fragments that apply after its own includes; relative to `options.cwd`
 * @returns a value unless there were errors; never throws for anything that stands in the files
 */
export async function loadPlaybook(
  entries: readonly string[],
  options: LoadOptions,
  files: PlaybookFiles,
): Promise<LoadResult> {
  const texts = new Map<string, string>();
  const problems = new Problems();
  const stop = (): LoadResult => ({ diagnostics: problems.list(), texts });

  const set = await readFiles(entries, options, files, problems, texts);
  if (set === undefined || problems.hasErrors) return stop();

  const interpolateList = interpolateFiles(set.files, options, problems);
  if (problems.hasErrors) return stop();

  for (const file of set.files) checkFileSchema(file, problems);
  const narrowest = setLayer(options.set ?? [], problems);
  if (problems.hasErrors) return stop();

  const drafts = await readDrafts(set, interpolateList, options, files, problems, texts);
  if (problems.hasErrors) return stop();

  const value = await assemble(set, drafts, narrowest, files, problems);
  return problems.hasErrors ? stop() : { value, diagnostics: problems.list(), texts };
}

async function assemble(
  set: FileSet,
  drafts: Drafts,
  narrowest: ReturnType<typeof setLayer>,
  files: PlaybookFiles,
  problems: Problems,
): Promise<LoadedPlaybook> {
  const { metadata } = set.playbook.value as unknown as Playbook;
  for (const file of set.files) checkSupported(file, problems);
  const sections = gatherSections(set.files, problems);
  const macs = new MacRegister();
  const settings = new SettingsMaker(sections, set.playbook, narrowest, problems);
  const labels = deepFreeze({ ...metadata.labels });
  const context = { sections, settings, labels, macs, problems };
  const waves = drafts.waves.map((drafted) => loadWave(drafted, set, context));
  checkNames(drafts.waves, waves, sections, problems);
  macs.report(problems);
  await checkFolders([...sections.sources.values()], [...sections.targets.values()], files, problems);
  checkCycles(waves, problems);
  return deepFreeze({
    name: metadata.name,
    description: metadata.description ?? '',
    labels,
    root: set.root,
    files: [set.playbook, ...set.files.filter((file) => file !== set.playbook), ...drafts.lists].map(
      ({ path, shown, role, sha256 }) => ({ path, shown, role, sha256 }),
    ),
    sources: [...sections.sources.values()],
    targets: [...sections.targets.values()],
    host: sections.host,
    networks: networkRules(sections),
    policies: sections.policies,
    maxVmsInFlight: sections.maxVmsInFlight,
    waivers: sections.waivers,
    waves,
  });
}
