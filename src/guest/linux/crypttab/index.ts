/** /etc/crypttab: what is unlocked under which name. */
export { parseCrypttab, readCrypttabFacts } from './parse.js';
