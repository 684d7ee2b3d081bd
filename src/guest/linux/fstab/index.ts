/** Mount tables and device specifications: what a name means, how durable it is, and what to write instead. */
export { parseFstab, fieldSpans, replaceField } from './parse.js';
export type { FieldSpan } from './parse.js';
export { classifySpec, parseSpec } from './spec.js';
export { explainSpec, resolveSpec } from './resolve.js';
export type { ResolveContext, SourceDiskFacts } from './resolve.js';
export { chooseIdentifier } from './identify.js';
export { readFstabFacts, resolveFstab } from './facts.js';
