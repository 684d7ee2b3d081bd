/** Mount tables and device specifications: what a name means, how durable it is, and what to write instead. */
export { parseFstab, fieldSpans, replaceField, decodeFstab, encodeFstab, isBootCritical } from './parse.js';
export type { FieldSpan, FstabLine } from './parse.js';
export { classifySpec, classOfForm, parseSpec } from './spec.js';
export type { SpecForm } from './spec.js';
export { explainSpec, mapperName, resolveSpec } from './resolve.js';
export type { Resolution, ResolveContext, ResolveRule, SourceDiskFacts } from './resolve.js';
export { chooseIdentifier, isUnique } from './identify.js';
export type { Identifier } from './identify.js';
export { readFstabFacts, resolveFstab } from './facts.js';
