/** The style of the report. System fonts, light and dark, colours that differ in brightness and pattern too. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --bg: #f7f7f5; --card: #ffffff; --ink: #1d2329; --soft: #5d6772; --line: #e2e4e1; --code: #f1f2ef;
  --good: #1c7c4a; --good-bg: #e3f3ea; --bad: #b3261e; --bad-bg: #fbe9e7; --warn: #8a5a00; --warn-bg: #fdf1d8; --idle: #6b7580; --idle-bg: #eceef0;
  --add: #e6f5eb; --del: #fcebea; --hunk: #eef1f7;
  --FETCH: #3d6fb4; --FLATTEN: #6a8fca; --INSPECT: #2f8f8b; --PLAN: #8a6fb0; --FIX: #c9822b; --CONVERT: #4f8a3c; --VALIDATE: #b2557e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #14181c; --card: #1c2127; --ink: #e4e8ec; --soft: #9aa5b1; --line: #2e353d; --code: #232a31;
    --good: #6fd39b; --good-bg: #17352a; --bad: #ff8f86; --bad-bg: #41201e; --warn: #f0c064; --warn-bg: #3a2f17; --idle: #9aa5b1; --idle-bg: #2a3138;
    --add: #17332a; --del: #3d2222; --hunk: #232b3a;
    --FETCH: #6d9be0; --FLATTEN: #8fb0e6; --INSPECT: #4fb8b3; --PLAN: #b196d8; --FIX: #e5a24f; --CONVERT: #79b865; --VALIDATE: #d983a8;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main, header { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 12px; }
h3 { font-size: 13px; margin: 24px 0 8px; color: var(--soft); font-weight: 600; text-transform: uppercase; letter-spacing: .06em; }
p { margin: 0 0 12px; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; margin: 20px 0; }
.badge { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 13px; font-weight: 600; white-space: nowrap; background: var(--idle-bg); color: var(--idle); }
.badge.good { background: var(--good-bg); color: var(--good); }
.badge.bad { background: var(--bad-bg); color: var(--bad); }
.badge.warn { background: var(--warn-bg); color: var(--warn); }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px 24px; margin: 18px 0 0; }
dl.facts div { min-width: 0; }
dt { color: var(--soft); font-size: 12.5px; }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: 12.5px; white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th button:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--FETCH); outline-offset: 2px; border-radius: 3px; }
tr:last-child td { border-bottom: 0; }
td.num { font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { background: var(--code); border-radius: 4px; padding: 1px 5px; overflow-wrap: anywhere; }
pre { background: var(--code); border-radius: 8px; padding: 12px 14px; overflow-x: auto; margin: 8px 0 0; }
pre.diff { padding: 8px 0; }
pre.diff span { display: block; padding: 0 14px; min-width: max-content; }
pre.diff .a { background: var(--add); } pre.diff .d { background: var(--del); } pre.diff .h { background: var(--hunk); color: var(--soft); }
details { border-top: 1px solid var(--line); }
details:last-of-type { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: 8px 0; list-style-position: outside; }
summary .soft { margin-left: 8px; }
details > *:not(summary) { margin-bottom: 12px; }
td details, td details:last-of-type { border: 0; } td summary { padding: 0; }
.error { border-left: 3px solid var(--bad); background: var(--bad-bg); padding: 10px 14px; border-radius: 0 8px 8px 0; margin: 12px 0; }
.gantt { display: grid; gap: 6px; margin-top: 4px; }
.gantt .row { display: grid; grid-template-columns: minmax(90px, 170px) 1fr minmax(60px, 80px); gap: 12px; align-items: center; }
.gantt .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.gantt .lane { position: relative; height: 22px; background: var(--code); border-radius: 5px; overflow: hidden; }
.gantt .bar { position: absolute; top: 0; bottom: 0; min-width: 2px; border-right: 1px solid var(--card); }
.gantt .took { font-variant-numeric: tabular-nums; color: var(--soft); text-align: right; white-space: nowrap; }
.axis { position: relative; height: 18px; font-size: 12px; color: var(--soft); }
.axis span { position: absolute; transform: translateX(-50%); } .axis span:first-child { transform: none; } .axis span:last-child { transform: translateX(-100%); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 14px; font-size: 12.5px; color: var(--soft); }
.legend i { display: inline-block; width: 22px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.s-FETCH { background-color: var(--FETCH); }
.s-FLATTEN { background-color: var(--FLATTEN); background-image: repeating-linear-gradient(90deg, transparent 0 6px, rgba(255,255,255,.35) 6px 7px); }
.s-INSPECT { background-color: var(--INSPECT); background-image: repeating-linear-gradient(45deg, transparent 0 5px, rgba(255,255,255,.28) 5px 7px); }
.s-PLAN { background-color: var(--PLAN); }
.s-FIX { background-color: var(--FIX); background-image: repeating-linear-gradient(135deg, transparent 0 5px, rgba(255,255,255,.3) 5px 7px); }
.s-CONVERT { background-color: var(--CONVERT); background-image: repeating-linear-gradient(0deg, transparent 0 4px, rgba(255,255,255,.25) 4px 5px); }
.s-VALIDATE { background-color: var(--VALIDATE); background-image: radial-gradient(rgba(255,255,255,.38) 1px, transparent 1.4px); background-size: 6px 6px; }
.wait { background: repeating-linear-gradient(45deg, transparent 0 4px, var(--line) 4px 6px); }
.retry { background: repeating-linear-gradient(45deg, var(--warn-bg) 0 4px, var(--warn) 4px 5px); }
.bar.failed { box-shadow: inset 0 0 0 2px var(--bad); }
img.screen { max-width: 100%; border: 1px solid var(--line); border-radius: 8px; margin-top: 8px; }
footer { max-width: 1120px; margin: 0 auto; padding: 8px 24px 40px; color: var(--soft); font-size: 13px; }
input[type=search] { font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--line); border-radius: 8px; padding: 6px 12px; width: min(320px, 100%); margin-bottom: 12px; }
.js-only { display: none; } .js .js-only { display: block; }
a { color: inherit; }
@media (max-width: 640px) { .gantt .row { grid-template-columns: 84px 1fr 56px; gap: 8px; } main, header { padding: 0 14px; } .card { padding: 16px 14px; } }
@media print { body { background: #fff; } .card { break-inside: avoid; } .js-only { display: none !important; } }
`;
