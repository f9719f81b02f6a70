// Made by scripts/embed-assets from Assets/changes.js: change that file, and run the script.

extension Asset {
    /// The text of Assets/changes.js.
    static var changesJS: String { embedded_changesJS }
}

// swift-format-ignore
private let embedded_changesJS = #"""
// What changed most between two ranges, ranked.
import * as format from './format.js';
import { html } from './chart.js';
import { ask, report } from './view.js';

// A report holds those of its whole range.
function comparisons(shown, target) {
  const view = report || shown;
  const span = view.until - view.since, middle = (view.since + view.until) / 2;
  const list = [
    // With nothing recorded before the range, all of it would be new.
    ...(target.first < view.since ? [['The range before → this range', [view.since - span, view.since], [view.since, view.until]]] : []),
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

export function rank(view, target, index, into) {
  return compare(view, target, ...comparisons(view, target)[index], into);
}

async function compare(view, target, title, before, after, into) {
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

// What was typed stays through refreshes.
const typed = { isOpen: false, words: ['', '', '', ''] };

export function comparisonButtons(view, targets, into) {
  const buttons = targets.flatMap(target => comparisons(view, target).map(([title], index) => html('button', {
    type: 'button', onclick: () => rank(view, target, index, into),
  }, targets.length > 1 ? `${target.target}: ${title}` : title)));
  const box = document.getElementById('compare');
  if (box.contains(document.activeElement) && document.activeElement.tagName === 'INPUT') return;
  box.replaceChildren(...buttons, ...(report ? [] : [typedRanges(view, targets, into)]));
}

// Any two ranges, typed as in the bar above.
function typedRanges(view, targets, into) {
  const fill = () => {
    const middle = (view.since + view.until) / 2;
    return [view.since, middle, middle, view.until].map(t => format.moment(Math.round(t), view.utc).slice(0, 19));
  };
  const shown = fill();
  const names = ['Before, from', 'Before, to', 'After, from', 'After, to'];
  const inputs = names.map((name, index) => html('input', { 'aria-label': name, size: 19, spellcheck: 'false', autocomplete: 'off', oninput: event => { typed.words[index] = event.target.value; } }));
  inputs.forEach((input, index) => { input.value = typed.words[index] || shown[index]; });
  const note = html('span', { class: 'note', role: 'status' });
  const form = html('form', { class: 'ranges', 'aria-label': 'Two ranges to compare', onsubmit: event => {
    event.preventDefault();
    const times = inputs.map(input => format.readMoment(input.value, view.utc, Date.now()));
    const bad = times.map((t, index) => t === null || times[index ^ 1] === null ? t === null : times[index & 2] >= times[index | 1]);
    inputs.forEach((input, index) => input.classList.toggle('wrong', bad[index]));
    note.textContent = bad.some(Boolean) ? 'That is no range: write 2026-01-02 03:04:05, or 6h and now, the earlier first.' : '';
    if (bad.some(Boolean)) return;
    const target = targets[Number(form.querySelector('select')?.value || 0)];
    compare(view, target, 'As typed', times.slice(0, 2), times.slice(2), into);
  } },
  targets.length > 1 ? html('select', { 'aria-label': 'Target' }, ...targets.map((target, index) => html('option', { value: index }, target.target))) : null,
  html('span', {}, 'Before', inputs[0], '–', inputs[1]), html('span', {}, 'After', inputs[2], '–', inputs[3]),
  html('button', { type: 'submit' }, 'Compare'), note);
  return html('details', { class: 'typed', ...(typed.isOpen ? { open: '' } : {}), ontoggle: event => { typed.isOpen = event.target.open; } },
    html('summary', {}, 'Other ranges…'), form);
}

"""#
