// A frame of time: axes, marks through all charts, hover, drag to zoom, keyboard. What is painted in it is the caller's.
// Names of targets, series and reasons reach the page through textContent alone.
import * as format from './format.js';

const SPACE = 'http://www.w3.org/2000/svg';

// Text as it may be shown: control characters and bidi marks, which could make a name look like another, are spelled out.
const visible = child => typeof child === 'string'
  ? child.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, mark => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
  : child;

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map(visible));
  return element;
}

export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null).map(visible));
  return element;
}

// All frames on the page, so that the cross shows the same moment in each.
const frames = new Set();
const tip = () => document.getElementById('tip');

// Those within `root` are about to go. What is not on the page yet stays: panels are made one by one, and put there together.
export function forgetFrames(root) {
  for (const frame of frames) if (root.contains(frame.root)) frames.delete(frame);
}

// All that were to be put on the page are there: others never will be.
export function forgetLostFrames() {
  for (const frame of frames) if (!frame.root.isConnected) frames.delete(frame);
}

export function hideTip() {
  tip().hidden = true;
  for (const frame of frames) frame.showCross(null);
}

// Half of a sheet's width, in pixels of 1/96 inch: on paper, charts are drawn for it, so that their words stay legible.
const PAPER = 340;

// Draws all frames for paper, and back again as they were.
export function printFrames(isPaper) {
  for (const frame of frames) {
    if (isPaper && frame.screenWidth === undefined) frame.screenWidth = frame.width;
    const width = isPaper ? PAPER : frame.screenWidth;
    if (!isPaper) delete frame.screenWidth;
    if (width) frame.draw(width);
  }
}

function showTip(x, y, when, rows) {
  const box = tip();
  const table = html('table');
  for (const row of rows) {
    const name = html('td');
    if (row.color !== undefined) name.append(html('i', { class: `c${row.color}` }));
    name.append(visible(row.name));
    table.append(html('tr', {}, name, ...row.values.map(value => html('td', {}, value))));
  }
  box.replaceChildren(html('div', { class: 'when' }, when), table);
  box.hidden = false;
  const size = box.getBoundingClientRect();
  const left = x + 16 + size.width > innerWidth ? Math.max(4, x - size.width - 16) : x + 16;
  box.style.transform = `translate(${left}px, ${Math.max(4, Math.min(y + 12, innerHeight - size.height - 4))}px)`;
}

const LEFT = 58, RIGHT = 10, TOP = 8, BOTTOM = 20;

// How many pixels across the plot of a frame has in a card of that width.
export const plotWidth = width => Math.max(60, Math.floor(width - LEFT - RIGHT));

export class Frame {
  // spec: {label, height, low, high, unit, isRate, isLog, marks, paint(layer, x, y, plot), rows(t), stops}
  constructor(view, spec) {
    this.view = view;
    this.spec = spec;
    this.root = svg('svg', { class: 'chart', tabindex: 0, role: 'img', 'aria-label': spec.label });
    this.watch();
    frames.add(this);
  }

  draw(width) {
    const { spec, view } = this;
    const height = spec.height || 190;
    this.width = width;
    this.plot = { left: LEFT, right: width - RIGHT, top: TOP, bottom: height - BOTTOM };
    this.x = t => LEFT + (t - view.since) / (view.until - view.since) * (width - RIGHT - LEFT);
    let { low, high } = spec;
    if (!(high > low)) high = low + (Math.abs(low) || 1);
    const scale = spec.isLog ? value => Math.log(Math.max(value, low)) : value => value;
    this.y = value => this.plot.bottom - (scale(value) - scale(low)) / (scale(high) - scale(low)) * (this.plot.bottom - TOP);
    this.root.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.root.setAttribute('height', height);
    this.cross = svg('line', { class: 'cross', y1: TOP, y2: this.plot.bottom, visibility: 'hidden' });
    this.selection = svg('rect', { class: 'select', y: TOP, height: this.plot.bottom - TOP, visibility: 'hidden' });
    const clip = `clip${Frame.count = (Frame.count || 0) + 1}`;
    const layer = svg('g', { 'clip-path': `url(#${clip})` });
    this.root.replaceChildren(
      svg('defs', {}, svg('clipPath', { id: clip }, svg('rect', { x: LEFT, y: 0, width: Math.max(1, width - LEFT - RIGHT), height }))),
      this.grid(low, high), this.holes(layer), layer, this.marks(), this.selection, this.cross);
    spec.paint(layer, this.x, this.y, this.plot);
  }

