// The page: reads the address, asks, draws, and goes on while something is recorded.
import * as format from './format.js';
import { forgetFrames, forgetLostFrames, hideTip, html, printFrames } from './chart.js';
import { PRESETS, View, ask, report } from './view.js';
import { about, chosenCard, load, panels } from './panels.js';
import { comparisonButtons, rank } from './changes.js';

const $ = id => document.getElementById(id);
const REFRESH_MS = 5000, NAMES_MAX = 200, TARGETS_SHOWN = 4, PANELS = 11;

let overview = null;   // the last answer to `targets`
let loaded = [];       // what is drawn, by target
let isBusy = false;    // something is being asked: a refresh would throw its answers away
let restUntil = 0;     // no refresh before
let turn = 0;          // a newer turn makes the answers of an older one worthless
const view = new View(() => refresh());

function say(text, isBad = false) {
  $('status').textContent = text;
  $('status').className = isBad ? 'bad' : '';
}

// How many charts stand side by side, and how wide each is.
function layout(count) {
  const room = document.documentElement.clientWidth;
  let columns = Math.max(1, Math.floor((room - 20) / (room > 1900 ? 480 : 400)));
  if (count > 1 && columns >= count) columns -= columns % count;
  // Eleven panels in five columns would leave one alone in its row.
  if (count === 1 && columns > 3 && PANELS % columns === 1) columns -= 1;
  const root = document.documentElement.style;
  root.setProperty('--columns', columns);
  root.setProperty('--span', columns >= count ? columns / count : 1);
  const outer = room < 700 ? 16 : 32, gap = room < 700 ? 8 : 12;
  const cell = (room - outer - gap * (columns - 1)) / columns;
  // The chosen variables stand in a card of their own: less room.
  return { width: Math.floor(cell - 26), inner: Math.floor((room - outer - (room < 700 ? 22 : 30) - gap * (columns - 1)) / columns - 26) };
}

function isRecording(targets, now) {
  return targets.some(target => target.last !== null && now - target.last < 12e4);
}

function extent(targets) {
  const seen = targets.filter(target => target.first !== null);
  return { first: Math.min(...seen.map(target => target.first)), last: Math.max(...seen.map(target => target.last)) };
}

function drawControls() {
  const { targets } = overview;
  $('host').textContent = overview.host;
  document.title = `${view.targets.join(', ')} – expvault`;
  $('targets').replaceChildren(...targets.map(target => html('button', {
    type: 'button', 'aria-pressed': String(view.targets.includes(target.target)),
    onclick: event => {
      const isOnly = !(event.shiftKey || event.ctrlKey || event.metaKey);
      const isOn = view.targets.includes(target.target);
      const rest = view.targets.filter(name => name !== target.target);
      view.set({ targets: isOn ? (rest.length ? rest : view.targets) : isOnly && view.targets.length >= TARGETS_SHOWN ? [target.target] : [...rest, target.target] });
    },
  }, target.target)));
  const isWhole = report && view.since === report.since && view.until === report.until;
  if (report) $('presets').replaceChildren(html('button', { type: 'button', 'aria-pressed': String(isWhole), onclick: () => { view.whole(); view.set({}); } }, 'whole report'));
  else $('presets').replaceChildren(...PRESETS.map(([name]) => html('button', {
    type: 'button', 'aria-pressed': String(view.preset === name), onclick: () => view.set({ preset: name }),
  }, name)));
  if (document.activeElement?.form !== $('typed')) {
    $('since').value = format.moment(Math.round(view.since), view.utc).slice(0, 19);
    $('until').value = format.moment(Math.round(view.until), view.utc).slice(0, 19);
  }
  $('zone').textContent = view.utc ? 'UTC' : 'Local time';
  $('live').setAttribute('aria-pressed', String(view.isLive && isRecording(targets, overview.now)));
}

async function refresh({ isQuiet = false } = {}) {
  const mine = turn += 1, begun = performance.now();
  isBusy = true;
  try {
    if (!isQuiet) say('reading…');
    const answer = await ask('targets');
    if (mine !== turn) return;
    const isSame = isQuiet && overview && overview.seq === answer.seq;
    overview = answer;
    const recorded = answer.targets.filter(target => target.first !== null);
    if (!recorded.length) return say('Nothing is recorded yet. `expvault record NAME=URL` begins.');
    const known = view.targets.filter(name => recorded.some(target => target.target === name));
    view.targets = known.length ? known : recorded.slice(0, report ? TARGETS_SHOWN : 1).map(target => target.target);
    const chosen = recorded.filter(target => view.targets.includes(target.target));
    view.settle(answer.now, extent(chosen), isRecording(chosen, answer.now));
    drawControls();
    if (isSame) return say(statusLine());
    await draw(chosen, mine);
  } catch (error) {
    if (mine === turn) say(error.message || String(error), true);
  } finally {
    if (mine === turn) isBusy = false;
    // Whatever a long recording costs, at most a tenth of the time is spent on refreshing.
    restUntil = performance.now() + 9 * (performance.now() - begun);
  }
}

function statusLine() {
  const span = view.until - view.since;
  return `${format.moment(Math.round(view.since), view.utc).slice(0, 19)} – ${format.moment(Math.round(view.until), view.utc).slice(0, 19)} ${view.utc ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone || 'local'} (${format.duration(span)}) · a point is ${format.duration(loaded[0]?.values.step || 1)}, with its least and greatest value`;
}

