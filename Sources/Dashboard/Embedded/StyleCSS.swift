// Made by scripts/embed-assets from Assets/style.css: change that file, and run the script.

extension Asset {
    /// The text of Assets/style.css.
    static var styleCSS: String { embedded_styleCSS }
}

// swift-format-ignore
private let embedded_styleCSS = #"""
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --ink: #16191d; --soft: #5c6570; --faint: #8a939d; --line: #e1e4e8; --grid: #eceef1;
  --accent: #0b62d6; --accent-ink: #ffffff; --bad: #c5221f; --warn: #b25e00; --hole: #9aa3ad;
  --s0: #2563c9; --s1: #d9760a; --s2: #16895a; --s3: #9b3fb5; --s4: #c03a4c; --s5: #0b8a99; --s6: #7a6a1f; --s7: #5b5f97;
  --heat0: #eef3fb; --heat1: #b9d2f3; --heat2: #74a5e2; --heat3: #2f6fc4; --heat4: #123e80;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --card: #171b21; --ink: #e8ebef; --soft: #a3adb8; --faint: #75808c; --line: #2a3038; --grid: #222830;
    --accent: #6aa8ff; --accent-ink: #0b1017; --bad: #ff7a72; --warn: #ffb454; --hole: #59636e;
    --s0: #6aa8ff; --s1: #ffa94d; --s2: #4ecb8f; --s3: #d58cf0; --s4: #ff8591; --s5: #4dd0de; --s6: #d6c35a; --s7: #a9adf0;
    --heat0: #1a2330; --heat1: #1e3d66; --heat2: #2b66ad; --heat3: #5a9af0; --heat4: #cfe2ff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
