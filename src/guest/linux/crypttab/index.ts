/** /etc/crypttab: what is unlocked under which name. */
export { isUnlockedEarly, parseCrypttab, readCrypttabFacts } from './parse.js';
export type { CrypttabLine } from './parse.js';
