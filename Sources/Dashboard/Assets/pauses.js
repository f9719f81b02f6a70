// The pictures that are no lines: pauses as dots, their histogram, the heat map of size classes.
import * as format from './format.js';
import { Frame, html, pieces, svg } from './chart.js';

const LINES = [['p50', 3, 2], ['p90', 4, 4], ['p99', 5, 1], ['max', 6, 7]];

export function pauseFrame(view, answer, marks, hidden) {
  const { ends, pauses, points, missed } = answer;
  const summary = answer.summary;
  const low = Math.max(1, (summary.min ?? 1000) * 0.7), high = Math.max(low * 10, (summary.max ?? 1e6) * 1.6);
  const lines = LINES.filter((line, index) => !hidden.has(index + 1));
  return new Frame(view, {
    label: `Pauses: ${summary.count} collections, p99 ${format.text(summary.p99, 'ns')}, longest ${format.text(summary.max, 'ns')}, ${summary.missed} missed`,
    low, high, unit: 'ns', isLog: true, marks, height: 240,
    paint(layer, x, y, plot) {
      if (!hidden.has(0)) {
        // One path for all dots: thousands of circles are slow to lay out.
        const dots = ends.map((end, index) => `M${x(end).toFixed(1)} ${(y(pauses[index]) - 1.8).toFixed(1)}a1.8 1.8 0 1 0 .01 0z`);
        layer.append(svg('path', { class: 'dot c0', d: dots.join('') }));
      }
      for (const [, column, color] of lines) {
        const path = points.map((point, index) => {
          const at = x(answer.start + (point[0] + 0.5) * answer.step);
          const isApart = index === 0 || point[0] - points[index - 1][0] > Math.max(3, 30000 / answer.step) * 6;
          return point[column] === null ? '' : `${isApart ? 'M' : 'L'}${at.toFixed(1)} ${y(point[column]).toFixed(1)}`;
        }).join('');
        if (/^M/.test(path)) layer.append(svg('path', { class: `line thin c${color}`, d: path }));
      }
      if (!hidden.has(0) && ends.length) longest(layer, x, y, plot, answer);
      for (const [t] of missed) layer.append(svg('path', { class: 'missed', d: `M${x(t) - 4} ${plot.bottom}h8l-4 -7z` }));
    },
    rows(t) {
      const rows = [];
      const reach = (view.until - view.since) / 100;
      let best = -1;
      ends.forEach((end, index) => { if (Math.abs(end - t) < reach && (best < 0 || Math.abs(end - t) < Math.abs(ends[best] - t))) best = index; });
      if (best >= 0) rows.push({ name: format.moment(ends[best], view.utc).slice(11), color: 0, values: [format.text(pauses[best], 'ns')] });
      const point = points.find(candidate => t >= answer.start + candidate[0] * answer.step && t < answer.start + (candidate[0] + 1) * answer.step);
      if (point) {
        for (const [name, column, color] of LINES) if (point[column] !== null) rows.push({ name, color, values: [format.text(point[column], 'ns')] });
        rows.push({ name: 'collections', values: [String(point[1])] });
        if (point[2]) rows.push({ name: 'missed', values: [String(point[2])] });
      }
      return rows;
    },
  });
}

// The longest pause by its name: one dot among thousands is easily missed.
function longest(layer, x, y, plot, { ends, pauses }) {
  const index = pauses.reduce((best, pause, place) => pause > pauses[best] ? place : best, 0);
  const at = x(ends[index]), top = y(pauses[index]), isLeft = at > (plot.left + plot.right) / 2;
  layer.append(svg('circle', { class: 'mark c4', cx: at.toFixed(1), cy: top.toFixed(1), r: 4 }),
    svg('text', { class: 'name', x: (at + (isLeft ? -8 : 8)).toFixed(1), y: (top + 4).toFixed(1), 'text-anchor': isLeft ? 'end' : 'start' }, format.text(pauses[index], 'ns')));
}

export const pauseLegend = hidden => [{ name: 'one pause', color: 0 }, ...LINES.map(([name, , color]) => ({ name, color }))].map((item, index) => ({ ...item, hidden: hidden.has(index) }));