async function draw(targets, mine) {
  const { width } = layout(targets.length);
  const all = await Promise.all(targets.map(target => load(view, target, width)));
  if (mine !== turn) return;
  loaded = all;
  hideTip();
  forgetFrames($('panels'));
  $('panels').replaceChildren(...all.map(data => about(view, data, overview.now)), ...panels(view, all, width));
  say(statusLine());
  if (view.chosen === null) view.chosen = suggestions(all[0]);
  drawNames();
  const compared = all.map(data => data.target);
  comparisonButtons(view, compared, $('ranked'));
  // Who reads a report asked for the answer already.
  if (report && !$('ranked').childElementCount) rank(view, compared[0], 0, $('ranked'));
  $('foot').textContent = `expvault ${overview.version} · every number is what \`expvault rate\`, \`values\` and \`pauses\` print for this range`;
  await drawChosen(mine);
}

// Where nobody chose: a few of the program's own counters.
function suggestions(data) {
  const own = [...data.names.values()].filter(name => isOwn(name.series));
  const top = own.filter(name => !name.series.includes('.'));
  return (top.length ? top : own).slice(0, 3).map(name => ({ as: /total|count|requests|errors|bytes/i.test(name.series) ? 'rate' : 'value', series: name.series }));
}

const isOwn = series => !series.startsWith('memstats.') && series !== 'up' && series !== 'scrape.duration_seconds';

function drawNames() {
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const names = [...new Set(loaded.flatMap(data => [...data.names.keys()]))].sort();
  const found = names.filter(name => words.length ? words.every(word => name.toLowerCase().includes(word)) : isOwn(name));
  $('found').textContent = words.length ? `${found.length} of ${names.length}` : `${found.length} of the program's own; searching finds memstats too${report?.isCut ? '. More of them did not fit: their numbers stand below' : ''}`;
  // What a target has too many of is in no list, and can be asked for by its name all the same.
  const typed = $('search').value.trim();
  const unlisted = report || !typed || found.length ? [] : [typed];
  $('names').replaceChildren(...[...found.slice(0, NAMES_MAX), ...unlisted].map(series => {
    const isOn = view.chosen.some(item => item.series === series);
    return html('button', { type: 'button', 'aria-pressed': String(isOn), title: series, onclick: () => choose(isOn ? view.chosen.filter(item => item.series !== series) : [...view.chosen, { as: guess(series), series }]) }, series);
  }));
}

// A counter that is known as one is first shown as a rate.
const guess = series => loaded.some(data => data.names.get(series)?.kind === 'counter') ? 'rate' : 'value';

async function choose(chosen) {
  view.chosen = chosen;
  view.write(true);
  drawNames();
  await drawChosen(turn);
}

async function drawChosen(mine) {
  const { inner } = layout(loaded.length);
  const cards = await Promise.all(view.chosen.flatMap((item, index) => loaded.filter(data => data.names.has(item.series) || !report && !loaded.some(other => other.names.has(item.series))).map(data => chosenCard(view, data, item, inner, {
    change: as => choose(view.chosen.map((other, place) => place === index ? { ...other, as } : other)),
    remove: () => choose(view.chosen.filter((other, place) => place !== index)),
  }))));
  if (mine !== turn) return;
  forgetFrames($('chosen'));
  $('chosen').replaceChildren(...cards);
  forgetLostFrames();
}

function zoomOut() {
  const span = view.until - view.since;
  view.zoom(view.since - span / 2, view.until + span / 2);
}

function watch() {
  $('typed').addEventListener('submit', event => {
    event.preventDefault();
    const [since, until] = ['since', 'until'].map(id => {
      const t = readMoment($(id).value);
      $(id).classList.toggle('wrong', t === null);
      return t;
    });
    if (since === null || until === null || until <= since) return say('That is no range: write 2026-01-02 03:04:05, or 6h and now, the earlier first.', true);
    document.activeElement.blur();
    view.set({ preset: null, since, until });
  });
  $('back').addEventListener('click', () => history.back());
  $('out').addEventListener('click', zoomOut);
  $('zone').addEventListener('click', () => view.set({ utc: !view.utc }));
  $('live').addEventListener('click', () => view.set({ live: !view.isLive }));
  $('search').addEventListener('input', drawNames);
  addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const action = { '/': () => $('search').focus(), '-': zoomOut, b: () => history.back(), u: () => $('zone').click(), r: () => $('live').click() }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  addEventListener('beforeprint', () => { hideTip(); printFrames(true); });
  addEventListener('afterprint', () => printFrames(false));
  let pending = 0, room = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth === room) return;
    room = innerWidth;
    clearTimeout(pending);
    pending = setTimeout(() => refresh({}), 200);
  });
  setInterval(() => {
    // Nobody looks, or a range that does not move: nothing to ask for.
    if (isBusy || performance.now() < restUntil || document.hidden || !view.isLive || !view.preset || !overview || !isRecording(overview.targets, overview.now)) return;
    if (document.activeElement?.form === $('typed')) return;
    refresh({ isQuiet: true });
  }, REFRESH_MS);
}

const readMoment = value => format.readMoment(value, view.utc, overview?.now ?? Date.now());

if (report) {
  document.body.classList.add('drawn');
  for (const id of ['typed', 'live']) $(id).hidden = true;
  $('save').addEventListener('click', () => {
    const address = URL.createObjectURL(new Blob([$('figures').textContent], { type: 'application/json' }));
    html('a', { href: address, download: 'expvault-report.json' }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  });
}
watch();
refresh();