h1, h2, h3 { margin: 0; font-weight: 600; }
button, input, select { font: inherit; color: inherit; }
button, input { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 3px 9px; min-height: 30px; }
button { cursor: pointer; white-space: nowrap; }
button:hover { border-color: var(--accent); }
button[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
button:disabled { opacity: .45; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
[hidden] { display: none !important; }

#bar { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; padding: 8px 16px; background: var(--card); border-bottom: 1px solid var(--line); }
#bar h1 { font-size: 17px; letter-spacing: -.01em; }
#host { color: var(--faint); font-weight: 400; font-size: 13px; margin-left: 4px; }
#targets, #presets, #range, #range [role=group], #typed { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; }
#range { gap: 6px 12px; margin-left: auto; }
#typed input { width: 13em; font-variant-numeric: tabular-nums; }
#typed input:invalid, #typed input.wrong { border-color: var(--bad); }
#status { margin: 8px 16px 0; min-height: 1.45em; color: var(--soft); font-size: 13px; }
#status.bad { color: var(--bad); }

.grid, #panels { display: grid; gap: 12px; padding: 8px 16px; grid-template-columns: repeat(var(--columns, 1), minmax(0, 1fr)); }
#chosen { padding: 12px 0 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 12px 8px; min-width: 0; break-inside: avoid; }
.card.wide { grid-column: 1 / -1; }
.card h2 { font-size: 14px; display: flex; gap: 8px; align-items: baseline; min-width: 0; }
.card h2 .of { color: var(--faint); font-weight: 400; font-size: 12.5px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.card h2 .tools { margin-left: auto; display: flex; gap: 4px; }
.card h2 button { min-height: 24px; padding: 0 8px; font-size: 12px; font-weight: 400; }
.card .note, .note { color: var(--soft); font-size: 12.5px; }
.card .empty { color: var(--faint); padding: 28px 0; text-align: center; }
.about { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; min-width: 0; grid-column: span var(--span, 1); }
.about h2 { font-size: 18px; overflow-wrap: anywhere; }
.about .url { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.about .state { font-size: 12px; font-weight: 600; padding: 1px 8px; border-radius: 9px; border: 1px solid currentColor; vertical-align: 2px; margin-left: 6px; color: var(--s2); }
.about .state.bad { color: var(--bad); } .about .state.old { color: var(--faint); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 10px 14px; margin: 10px 0 0; }
.tiles div { min-width: 0; }
.tiles dt, .tiles .k { color: var(--soft); font-size: 12px; }
.tiles .v { font-size: 19px; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.tiles .v small { font-size: 12px; font-weight: 400; color: var(--soft); margin-left: 2px; }

.tiles .restarted small { color: var(--s3); } .tiles .failed { color: var(--bad); }

svg.chart { display: block; width: 100%; touch-action: pan-y; user-select: none; -webkit-user-select: none; border-radius: 4px; }
svg text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
svg .gridline { stroke: var(--grid); } svg .axis { stroke: var(--line); }
svg .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
svg .thin { stroke-width: 1.2; } svg .dashed { stroke-dasharray: 5 3; }
svg .band { opacity: .2; stroke-width: .8; } svg .area { opacity: .75; }
svg .dot { opacity: .5; }
svg .restart { stroke: var(--s3); stroke-width: 1.2; stroke-dasharray: 2 3; } svg .restart-cap { fill: var(--s3); }
svg .step { stroke: var(--warn); stroke-width: 1.2; stroke-dasharray: 6 2; }
svg .hole { fill: var(--hole); opacity: .16; }
svg .failure { stroke: var(--bad); stroke-width: 1.5; } svg .missed { fill: var(--bad); }
svg .cross { stroke: var(--ink); opacity: .5; } svg .select { fill: var(--accent); opacity: .18; }
svg .name { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
svg .bar { fill: var(--s0); } svg .mark { stroke: var(--card); stroke-width: 1.5; }
.c0 { --c: var(--s0); } .c1 { --c: var(--s1); } .c2 { --c: var(--s2); } .c3 { --c: var(--s3); }
.c4 { --c: var(--s4); } .c5 { --c: var(--s5); } .c6 { --c: var(--s6); } .c7 { --c: var(--s7); }
svg .line, svg .band { stroke: var(--c); } svg .band, svg .area, svg .dot, svg .mark { fill: var(--c); }
.h0 { fill: var(--heat0); } .h1 { fill: var(--heat1); } .h2 { fill: var(--heat2); } .h3 { fill: var(--heat3); } .h4 { fill: var(--heat4); }

.legend { display: flex; flex-wrap: wrap; gap: 2px 4px; margin-top: 4px; }
.legend button { border: 0; background: none; padding: 1px 6px; min-height: 24px; font-size: 12.5px; color: var(--soft); display: inline-flex; gap: 6px; align-items: center; max-width: 100%; }
.legend button:hover { color: var(--ink); }
.legend i { width: 12px; height: 3px; border-radius: 2px; background: var(--c); flex: none; }
.legend button[aria-pressed="true"] { background: none; color: var(--soft); }
.legend button[aria-pressed="false"] { opacity: .45; text-decoration: line-through; }
.legend .key { font-size: 12px; color: var(--soft); display: inline-flex; gap: 5px; align-items: center; padding: 1px 6px; }
.legend svg { width: 110px; height: 10px; }
#tip { position: fixed; z-index: 9; left: 0; top: 0; pointer-events: none; background: var(--card); color: var(--ink); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 4px 16px rgb(0 0 0 / .22); padding: 6px 10px; font-size: 12.5px; max-width: 340px; }
#tip .when { color: var(--soft); margin-bottom: 2px; }
#tip table { border-collapse: collapse; } #tip td { padding: 0 0 0 10px; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
#tip td:first-child { padding: 0; text-align: left; color: var(--soft); } #tip i { display: inline-block; width: 9px; height: 9px; border-radius: 2px; background: var(--c); margin-right: 6px; }

#custom, #changes { margin: 4px 16px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.head { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; } .head h2 { font-size: 15px; }
#search { width: min(22em, 100%); }
#names { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 8px; max-height: 152px; overflow: auto; }
#names button { font-size: 12.5px; min-height: 26px; padding: 1px 8px; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
#chosen .card { background: var(--page); }
#compare { display: flex; flex-wrap: wrap; gap: 4px; }
#compare .typed { flex-basis: 100%; } #compare summary { cursor: pointer; color: var(--soft); font-size: 13px; padding: 4px 0; width: max-content; }
.ranges, .ranges span { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: center; } .ranges { gap: 6px 14px; margin-top: 4px; }
.ranges input { width: 12.5em; font-variant-numeric: tabular-nums; } .ranges input.wrong { border-color: var(--bad); } select { background: var(--card); border: 1px solid var(--line); border-radius: 6px; min-height: 30px; }
#ranked { overflow-x: auto; }
#ranked table, .reasons { border-collapse: collapse; width: 100%; margin-top: 8px; font-size: 13px; }
#ranked th { text-align: left; color: var(--soft); font-weight: 500; font-size: 12px; }
#ranked th, #ranked td, .reasons td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); }
#ranked td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } #ranked th.n { text-align: right; }
#ranked td.name { overflow-wrap: anywhere; min-width: 12em; }
#ranked meter { width: 90px; height: 10px; } #ranked meter::-webkit-meter-optimum-value { background: var(--s0); } #ranked meter::-moz-meter-bar { background: var(--s0); }
body.report:not(.drawn) :is(#bar, #status, #panels, #custom, #changes, #foot, #save) { display: none; }
#report, #numbers { margin: 12px 16px 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; } #report { margin-bottom: 12px; } #numbers { margin: 0 16px 16px; }
#report h1 { font-size: 20px; } #report dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 8px 0 0; font-size: 13.5px; } #report dt { color: var(--soft); } #report dd { margin: 0; overflow-wrap: anywhere; }
.note.cut { color: var(--warn); margin: 6px 0 0; }
#numbers h2 { font-size: 15px; } #numbers h3 { font-size: 15px; margin: 18px 0 0; overflow-wrap: anywhere; } #numbers .scroll { overflow-x: auto; max-height: 30em; overflow-y: auto; margin-top: 8px; }
#numbers table { border-collapse: collapse; font-size: 12.5px; min-width: 100%; } #numbers caption { text-align: left; font-weight: 600; padding: 6px 0 2px; position: sticky; left: 0; }
#numbers th, #numbers td { padding: 2px 12px 2px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; } #numbers th { color: var(--soft); font-weight: 500; }
#numbers .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; } #numbers td:first-child { min-width: 11em; }
#changes, #custom { scroll-margin-top: 60px; } h2 span, td, button { unicode-bidi: isolate; } .up { color: var(--s1); } .down { color: var(--s0); }
.reasons td:last-child { text-align: right; padding-right: 0; } .reasons td { overflow-wrap: anywhere; }
#foot { color: var(--faint); font-size: 12px; padding: 0 16px 20px; }
@media (max-width: 700px) {
  #bar { position: static; padding: 8px; } #range { margin-left: 0; } #typed input { width: 10em; flex: 1 1 9em; padding: 3px 6px; }
  .grid, #panels { padding: 8px; gap: 8px; } #chosen { padding: 8px 0 0; } #custom, #changes { margin: 4px 8px 8px; padding: 10px; } #report { margin: 8px; } #numbers { margin: 0 8px 8px; padding: 10px; } #status { margin: 6px 10px 0; }
  .tiles { grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); }
}
@page { margin: 12mm 10mm; }
@media print {
  /* Dark is for screens alone (above): on paper the words would be as white as the sheet. */
  :root { color-scheme: light; --page: #fff; --card: #fff; --soft: #3f4750; --faint: #59626c; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  #range, #names, #search, #found, #compare, #tip, #save, .tools, noscript { display: none !important; }
  #targets button[aria-pressed="false"], .legend button[aria-pressed="false"], #changes:not(:has(#ranked > *)), #custom:not(:has(#chosen > *)), .report #bar { display: none !important; }
  #bar { position: static; padding: 0; border: 0; } #status { margin: 4px 0; } #foot { padding: 8px 0 0; }
  /* Boxes in lines: a line goes to the next sheet whole, which rows of a grid do not do everywhere. */
  .grid, #panels { display: block; padding: 0; orphans: 1; widows: 1; } .about { margin: 0 0 8px; break-inside: avoid; }
  .card { display: inline-block; vertical-align: top; width: 49%; margin: 0 .5% 8px; } .card h2 { flex-wrap: wrap; gap: 0 8px; } .card h2 .of { color: inherit; }
  svg.chart { height: auto; }
  #custom, #changes, #report, #numbers { margin: 8px 0 0; padding: 0; border: 0; }
  .head, h2, h3, caption { break-after: avoid; } tr, .about { break-inside: avoid; }
  #ranked, #numbers .scroll { max-height: none; overflow: visible; } #ranked table { font-size: 10px; }
  #numbers table { font-size: 8.5px; } #numbers th, #numbers td { padding: 1px 6px 1px 0; } #numbers .n { white-space: normal; overflow-wrap: anywhere; } #numbers th.n { overflow-wrap: normal; } #numbers td:first-child { min-width: 9em; } #numbers caption { position: static; font-size: 10.5px; }
}

"""#
