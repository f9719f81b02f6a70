// The panels of a target: which series each shows, and how.
import * as format from './format.js';
import { Frame, forgetFrames, html, legend, pieces, plotWidth, svg } from './chart.js';
import { heatFrame, histogram, pauseFrame, pauseLegend } from './pauses.js';
import { ask, report } from './view.js';

const line = (series, name, color, more = {}) => ({ series: `memstats.${series}`, name, color, ...more });

// Lines of gauges and counters. `as` is what is asked of Query for them.
export const LINES = [
  { id: 'heap', title: 'Heap', as: 'values', unit: 'B', lines: [
    line('HeapSys', 'system', 0), line('HeapInuse', 'in use', 2), line('HeapAlloc', 'allocated', 1),
    line('HeapIdle', 'idle', 7, { hidden: true }), line('HeapReleased', 'released', 5, { hidden: true }), line('NextGC', 'next GC limit', 4, { isDashed: true })] },
  { id: 'memory', title: 'Memory from the system by kind', as: 'values', unit: 'B', isStacked: true, lines: [
    line('HeapSys', 'heap', 0), line('StackSys', 'stack', 1), line('MSpanSys', 'mspan', 2), line('MCacheSys', 'mcache', 3),
    line('GCSys', 'GC', 4), line('BuckHashSys', 'profiling', 6), line('OtherSys', 'other', 5)] },
  { id: 'allocation', title: 'Allocation rate', as: 'rate', unit: 'B', lines: [line('TotalAlloc', 'allocated', 1, { isFilled: true })] },
  { id: 'objects', title: 'Objects allocated and freed', as: 'rate', lines: [line('Mallocs', 'mallocs', 0), line('Frees', 'frees', 2), line('Lookups', 'pointer lookups', 5, { hidden: true })] },
  { id: 'live', title: 'Live objects', as: 'values', lines: [line('HeapObjects', 'live', 3, { isFilled: true })] },
  { id: 'collections', title: 'Garbage collections', as: 'rate', lines: [line('NumGC', 'all', 0, { isFilled: true }), line('NumForcedGC', 'forced', 4)] },
  { id: 'cpu', title: 'CPU taken by the GC since the start', as: 'values', unit: 'share', lines: [line('GCCPUFraction', 'share', 4, { isFilled: true })] },
  { id: 'durations', title: 'Scrapes', as: 'values', unit: 's', lines: [{ series: 'scrape.duration_seconds', name: 'duration', color: 5, isFilled: true }] },
];

// Which lines are hidden, by panel: kept while the page is open, through refreshes.
const hiddenIn = new Map();
function hidden(id, initial = []) {
  if (!hiddenIn.has(id)) hiddenIn.set(id, new Set(initial));
  return hiddenIn.get(id);
}

// What one target's panels show: every answer is one question to Query.
export async function load(view, target, width) {
  const names = new Map((await ask('names', { target: target.target })).names.map(name => [name.series, name]));
  const until = Math.round(view.until), since = Math.round(view.since);
  const interval = Math.max(1, Math.round((target.last - target.first) / Math.max(1, target.scrapes + target.failures - 1)));
  const span = { target: target.target, since, until };
  const stepped = { ...span, points: Math.max(20, Math.min(1000, plotWidth(width))), least: interval };
  const coarse = { ...span, points: Math.max(20, Math.min(300, Math.floor(plotWidth(width) / 3))), least: interval };
  const wanted = as => [...new Set(LINES.filter(panel => panel.as === as).flatMap(panel => panel.lines.map(item => item.series)))].filter(series => names.has(series));
  const several = (as, series, grid) => series.length ? ask(as, { ...grid, series }) : { start: since, step: 1, series: [] };
  const [values, rates, pauses, sizes, scrapes] = await Promise.all([
    several('values', wanted('values'), stepped), several('rate', wanted('rate'), stepped),
    ask('pauses', coarse), ask('sizes', coarse), ask('scrapes', span)]);
  return { target, names, interval, values, rates, pauses, sizes, scrapes, grid: stepped, marks: {
    restarts: target.runs.slice(1).filter(run => run.restart).map(run => run.first), steps: target.steps.map(step => step.after),
    failures: scrapes.failures, holes: scrapes.holes } };
}

function columnsOf(answer, item, as) {
  const found = answer.series.find(series => series.series === item.series);
  if (!found) return null;
  return as === 'rate'
    ? { ...item, found, unit: found.unit, means: found.rates, mins: found.rates, maxs: found.rates }
    : { ...item, found, unit: found.unit, means: found.means, mins: found.mins, maxs: found.maxs };
}

