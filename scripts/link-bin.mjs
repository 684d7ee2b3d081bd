/** Makes `npx drover` work inside a checkout: npm links the bins of dependencies only, not the package's own. */
import { chmod, mkdir, rm, symlink } from 'node:fs/promises';

const bin = new URL('../node_modules/.bin/', import.meta.url);
const entry = new URL('../dist/cli/main.js', import.meta.url);
await mkdir(bin, { recursive: true });
await chmod(entry, 0o755);
await rm(new URL('drover', bin), { force: true });
await symlink('../../dist/cli/main.js', new URL('drover', bin));
