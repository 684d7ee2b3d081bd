/** Lines that people can copy, by command; shown by `drover help <command>` and in the documentation. */

export interface Example {
  readonly line: string;
  readonly what: string;
}

export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  validate: [
    { line: 'drover validate playbook.yaml', what: 'every mistake at once, with its place' },
    { line: 'drover validate playbooks/*.yaml --strict --format github', what: 'annotations for a pull request' },
  ],
  explain: [
    { line: 'drover explain playbook.yaml web01', what: 'all settings of a machine and where each came from' },
    { line: 'drover explain playbook.yaml web01 /validate/level', what: 'one setting, with everything it overrode' },
    { line: 'drover explain flatten.chain-cid', what: 'what an error code means' },
  ],
  plan: [
    { line: 'drover plan playbook.yaml', what: 'what would run, and why' },
    { line: 'drover plan playbook.yaml --diff last', what: 'what changed since the newest run' },
    { line: 'drover plan playbook.yaml -o plan.json', what: 'keep the plan, to be run as it is' },
    {
      line: 'drover plan playbook.yaml --only wave:pilot --detailed-exitcode',
      what: 'exit 10 when there is work to do',
    },
  ],
  graph: [
    { line: 'drover graph playbook.yaml', what: 'Mermaid, a node for each machine' },
    { line: 'drover graph plan.json --format dot --level task --critical-path', what: 'every task, for Graphviz' },
  ],
  run: [
    { line: 'drover run playbook.yaml', what: 'show the plan, ask, do it' },
    { line: 'drover run playbook.yaml --yes --only wave:pilot', what: 'one wave, without asking' },
    { line: 'drover run playbook.yaml --yes --until INSPECT', what: 'look at the guests and stop there' },
    { line: 'drover run plan.json --yes', what: 'a plan that was saved and reviewed' },
  ],
  resume: [
    { line: 'drover resume', what: 'go on with the newest run' },
    { line: 'drover resume --only vm:web01 --force FIX', what: 'one machine, from FIX on, although that was done' },
    { line: 'drover resume --replan', what: 'with the playbook as it is now' },
  ],
  status: [
    { line: 'drover status', what: 'the newest run' },
    { line: 'drover status --why', what: 'what everything waits for' },
    { line: 'drover status --vm web01', what: 'one machine, stage by stage' },
  ],
  cancel: [
    { line: 'drover cancel', what: 'end the running run in order' },
    { line: 'drover cancel --vm web01', what: 'only this machine' },
  ],
  clean: [
    { line: 'drover clean --dry-run', what: 'which intermediate images could go' },
    { line: 'drover clean --all --older-than 30d', what: 'whole runs that ended well, more than a month ago' },
  ],
  report: [
    { line: 'drover report', what: 'Markdown on the terminal' },
    { line: 'drover report --format html -o report.html', what: 'one file for the browser' },
  ],
  logs: [
    { line: 'drover logs --vm web01 --stage FIX', what: 'everything that stage said' },
    { line: 'drover logs --follow', what: 'the running run' },
  ],
  state: [
    { line: 'drover state verify', what: 'is the journal of every run whole?' },
    { line: 'drover state repair', what: 'that of the newest run: keep a copy, cut what is damaged' },
    { line: 'drover state list', what: 'every run of the state folder' },
  ],
  doctor: [
    { line: 'drover doctor', what: 'what is missing and how to get it' },
    { line: 'drover doctor --fresh', what: 'probe again whether KVM works' },
  ],
  init: [
    { line: 'drover init', what: 'playbook.yaml here, for what lies in ./images' },
    { line: 'drover init dc1 --images /srv/export --name dc1-exit', what: 'in a folder of its own, for another one' },
  ],
  completion: [
    { line: 'source <(drover completion bash)', what: 'in the running shell' },
    { line: 'drover completion fish > ~/.config/fish/completions/drover.fish', what: 'in every shell from now on' },
  ],
};