// A frame of lines, with the least and greatest value of each step as a band behind the mean.
export function lineFrame(view, answer, items, { isRate, unit, isStacked, marks, interval, label, height, fromZero = true }) {
  const grid = { start: answer.start ?? view.since, step: answer.step };
  const reach = Math.max(3.5 * grid.step, 4 * interval);
  const shown = items.filter(item => !item.hidden);
  const steps = Math.max(0, ...items.map(item => item.means.length));
  const sums = [];
  if (isStacked) {
    let below = Array(steps).fill(0);
    for (const item of shown) {
      const above = below.map((value, index) => item.means[index] === null ? value : value + item.means[index]);
      sums.push([below, above]);
      below = above;
    }
  }
  let low = fromZero ? 0 : Infinity, high = -Infinity;
  const look = value => { if (value !== null) { if (value < low) low = value; if (value > high) high = value; } };
  if (isStacked) sums.forEach(([, above]) => above.forEach(look));
  else for (const item of shown) { item.mins.forEach(look); item.maxs.forEach(look); }
  if (!(high >= low)) { low = 0; high = 1; }
  if (high === low) high = low + (Math.abs(low) * 0.2 || 1);
  else { high += (high - low) * 0.06; if (low !== 0) low -= (high - low) * 0.04; }
  return new Frame(view, {
    label, low, high, unit, isRate, marks, height,
    paint(layer, x, y, plot) {
      const at = index => Math.max(plot.left, Math.min(plot.right, x(grid.start + (index + 0.5) * grid.step)));
      for (const failure of marks?.drawFailures ? marks.failures : []) {
        const left = x(failure.t);
        layer.append(svg('line', { class: 'failure', x1: left, x2: left, y1: plot.bottom - 12, y2: plot.bottom }));
      }
      shown.forEach((item, number) => {
        const trace = (indices, column) => indices.map(index => `${at(index).toFixed(1)} ${y(column[index]).toFixed(1)}`);
        for (const indices of pieces(item.means, grid, reach)) {
          if (isStacked) {
            const [below, above] = sums[number];
            layer.append(svg('path', { class: `area c${item.color}`, d: `M${trace(indices, above).join('L')}L${trace([...indices].reverse(), below).join('L')}z` }));
            continue;
          }
          const isBand = indices.some(index => item.mins[index] !== item.maxs[index]);
          if (isBand) layer.append(svg('path', { class: `band c${item.color}`, d: `M${trace(indices, item.maxs).join('L')}L${trace([...indices].reverse(), item.mins).join('L')}z` }));
          else if (item.isFilled && indices.length > 1) layer.append(svg('path', { class: `band c${item.color}`, d: `M${trace(indices, item.means).join('L')}L${at(indices[indices.length - 1]).toFixed(1)} ${y(Math.max(low, 0))}L${at(indices[0]).toFixed(1)} ${y(Math.max(low, 0))}z` }));
          // A sample alone is a dot.
          layer.append(indices.length === 1
            ? svg('circle', { class: `mark c${item.color}`, cx: at(indices[0]), cy: y(item.means[indices[0]]), r: 3 })
            : svg('path', { class: `line c${item.color}${item.isDashed ? ' dashed' : ''}`, d: `M${trace(indices, item.means).join('L')}` }));
        }
      });
    },
    rows(t) {
      let index = Math.floor((t - grid.start) / grid.step);
      // An empty step shows the sample before it, where the line goes on.
      const back = Math.ceil(reach / grid.step);
      return shown.map(item => {
        let place = index;
        while (place > index - back && place > 0 && (item.means[place] ?? null) === null) place -= 1;
        const mean = item.means[place] ?? null, least = item.mins[place] ?? null, most = item.maxs[place] ?? null;
        const value = format.text(mean, unit, isRate);
        return { name: item.name, color: item.color, values: least !== most ? [value, `${format.text(least, unit)} … ${format.text(most, unit)}`] : [value] };
      });
    },
  });
}

export function card(title, of, tools = []) {
  const heading = html('h2', {}, html('span', {}, title), of ? html('span', { class: 'of' }, of) : null, tools.length ? html('span', { class: 'tools' }, ...tools) : null);
  const body = html('div');
  return { root: html('article', { class: 'card' }, heading, body), body };
}

// Draws a card's body anew: with what `make` gives, and a legend whose buttons hide lines.
export function fill(body, width, make) {
  const draw = () => {
    forgetFrames(body);
    const { frame, below } = make(draw);
    body.replaceChildren(...[frame?.root, ...below].filter(Boolean));
    frame?.draw(width);
  };
  draw();
}

