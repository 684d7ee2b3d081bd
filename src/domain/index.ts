/** Machines as libvirt domain XML: from a view, and back. No input or output. */
export { DOMAIN_TEMPLATES, renderDomainXml } from './render.js';
export type { DomainTemplate, TemplateTexts } from './render.js';
export { parseDomainXml } from './parse.js';
export { templateFile } from './templates.js';
export { domainUuid, domainView } from './view.js';
export type { DomainInputs } from './view.js';
