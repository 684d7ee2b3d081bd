/**
 * The shared vocabulary. One word means one thing everywhere: playbook key, type, event, log field and heading.
 *
 *   playbook text --playbook--> Effective (located, merged) --plan--> TaskGraph --engine--> RunEvent --report--> reports
 *                                     |                       ^                   |
 *                                     +--sources: describe----+                   +-- StageRunner per stage (stages)
 *
 * playbook    a YAML document `kind: Playbook` with its includes
 * settings    what may be said about how a VM is moved; merged over scopes, narrowest wins
 * plan        the immutable task graph compiled from a playbook and the facts of its sources
 * run         one execution of a plan; owns a run directory, a journal and locks
 * task        a vertex of the graph; a stage task is one stage of one VM
 * stage       FETCH, FLATTEN, INSPECT, PLAN, FIX, CONVERT, VALIDATE: per VM always in this order
 * wave        an ordered group of VMs; a batch is a part of a wave
 * pool        a counted resource; a task holds a demand of pool units while it runs
 * artefact    an immutable output of a stage, described in a manifest
 * fingerprint the hash over everything that may change a stage's output; decides between cached and run
 * product     what a run leaves behind on success: images and domain XML
 * appliance   the small virtual machine in which a guest's filesystems are read and edited
 * evidence    what VALIDATE saw; a verdict without evidence does not exist
 */
export * from './concern.js';
export * from './domain.js';
export * from './effective.js';
export * from './event.js';
export * from './fix.js';
export * from './graph.js';
export * from './history.js';
export * from './inspection.js';
export * from './plan-json.js';
export * from './report.js';
export * from './results.js';
export * from './settings.js';
export * from './stage.js';
export * from './stage-runner.js';
export * from './vm.js';