function linePanel(view, data, panel, width, of) {
  const off = hidden(`${panel.id} ${data.target.target}`, panel.lines.flatMap((item, index) => item.hidden ? [index] : []));
  const { root, body } = card(panel.title, of);
  const answer = panel.as === 'rate' ? data.rates : data.values;
  fill(body, width, draw => {
    const items = panel.lines.map((item, index) => columnsOf(answer, { ...item, hidden: off.has(index), index }, panel.as)).filter(item => item && item.found);
    if (!items.some(item => item.means.some(value => value !== null))) {
      const isTimeless = panel.id === 'durations' && data.scrapes.succeeded + data.scrapes.failed > 0;
      return { below: [html('p', { class: 'empty' }, isTimeless ? 'how long they took was not recorded' : 'nothing recorded in this range'), isTimeless ? scrapeNotes(view, data) : null] };
    }
    const marks = panel.id === 'durations' ? { ...data.marks, drawFailures: true } : data.marks;
    const frame = lineFrame(view, answer, items, { ...panel, isRate: panel.as === 'rate', marks, interval: data.interval, label: `${panel.title} of ${data.target.target}` });
    const toggle = place => { const { index } = items[place]; if (off.has(index)) off.delete(index); else off.add(index); draw(); };
    const below = [items.length > 1 ? legend(items, toggle) : null];
    if (panel.id === 'durations') below.push(scrapeNotes(view, data));
    return { frame, below };
  });
  return root;
}

function scrapeNotes(view, data) {
  const { succeeded, failed, reasons, holes, usual_ms: usual } = data.scrapes;
  const box = html('div', { class: 'note' }, `${format.plain(succeeded)} scrapes, ${failed ? `${failed} failed` : 'none failed'}${usual ? `, every ${format.duration(usual)}` : ''}${holes.length ? `, ${holes.length} ${holes.length === 1 ? 'gap' : 'gaps'}` : ''}`);
  if (reasons.length) box.append(html('table', { class: 'reasons' }, html('tbody', {}, ...reasons.slice(0, 5).map(({ reason, count }) => html('tr', {}, html('td', {}, reason), html('td', {}, String(count)))))));
  return box;
}

function pausePanels(view, data, width, of) {
  const off = hidden(`pauses ${data.target.target}`);
  const { summary, missed } = data.pauses;
  const pauses = card('GC pauses', of);
  fill(pauses.body, width, draw => {
    // Where all were missed there is no pause to draw.
    if (!summary.count) return { below: [html('p', { class: 'empty' }, missed.length ? `${summary.missed} collections, all missed: none of them has a pause of its own` : 'no collection ended in this range, by the clock of the target')] };
    const toggle = index => { if (off.has(index)) off.delete(index); else off.add(index); draw(); };
    const note = html('div', { class: 'note' }, `${summary.count} seen: p50 ${format.text(summary.p50, 'ns')}, p90 ${format.text(summary.p90, 'ns')}, p99 ${format.text(summary.p99, 'ns')}, longest ${format.text(summary.max, 'ns')}. ${summary.missed ? `▲ ${summary.missed} missed, ${format.text(summary.missed_ns, 'ns')} in all.` : 'None missed.'}`);
    return { frame: pauseFrame(view, data.pauses, data.marks, off), below: [legend(pauseLegend(off), toggle), note] };
  });
  const buckets = card('How long the pauses were', of);
  buckets.body.append(summary.count ? histogram(data.pauses, width) : html('p', { class: 'empty' }, 'no collection ended in this range, by the clock of the target'));
  return [pauses.root, buckets.root];
}

function heatPanel(view, data, width, of) {
  const { root, body } = card('Live bytes by size class', of);
  fill(body, width, () => {
    const { frame, key, isEmpty } = heatFrame(view, data.sizes, data.marks);
    return isEmpty ? { below: [html('p', { class: 'empty' }, 'no size classes recorded in this range')] } : { frame, below: [key] };
  });
  return root;
}

function tile(name, value, unit, isRate, { below = '', glyph = '', mark = '' } = {}) {
  const words = format.text(value, unit, isRate).split(' ');
  return html('div', {}, html('div', { class: 'k' }, name), html('div', { class: `v ${mark}` }, words[0], html('small', {}, words.slice(1).join(' ') + glyph)), below ? html('div', { class: 'k' }, below) : null);
}

