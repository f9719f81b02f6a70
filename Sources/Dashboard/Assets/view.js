// What is looked at: targets, range, zone, chosen variables. The address holds it all, behind its #.

// A report is this page in one file: it holds the answers instead of a server.
const embedded = document.getElementById('answers');
export const report = embedded ? JSON.parse(embedded.textContent) : null;

export const PRESETS = [['15m', 9e5], ['1h', 36e5], ['6h', 216e5], ['24h', 864e5], ['7d', 6048e5], ['30d', 2592e6], ['all', 0]];

export class View {
  constructor(changed) {
    this.changed = changed;
    this.targets = [];
    this.preset = null;
    this.since = 0;
    this.until = 0;
    this.utc = false;
    this.live = null;
    this.chosen = [];
    this.read();
    addEventListener('popstate', () => { this.read(); this.changed(); });
    addEventListener('hashchange', () => { this.read(); this.changed(); });
  }

  read() {
    const parameters = new URLSearchParams(location.hash.slice(1));
    this.targets = parameters.getAll('target');
    this.preset = PRESETS.some(([name]) => name === parameters.get('range')) ? parameters.get('range') : null;
    const since = Number(parameters.get('since')), until = Number(parameters.get('until'));
    this.isAsked = Boolean(this.preset) || until > since;
    if (until > since && !this.preset) { this.since = since; this.until = until; }
    this.utc = parameters.get('zone') === 'utc';
    this.live = parameters.has('live') ? parameters.get('live') === '1' : null;
    this.chosen = parameters.has('vars') ? parameters.getAll('vars').filter(Boolean).map(word => ({ as: word.slice(0, 1) === 'r' ? 'rate' : 'value', series: word.slice(2) })) : null;
  }

  write(isNew) {
    const parameters = new URLSearchParams();
    for (const target of this.targets) parameters.append('target', target);
    if (this.preset) parameters.set('range', this.preset);
    else { parameters.set('since', Math.round(this.since)); parameters.set('until', Math.round(this.until)); }
    if (this.utc) parameters.set('zone', 'utc');
    if (this.live !== null) parameters.set('live', this.live ? '1' : '0');
    if (this.chosen) {
      for (const item of this.chosen) parameters.append('vars', `${item.as[0]}:${item.series}`);
      if (!this.chosen.length) parameters.append('vars', '');
    }
    const address = `#${parameters}`;
    if (address === location.hash) return;
    // A file that is shown inside another page may have no history of its own: then only Back is lost.
    try { history[isNew ? 'pushState' : 'replaceState'](null, '', address); } catch { if (!report) throw new Error('this browser keeps no history'); }
  }

  // The range that a preset means now: the end is the newest scrape's, or the server's clock while recording.
  settle(now, extent, isRecording) {
    if (report && !(this.isAsked && !this.preset)) { this.whole(); return; }
    if (!this.isAsked) {
      this.preset = isRecording && now - extent.first > 36e5 ? '1h' : 'all';
      this.isAsked = true;
    }
    if (!this.preset) return;
    const length = PRESETS.find(([name]) => name === this.preset)[1];
    this.until = isRecording ? now : extent.last + 1;
    this.since = length ? this.until - length : Math.min(extent.first, this.until - 1);
  }

  // All that a report has.
  whole() { Object.assign(this, { preset: null, since: report.since, until: report.until, isAsked: true }); }

  set(change) { Object.assign(this, change); this.isAsked = true; this.write(true); this.changed(); }

  zoom(since, until) {
    // Below 50 ms nothing more is to be seen.
    const middle = (since + until) / 2, half = Math.max(25, (until - since) / 2);
    this.set({ preset: null, since: Math.round(middle - half), until: Math.round(middle + half) });
  }

  get isLive() { return this.live ?? true; }
}

// One question to the server; what it refuses is an Error with its sentence.
export async function ask(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) for (const one of [value].flat()) query.append(name, one);
  if (report) return answerFrom(path, parameters);
  const response = await fetch(`api/${path}?${query}`, { credentials: 'same-origin' });
  const body = await response.json().catch(() => ({ error: `${response.status} ${response.statusText}` }));
  if (!response.ok) throw new Error(body.error || response.statusText);
  return body;
}

// What a report answers: steps and range are those that it was made with, whatever part of them is looked at.
function answerFrom(path, { target, series, ...range }) {
  if (path === 'targets') return report.overview;
  const of = report.of.find(one => one.target === target);
  let answer = of?.[path];
  if (path === 'changes') answer = answer?.find(one => ['since', 'until', 'since2', 'until2'].every(name => one[name] === range[name]));
  if (answer && series) answer = { ...answer, series: answer.series.filter(one => [series].flat().includes(one.series)) };
  if (!answer || answer.series?.length === 0) throw new Error('the report does not hold this');
  return answer;
}
