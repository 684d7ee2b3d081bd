/** Events and results to what people read: status, summary, Markdown, JSON, HTML. Pure. */
export { createProgressView } from './progress-view.js';
export type { ProgressView, VmView, WaveView } from './progress-view.js';
export { buildReport } from './build.js';
export { reportMarkdown } from './markdown.js';
export { runSummaryText } from './summary.js';
export { reportHtml } from './html/page.js';