// How many pauses were how long. No frame of time, so it draws itself.
export function histogram(answer, width) {
  const height = 210, left = 46, bottom = height - 34, top = 14;
  const buckets = answer.buckets;
  const most = Math.max(1, ...buckets.map(bucket => bucket[2]));
  const root = svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, height, role: 'img', 'aria-label': `Histogram of ${answer.summary.count} pauses` });
  const room = (width - left - 10) / Math.max(1, buckets.length);
  for (const value of format.valueTicks(0, most, 4, '')) {
    const y = Math.round(bottom - value / most * (bottom - top)) + 0.5;
    root.append(svg('line', { class: 'gridline', x1: left, x2: width - 10, y1: y, y2: y }), svg('text', { x: left - 6, y: y + 3.5, 'text-anchor': 'end' }, format.plain(value)));
  }
  const every = Math.max(1, Math.ceil(50 / room));
  buckets.forEach(([from, below, count], index) => {
    const size = count / most * (bottom - top), x = left + index * room;
    // A single long pause is one bar of one: it must be seen.
    const bar = svg('rect', { class: 'bar', x: x + 1, width: Math.max(1, Math.min(room - 2, 90)), y: bottom - Math.max(size, count ? 2 : 0), height: Math.max(size, count ? 2 : 0), rx: 1.5 });
    bar.append(svg('title', {}, `${format.text(from, 'ns')} up to ${format.text(below, 'ns')}: ${count}`));
    root.append(bar);
    if (count && room > 26) root.append(svg('text', { x: x + Math.min(room, 92) / 2, y: bottom - size - 4, 'text-anchor': 'middle' }, format.plain(count)));
    // The last word ends at the edge, or it would be cut there.
    const isCut = x + 46 > width;
    if (index % every === 0) root.append(svg('text', { x: isCut ? width - 1 : x + 1, y: bottom + 14, 'text-anchor': isCut ? 'end' : 'start' }, format.text(from, 'ns')));
  });
  root.append(svg('line', { class: 'axis', x1: left, x2: width - 10, y1: bottom + 0.5, y2: bottom + 0.5 }));
  return root;
}

export function heatFrame(view, answer, marks) {
  const classes = answer.classes.filter(row => row.live.some(value => value > 0));
  const most = Math.max(1, ...classes.map(row => row.live.reduce((a, b) => Math.max(a, b ?? 0), 0)));
  // Logarithmic over four powers of ten, or the largest class would be all there is to see.
  const level = value => value <= 0 ? 0 : Math.max(0, Math.min(4, Math.round(4 + Math.log10(value / most) * 1.25)));
  const labelled = Math.max(1, Math.ceil(classes.length / 12));
  const frame = new Frame(view, {
    label: `Live bytes in ${classes.length} size classes, at most ${format.bytes(most)}`,
    low: 0, high: classes.length || 1, marks, height: Math.max(190, Math.min(340, classes.length * 7 + 40)),
    yTicks: classes.flatMap((row, index) => index % labelled ? [] : [[index + 0.5, format.bytes(row.size)]]),
    paint(layer, x, y) {
      const paths = ['', '', '', '', ''];
      classes.forEach((row, index) => {
        const top = y(index + 1), height = y(index) - top;
        let start = -1, now = -1;
        const flush = end => {
          if (now < 0) return;
          const left = x(answer.start + start * answer.step), right = x(answer.start + end * answer.step);
          paths[now] += `M${left.toFixed(1)} ${top.toFixed(1)}H${right.toFixed(1)}v${height.toFixed(1)}H${left.toFixed(1)}z`;
        };
        row.live.forEach((value, column) => {
          const next = value === null ? -1 : level(value);
          if (next !== now) { flush(column); start = column; now = next; }
        });
        flush(row.live.length);
      });
      paths.forEach((d, index) => { if (d) layer.append(svg('path', { class: `h${index}`, d })); });
    },
    rows(t, at) {
      const column = Math.floor((t - answer.start) / answer.step);
      const rows = classes.map(row => ({ size: row.size, live: row.live[column] ?? null })).filter(row => row.live !== null);
      const total = rows.reduce((sum, row) => sum + row.live, 0);
      const out = [...rows].sort((a, b) => b.live - a.live).slice(0, 6).map(row => ({ name: format.bytes(row.size), values: [format.bytes(row.live)] }));
      const under = at === null || !frame.plot ? null : classes[Math.floor((frame.plot.bottom - at) / (frame.plot.bottom - frame.plot.top) * classes.length)];
      if (under && under.live[column] !== null && under.live[column] !== undefined) out.unshift({ name: `▸ ${format.bytes(under.size)}`, values: [format.bytes(under.live[column])] });
      if (rows.length) out.push({ name: 'all classes', values: [format.bytes(total)] });
      return out;
    },
  });
  const scale = svg('svg', { viewBox: '0 0 110 10', 'aria-hidden': 'true' }, ...[0, 1, 2, 3, 4].map(index => svg('rect', { class: `h${index}`, x: index * 22, width: 22, height: 10 })));
  const key = html('div', { class: 'legend' }, html('span', { class: 'key' }, 'less', scale, `up to ${format.bytes(most)}`));
  return { frame, key, isEmpty: classes.length === 0 };
}
