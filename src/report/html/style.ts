/** The style of the report: system fonts, light and dark, and colours that differ in brightness and pattern too. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --bg: #f5f5f2; --card: #ffffff; --ink: #1b2126; --soft: #5b6670; --line: #e3e5e1; --code: #f2f3f0; --lane: #f0f1ee;
  --good: #17713f; --good-bg: #e2f3e9; --bad: #ad1f18; --bad-bg: #fcebe9; --warn: #7d5200; --warn-bg: #fcf0d5; --idle: #5f6a74; --idle-bg: #eceeef; --live: #1f5fa8; --live-bg: #e5eefb;
  --add: #e4f5ea; --add-ink: #0f5a30; --del: #fdeae8; --del-ink: #8f1d16; --hunk: #eef1f6; --accent: #2f66ad;
  --FETCH: #3b6db3; --FLATTEN: #7a97c4; --INSPECT: #23807c; --PLAN: #8468ad; --FIX: #bd7417; --CONVERT: #4a7f38; --VALIDATE: #a94a73; --on-bar: #ffffff; --weave: rgba(255,255,255,.3);
  --shadow: 0 1px 2px rgba(20,28,36,.05), 0 4px 16px rgba(20,28,36,.04);
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #12161a; --card: #1a1f25; --ink: #e3e7eb; --soft: #98a4af; --line: #2a313a; --code: #222931; --lane: #20262d;
    --good: #74d7a1; --good-bg: #16342a; --bad: #ff968d; --bad-bg: #3f1f1d; --warn: #efc56c; --warn-bg: #392e16; --idle: #9aa6b1; --idle-bg: #29313a; --live: #8db8f0; --live-bg: #1b2d45;
    --add: #16322a; --add-ink: #a6e6c4; --del: #3b2121; --del-ink: #ffb9b2; --hunk: #232b38; --accent: #7fb0ee;
    --FETCH: #6c9ae0; --FLATTEN: #9db7e6; --INSPECT: #45b3ad; --PLAN: #b197da; --FIX: #e3a04b; --CONVERT: #7cba66; --VALIDATE: #d981a7; --on-bar: #10151a; --weave: rgba(10,14,18,.26);
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 12px; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
.over { margin: 0 0 6px; color: var(--soft); font-size: 12.5px; letter-spacing: .08em; text-transform: uppercase; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.015em; font-weight: 650; overflow-wrap: anywhere; }
h1 .badge { font-size: 15px; vertical-align: 5px; margin-left: 6px; letter-spacing: 0; }
h2 { font-size: 18px; line-height: 1.3; margin: 0 0 14px; font-weight: 640; overflow-wrap: anywhere; }
h3 { font-size: 15px; margin: 30px 0 8px; font-weight: 640; }
h3 .badge { margin-left: 4px; } h3 .soft { font-weight: 400; margin-left: 6px; }
p { margin: 0 0 12px; } ul { margin: 0; padding-left: 20px; }
.lead { font-size: 17px; margin: 0 0 16px; overflow-wrap: anywhere; }
.soft { color: var(--soft); } .ids { font-size: 13.5px; margin: 18px 0 0; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 20px 24px; margin: 20px 0; }
.badge { display: inline-block; border-radius: 999px; padding: 0 10px; font-size: 12.5px; line-height: 1.7; font-weight: 600; white-space: nowrap; background: var(--idle-bg); color: var(--idle); }
.badge.good { background: var(--good-bg); color: var(--good); } .badge.bad { background: var(--bad-bg); color: var(--bad); }
.badge.warn { background: var(--warn-bg); color: var(--warn); } .badge.live { background: var(--live-bg); color: var(--live); }
.states { display: flex; gap: 3px; height: 8px; margin: 0 0 22px; border-radius: 5px; overflow: hidden; }
.states span { background: var(--idle); opacity: .55; min-width: 6px; } .states .good { background: var(--good); opacity: 1; }
.states .warn { background: var(--warn); opacity: 1; background-image: repeating-linear-gradient(135deg, transparent 0 4px, var(--weave) 4px 6px); }
.states .bad { background: var(--bad); opacity: 1; background-image: repeating-linear-gradient(45deg, transparent 0 4px, var(--weave) 4px 7px); } .states .live { background: var(--live); opacity: 1; }
dl.tiles { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 18px 28px; margin: 0; }
dl.tiles div { min-width: 0; } dt { color: var(--soft); font-size: 12.5px; } dd { margin: 0; overflow-wrap: anywhere; } dd:first-of-type { font-size: 16px; font-weight: 600; } dd.soft { font-size: 13px; }
dl.tiles .badge { margin: 2px 2px 2px 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 4px 0 12px; }
th, td { text-align: left; padding: 6px 18px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: 12.5px; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; } tbody tr:last-child td { border-bottom: 0; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; } .js th button { cursor: pointer; } .js th button:hover { color: var(--ink); }
th[aria-sort] button::after { content: ' \\2191'; } th[aria-sort=descending] button::after { content: ' \\2193'; }
code, pre { font: 12.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; }
code { background: var(--code); border-radius: 4px; padding: 1px 5px; overflow-wrap: anywhere; } code.id { white-space: nowrap; }
pre { background: var(--code); border-radius: 8px; padding: 12px 14px; overflow-x: auto; margin: 4px 0 8px; tab-size: 4; }
details > summary { cursor: pointer; list-style: none; display: flex; gap: 8px; align-items: baseline; flex-wrap: wrap; padding: 7px 0; }
details > summary::-webkit-details-marker { display: none; }
details > summary::before { content: ''; flex: none; width: 6px; height: 6px; border-right: 1.6px solid var(--soft); border-bottom: 1.6px solid var(--soft); transform: rotate(-45deg) translate(-2px, 0); margin: 0 4px 0 1px; }
details[open] > summary::before { transform: rotate(45deg) translate(-2px, -1px); }
summary:hover::before { border-color: var(--ink); }
details > div { padding: 0 0 8px 17px; }
.folds { margin-top: 26px; border-top: 1px solid var(--line); } .folds > details { border-bottom: 1px solid var(--line); } .folds > details > summary { font-weight: 600; } .folds > details > summary .soft { font-weight: 400; }
.vm { padding: 8px 24px; } .vm > summary { padding: 12px 0; } .vm > summary h2 { margin: 0; } .vm > div { padding: 0 0 14px; } .vm > summary::before { width: 8px; height: 8px; }
td details > summary { padding: 0; } td details > div { padding-left: 0; }
.strip { display: flex; gap: 2px; height: 10px; margin: 0 0 14px; border-radius: 5px; overflow: hidden; } .strip span { min-width: 3px; }
.error, .warning { border-left: 4px solid var(--bad); background: var(--bad-bg); padding: 12px 16px; border-radius: 0 8px 8px 0; margin: 14px 0; }
.warning { border-color: var(--warn); background: var(--warn-bg); } .error p { margin: 6px 0; } .error code, .warning code { background: transparent; font-weight: 600; }
ul.facts { list-style: none; padding: 0; margin: 6px 0 14px; display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 10px; }
ul.facts li { border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px 10px 38px; position: relative; overflow-wrap: anywhere; }
ul.facts li::before { position: absolute; left: 13px; top: 9px; font-weight: 700; content: '!'; color: var(--warn); } ul.facts .good::before { content: '\\2713'; color: var(--good); } ul.facts .bad::before { content: '\\2715'; color: var(--bad); }
ul.facts .soft { display: block; font-size: 13px; }
ol.steps { list-style: none; margin: 0; padding: 0; } ol.steps li { border-left: 2px solid var(--line); padding: 2px 0 8px 18px; margin-left: 4px; position: relative; }
ol.steps li::before { content: ''; position: absolute; left: -5px; top: 10px; width: 8px; height: 8px; border-radius: 50%; background: var(--soft); }
.step { padding: 3px 0; }
.plus { color: var(--good); font-weight: 600; } .minus { color: var(--bad); font-weight: 600; }
pre.diff { padding: 8px 0; } pre.diff span { display: block; padding: 0 14px; min-width: max-content; }
pre.diff .a { background: var(--add); color: var(--add-ink); } pre.diff .d { background: var(--del); color: var(--del-ink); } pre.diff .h { background: var(--hunk); color: var(--soft); }
.gantt { position: relative; display: grid; gap: 7px; margin-top: 4px; }
.gantt .row { display: grid; grid-template-columns: 170px 1fr 70px; gap: 14px; align-items: center; position: relative; }
.gantt .grid { position: absolute; left: 184px; right: 84px; top: 0; bottom: 22px; } .gantt .grid i { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--line); }
.gantt .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.gantt .lane { position: relative; height: 24px; background: var(--lane); border-radius: 6px; overflow: hidden; }
.gantt .bar { position: absolute; top: 0; bottom: 0; min-width: 2px; box-shadow: inset -1px 0 0 var(--card); overflow: hidden; }
.gantt .bar b { font: 600 11px/24px system-ui, sans-serif; color: var(--on-bar); padding-left: 7px; letter-spacing: .03em; text-shadow: 0 0 3px rgba(0,0,0,.18); }
.gantt .dense { position: absolute; bottom: 0; background: var(--FETCH); }
.gantt .took { font-variant-numeric: tabular-nums; color: var(--soft); text-align: right; white-space: nowrap; font-size: 13.5px; }
.axis { position: relative; height: 16px; font-size: 12px; color: var(--soft); } .axis span { position: absolute; transform: translateX(-50%); white-space: nowrap; } .axis span:first-child { transform: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 14px; font-size: 12.5px; color: var(--soft); }
.legend i { display: inline-block; width: 22px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; } .legend .sample { background: var(--idle-bg); }
.s-FETCH { background-color: var(--FETCH); }
.s-FLATTEN { background-color: var(--FLATTEN); background-image: repeating-linear-gradient(90deg, transparent 0 6px, var(--weave) 6px 7px); }
.s-INSPECT { background-color: var(--INSPECT); background-image: repeating-linear-gradient(45deg, transparent 0 6px, var(--weave) 6px 8px); }
.s-PLAN { background-color: var(--PLAN); }
.s-FIX { background-color: var(--FIX); background-image: repeating-linear-gradient(135deg, transparent 0 6px, var(--weave) 6px 8px); }
.s-CONVERT { background-color: var(--CONVERT); background-image: repeating-linear-gradient(0deg, transparent 0 4px, var(--weave) 4px 5px); }
.s-VALIDATE { background-color: var(--VALIDATE); background-image: radial-gradient(var(--weave) 1px, transparent 1.4px); background-size: 6px 6px; }
.wait { background: repeating-linear-gradient(45deg, transparent 0 5px, var(--soft) 5px 6px); opacity: .5; }
.retry { background: repeating-linear-gradient(45deg, var(--warn-bg) 0 4px, var(--warn) 4px 6px); }
.failed { outline: 2px solid var(--bad); outline-offset: -2px; background-image: repeating-linear-gradient(45deg, var(--bad) 0 3px, transparent 3px 9px); }
.meter { display: inline-block; width: 120px; height: 8px; background: var(--lane); border-radius: 4px; overflow: hidden; vertical-align: 1px; } .meter i { display: block; height: 100%; background: var(--accent); }
img.screen { max-width: 100%; border: 1px solid var(--line); border-radius: 8px; }
footer { padding-top: 4px; padding-bottom: 44px; color: var(--soft); font-size: 13px; }
.tools { display: flex; gap: 12px; align-items: center; flex-wrap: wrap; }
input[type=search], #toggle { font: inherit; font-size: 14px; color: inherit; background: var(--bg); border: 1px solid var(--line); border-radius: 8px; padding: 5px 12px; } input[type=search] { width: min(320px, 100%); } #toggle { cursor: pointer; margin-left: auto; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
html:not(.js) .js-only { display: none; }
@media (max-width: 640px) { .axis span:nth-child(even) { display: none; } .scroll table { min-width: 540px; } dl.tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .gantt .row { grid-template-columns: 76px 1fr 52px; gap: 8px; } .gantt .grid { left: 84px; right: 60px; } main, header, footer { padding-left: 14px; padding-right: 14px; } .card { padding: 16px 14px; } .vm { padding: 4px 14px; } h1 { font-size: 24px; } .gantt .bar b { display: none; } }
@media print { body { background: #fff; } .card { break-inside: avoid-page; box-shadow: none; } .js-only { display: none !important; } }
`;
