/** Keeps the import table of ARCHITECTURE.md true. */
const rooms = {
  lib: [],
  model: ['lib'],
  host: ['lib'],
  playbook: ['model', 'lib'],
  plan: ['model', 'lib'],
  engine: ['model', 'host', 'lib'],
  transports: ['model', 'host', 'lib'],
  sources: ['transports', 'model', 'host', 'lib'],
  guest: ['model', 'host', 'lib'],
  domain: ['model', 'lib'],
  machine: ['domain', 'model', 'host', 'lib'],
  stages: ['sources', 'transports', 'guest', 'domain', 'machine', 'model', 'host', 'lib'],
  report: ['model', 'lib'],
};
const homes = {
  execa: 'host',
  child_process: 'host',
  listr2: 'cli',
  commander: 'cli',
  yaml: 'lib',
  ajv: 'lib',
  'ajv-formats': 'lib',
  saxes: 'lib',
  'tar-stream': 'lib',
  handlebars: '(domain|report)',
};
module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'use-the-door',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '[.]test[.]ts$' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/(lib|model)/', '^src/[^/]+/index[.]ts$'] },
    },
    ...Object.entries(rooms).map(([room, may]) => ({
      name: `room-${room}`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: '[.]test[.]ts$' },
      to: { path: '^src/', pathNot: `^src/(${[room, ...may].join('|')})/` },
    })),
    {
      name: 'linux-and-windows-apart',
      severity: 'error',
      from: { path: '^src/guest/(linux|windows)/' },
      to: { path: '^src/guest/(linux|windows)/', pathNot: '^src/guest/$1/' },
    },
    ...Object.entries(homes).map(([name, home]) => ({
      name: `home-${name}`,
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/${home}/` },
      to: { path: `(^|node_modules/|^node:)${name}(/|$)` },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