  grid(low, high) {
    const { spec, plot, view } = this;
    const group = svg('g');
    const values = spec.yTicks || (spec.isLog ? decades(low, high) : format.valueTicks(low, high, 4, spec.unit).map(value => [value, null]));
    for (const [value, label] of values) {
      const y = Math.round(this.y(value)) + 0.5;
      group.append(svg('line', { class: 'gridline', x1: plot.left, x2: plot.right, y1: y, y2: y }));
      group.append(svg('text', { x: plot.left - 6, y: y + 3.5, 'text-anchor': 'end' }, label ?? format.text(value, spec.unit, spec.isRate)));
    }
    const count = Math.max(2, Math.floor((plot.right - plot.left) / 76));
    for (const [t, label] of format.timeTicks(view.since, view.until, count, view.utc)) {
      const x = Math.round(this.x(t)) + 0.5;
      group.append(svg('line', { class: 'gridline', x1: x, x2: x, y1: plot.top, y2: plot.bottom }));
      if (x > plot.left + 12 && x < plot.right - 12) group.append(svg('text', { x, y: plot.bottom + 14, 'text-anchor': 'middle' }, label));
    }
    group.append(svg('line', { class: 'axis', x1: plot.left, x2: plot.right, y1: plot.bottom + 0.5, y2: plot.bottom + 0.5 }));
    return group;
  }

  // Where nothing was scraped.
  holes() {
    const group = svg('g');
    for (const [since, until] of this.spec.marks?.holes || []) {
      const left = Math.max(this.plot.left, this.x(since)), right = Math.min(this.plot.right, this.x(until));
      if (right > left) group.append(svg('rect', { class: 'hole', x: left, width: right - left, y: TOP, height: this.plot.bottom - TOP }));
    }
    return group;
  }

  // Restarts and clock steps, through all charts.
  marks() {
    const group = svg('g');
    const { plot } = this;
    const lines = (times, name) => {
      let last = -9;
      for (const t of times) {
        const x = this.x(t);
        // Closer than two pixels are one line.
        if (x < plot.left || x > plot.right || x - last < 2) continue;
        last = x;
        group.append(svg('line', { class: name, x1: x, x2: x, y1: plot.top, y2: plot.bottom }));
        if (name === 'restart') group.append(svg('path', { class: 'restart-cap', d: `M${x - 4} ${plot.top - 6}h8l-4 6z` }));
      }
    };
    lines(this.spec.marks?.restarts || [], 'restart');
    lines(this.spec.marks?.steps || [], 'step');
    return group;
  }

  showCross(t) {
    if (!this.cross) return;
    if (t === null || t < this.view.since || t > this.view.until) return this.cross.setAttribute('visibility', 'hidden');
    const x = this.x(t);
    this.cross.setAttribute('x1', x);
    this.cross.setAttribute('x2', x);
    this.cross.setAttribute('visibility', 'visible');
  }

  // How far across the plot a place on the screen is: 0 at its left edge, 1 at its right one.
  shareAt(clientX) {
    const box = this.root.getBoundingClientRect();
    return ((clientX - box.left) * this.width / box.width - LEFT) / (this.width - LEFT - RIGHT);
  }

  timeAt(clientX) {
    return this.view.since + Math.min(1, Math.max(0, this.shareAt(clientX))) * (this.view.until - this.view.since);
  }

  point(t, clientX, clientY) {
    this.moment = t;
    for (const frame of frames) frame.showCross(t);
    const near = (this.view.until - this.view.since) / (this.plot.right - this.plot.left) * 4;
    const rows = this.spec.rows(t, clientY === null ? null : this.yAt(clientY));
    for (const restart of this.spec.marks?.restarts || []) if (Math.abs(restart - t) < near) rows.push({ name: '▼ restart', values: [format.moment(restart, this.view.utc)] });
    for (const failure of this.spec.marks?.failures || []) if (Math.abs(failure.t - t) < near) { rows.push({ name: 'failed', values: [failure.reason.slice(0, 60)] }); break; }
    if ((this.spec.marks?.holes || []).some(([since, until]) => since < t && t < until)) rows.push({ name: 'nothing was scraped', values: [''] });
    const box = this.root.getBoundingClientRect();
    showTip(clientX ?? box.left + this.x(t), clientY ?? box.top + 20, format.moment(Math.round(t), this.view.utc), rows);
  }

  yAt(clientY) {
    const box = this.root.getBoundingClientRect();
    return (clientY - box.top) * (this.spec.height || 190) / box.height;
  }

