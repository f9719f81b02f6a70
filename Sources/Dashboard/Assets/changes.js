// What changed most between two ranges, ranked.
import * as format from './format.js';
import { html } from './chart.js';
import { ask } from './view.js';

function comparisons(view, target) {
  const span = view.until - view.since, middle = (view.since + view.until) / 2;
  const list = [
    ['The range before → this range', [view.since - span, view.since], [view.since, view.until]],
    ['First half → second half', [view.since, middle], [middle, view.until]],
  ];
  const restart = target.runs.slice(1).map(run => run.first).filter(t => t > view.since && t < view.until).pop();
  if (restart) list.unshift(['Before → after the last restart', [view.since, restart], [restart, view.until]]);
  return list;
}

function row(change) {
  const isRate = change.measure === 'rate', unit = change.series === 'memstats.GCCPUFraction' ? 'share' : change.unit;
  const isUp = change.before === null || (change.after !== null && change.after > change.before);
  const times = change.before && change.after ? change.after / change.before : null;
  const factor = times === null ? (change.before === null ? 'new' : change.after === null ? 'gone' : change.before === 0 ? 'from 0' : 'to 0') : times >= 2 || times <= -2 ? `×${format.plain(times)}` : `${times >= 1 ? '+' : ''}${format.plain((times - 1) * 100)} %`;
  return html('tr', {},
    html('td', { class: 'name' }, change.measure === 'pause' ? `GC pause ${change.series}` : change.series),
    html('td', { class: 'note' }, change.measure === 'pause' ? '' : change.measure),
    html('td', { class: 'n' }, format.text(change.before, unit, isRate)),
    html('td', { class: 'n' }, format.text(change.after, unit, isRate)),
    html('td', { class: `n ${isUp ? 'up' : 'down'}` }, `${isUp ? '▲' : '▼'} ${factor}`),
    html('td', {}, html('meter', { min: 0, max: 1, value: change.weight, 'aria-label': `weight ${format.percent(change.weight)}` })));
}

export async function rank(view, target, index, into) {
  const [title, before, after] = comparisons(view, target)[index];
  into.replaceChildren(html('p', { class: 'note' }, 'comparing…'));
  try {
    const answer = await ask('changes', {
      target: target.target, since: Math.round(before[0]), until: Math.round(before[1]), since2: Math.round(after[0]), until2: Math.round(after[1]),
    });
    const span = range => range.map(t => format.moment(Math.round(t), view.utc).slice(0, 19)).join(' – ');
    const rows = answer.changes.slice(0, 40).map(row);
    const heads = ['Series', 'by', 'Before', 'After', 'Change', ''].map((text, place) => html('th', { class: place >= 2 && place <= 4 ? 'n' : '' }, text));
    into.replaceChildren(
      html('p', { class: 'note' }, `${target.target}: ${title}. Before: ${span(before)}. After: ${span(after)}.`),
      rows.length ? html('table', {}, html('thead', {}, html('tr', {}, ...heads)), html('tbody', {}, ...rows)) : html('p', { class: 'empty' }, 'Nothing changed, or one of the ranges is empty.'));
  } catch (error) {
    into.replaceChildren(html('p', { class: 'note' }, error.message));
  }
}

export function comparisonButtons(view, targets, into) {
  const buttons = targets.flatMap(target => comparisons(view, target).map(([title], index) => html('button', {
    type: 'button', onclick: () => rank(view, target, index, into),
  }, targets.length > 1 ? `${target.target}: ${title}` : title)));
  document.getElementById('compare').replaceChildren(...buttons);
}
