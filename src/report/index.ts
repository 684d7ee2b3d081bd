/** Events and results to what people read: status, summary, Markdown, JSON, HTML. Pure. */
export { createProgressView } from './progress-view.js';
export type { ProgressView, StageView, VmPhase, VmView, WaveView } from './progress-view.js';
export { buildReport } from './build.js';
export type { ReportInput } from './build.js';
export { reportMarkdown } from './markdown.js';
export { runSummaryText } from './summary.js';
export { reportHtml } from './html/page.js';
export type { HtmlOptions } from './html/page.js';