  watch() {
    const { root, view } = this;
    let start = null;
    // Fingers on the chart: where each is, and the moment that it holds.
    const fingers = new Map();
    const select = (a, b) => {
      const [from, to] = [a, b].sort((x, y) => x - y).map(this.x);
      this.selection.setAttribute('x', Math.max(this.plot.left, from));
      this.selection.setAttribute('width', Math.max(0, Math.min(this.plot.right, to) - Math.max(this.plot.left, from)));
      this.selection.setAttribute('visibility', 'visible');
    };
    const unselect = () => this.selection.setAttribute('visibility', 'hidden');
    // The range that has each of two fingers at the moment that it was put down on.
    const pinched = () => {
      const [a, b] = [...fingers.values()].sort((x, y) => x.t - y.t);
      const [from, to] = [this.shareAt(a.x), this.shareAt(b.x)];
      if (b.t === a.t || to - from < 0.02) return null;
      const span = (b.t - a.t) / (to - from), since = a.t - from * span;
      return [since, since + span];
    };
    root.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      if (event.pointerType === 'touch') {
        fingers.set(event.pointerId, { x: event.clientX, t: this.timeAt(event.clientX) });
        start = fingers.size === 1 ? event.clientX : null;
        if (fingers.size > 1) hideTip();
        unselect();
        return;
      }
      start = event.clientX;
      root.setPointerCapture(event.pointerId);
    });
    root.addEventListener('pointermove', event => {
      const finger = fingers.get(event.pointerId);
      if (finger) finger.x = event.clientX;
      if (fingers.size > 1) {
        const range = fingers.size === 2 && pinched();
        if (range && range[1] - range[0] < view.until - view.since) select(...range);
        else unselect();
        return;
      }
      const t = this.timeAt(event.clientX);
      this.point(t, event.clientX, event.clientY);
      if (start !== null && Math.abs(event.clientX - start) > (finger ? 24 : 0)) select(this.timeAt(start), t);
    });
    const end = (event, isDone) => {
      const from = start, range = isDone && fingers.size === 2 ? pinched() : null;
      const isFinger = fingers.delete(event.pointerId);
      start = null;
      unselect();
      if (range) { fingers.clear(); return view.zoom(...range); }
      // A tap shows values; a finger is not as exact as a mouse.
      if (!isDone || from === null || Math.abs(event.clientX - from) < (isFinger ? 24 : 6)) return undefined;
      return view.zoom(...[this.timeAt(from), this.timeAt(event.clientX)].sort((a, b) => a - b));
    };
    root.addEventListener('pointerup', event => end(event, true));
    // The browser scrolls instead.
    root.addEventListener('pointercancel', event => end(event, false));
    root.addEventListener('pointerleave', event => { if (start === null && event.pointerType !== 'touch') hideTip(); });
    root.addEventListener('blur', hideTip);
    root.addEventListener('keydown', event => {
      const span = view.until - view.since;
      const now = this.moment >= view.since && this.moment <= view.until ? this.moment : view.since + span / 2;
      const pixel = span / (this.plot.right - this.plot.left);
      const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -40, PageDown: 40 }[event.key];
      if (move) this.point(Math.min(view.until, Math.max(view.since, now + move * pixel * (event.shiftKey ? 20 : 2))), null, null);
      else if (event.key === 'Enter' || event.key === '+') view.zoom(now - span / 4, now + span / 4);
      else if (event.key === 'Escape') hideTip();
      else return;
      event.preventDefault();
    });
  }
}

// 1, 2, 5 per power of ten, thinned to what fits.
function decades(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) all.push(10 ** power);
  const ticks = all.filter(value => value >= low * 0.999 && value <= high * 1.001);
  return (ticks.length >= 2 ? ticks : all.flatMap(value => [value, 2 * value, 5 * value]).filter(value => value >= low * 0.999 && value <= high * 1.001)).map(value => [value, null]);
}

// The pieces of a column in which points are near enough to be joined.
export function pieces(column, grid, reach) {
  const out = [];
  let last = -Infinity;
  column.forEach((value, index) => {
    if (value === null) return;
    if ((index - last) * grid.step > reach) out.push([]);
    out[out.length - 1].push(index);
    last = index;
  });
  return out;
}

export function legend(items, toggle) {
  const box = html('div', { class: 'legend' });
  items.forEach((item, index) => {
    const button = html('button', {
      type: 'button', class: `c${item.color}`, 'aria-pressed': String(!item.hidden), title: item.title || 'Show or hide',
      onclick: () => toggle(index),
    }, html('i'), item.name);
    box.append(button);
  });
  return box;
}