// The heading of a target, with the numbers that one looks for first.
export function about(view, data, now) {
  const { target, values, rates, pauses } = data;
  const value = series => values.series.find(one => one.series === `memstats.${series}`);
  const rate = series => rates.series.find(one => one.series === `memstats.${series}`)?.rate ?? null;
  const heap = value('HeapInuse');
  const age = now - target.last;
  const isOld = age > Math.max(60000, 4 * data.interval), isFailing = target.failed === target.last;
  const restarts = data.marks.restarts.filter(t => t >= view.since && t < view.until).length;
  const state = report ? null : isFailing ? ['down', 'bad'] : isOld ? ['not recording', 'old'] : ['up', ''];
  const facts = [
    target.url, ...target.doubts, target.limited ? 'has more series than are kept' : null,
    state && isFailing ? `last failure: ${target.failure}` : null].filter(Boolean).join(' · ');
  return html('section', { class: 'about', 'aria-label': target.target },
    html('h2', {}, target.target, state && html('span', { class: `state ${state[1]}` }, state[0])), html('div', { class: 'url' }, facts),
    html('div', { class: 'tiles' },
      report ? null : html('div', {}, html('div', { class: 'k' }, 'last scrape'), html('div', { class: 'v' }, age < 864e5 ? format.duration(Math.max(0, Math.round(age / 1000) * 1000)) : format.moment(target.last, view.utc).slice(0, 10), html('small', {}, age < 864e5 ? 'ago' : ''))),
      !heap ? null : tile('heap in use', heap?.last ?? null, 'B', false, { below: heap && heap.first !== null ? `from ${format.bytes(heap.first)}` : '' }), ...!heap ? [] : [tile('allocated', rate('TotalAlloc'), 'B', true), tile('collections', rate('NumGC'), null, true),
      tile('pause p99', pauses.summary.p99, 'ns'), tile('longest pause', pauses.summary.max, 'ns')], tile('restarts', restarts, null, false, restarts ? { glyph: '▼', mark: 'restarted' } : {}), tile('failed scrapes', data.scrapes.failed, null, false, data.scrapes.failed ? { mark: 'failed' } : {})));
}

// All panels of all targets: the same panel of several side by side.
export function panels(view, all, width) {
  const named = data => all.length > 1 ? data.target.target : '';
  const rows = [];
  // A program without memstats has nothing for most of them, and a card that says so ten times says nothing.
  const has = test => all.some(data => [...data.names.keys()].some(test));
  const lines = id => {
    const panel = LINES.find(panel => panel.id === id), series = panel.lines.map(item => item.series);
    if (has(name => series.includes(name))) for (const data of all) rows.push(linePanel(view, data, panel, width, named(data)));
  };
  ['heap', 'memory', 'allocation', 'objects', 'live', 'collections'].forEach(lines);
  if (has(name => name === 'memstats.NumGC')) {
    const pairs = all.map(data => pausePanels(view, data, width, named(data)));
    rows.push(...pairs.map(pair => pair[0]), ...pairs.map(pair => pair[1]));
  }
  lines('cpu');
  if (has(name => name.startsWith('memstats.BySize.'))) for (const data of all) rows.push(heatPanel(view, data, width, named(data)));
  lines('durations');
  return rows;
}

// A chosen variable of a target, as value or rate.
export async function chosenCard(view, data, item, width, { change, remove }) {
  const known = data.names.get(item.series);
  const hasRate = !known?.kind || known.kind === 'counter';
  const as = item.as === 'rate' && hasRate ? 'rate' : 'values';
  const choice = (name, value) => html('button', { type: 'button', 'aria-pressed': String((value === 'rate') === (as === 'rate')), onclick: () => change(value) }, name);
  const tools = [choice('value', 'value'), hasRate ? choice('rate', 'rate') : null, html('button', { type: 'button', 'aria-label': 'Remove', onclick: remove }, '×')].filter(Boolean);
  const { root, body } = card(item.series, data.target.target, tools);
  try {
    const answer = await ask(as, { ...data.grid, series: item.series });
    const found = columnsOf(answer, { series: item.series, name: item.series, color: 0, isFilled: as === 'rate' }, as);
    const isEmpty = !found.means.some(value => value !== null);
    const summary = as === 'rate'
      ? `${format.text(found.found.rate, found.unit, true)} on average, ${found.found.resets} resets`
      : `${format.text(found.found.min, found.unit)} … ${format.text(found.found.max, found.unit)}, last ${format.text(found.found.last, found.unit)}`;
    fill(body, width, () => isEmpty ? { below: [html('p', { class: 'empty' }, 'nothing recorded in this range')] } : {
      frame: lineFrame(view, answer, [found], { isRate: as === 'rate', unit: found.unit, marks: data.marks, interval: data.interval, label: `${item.series} of ${data.target.target}`, height: 160, fromZero: as === 'rate' }),
      below: [html('div', { class: 'note' }, summary)],
    });
  } catch (error) {
    body.replaceChildren(html('p', { class: 'empty' }, error.message));
  }
  return root;
}
