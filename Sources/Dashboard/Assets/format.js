// Numbers and times as people read them. Pure.

const SMALL = ['', 'm', 'µ', 'n'];

function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 100) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(2).replace(/\.?0+$/, '');
}

export function bytes(value) {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let power = 0;
  while (Math.abs(value) >= 1024 && power < names.length - 1) { value /= 1024; power += 1; }
  return `${digits(value)} ${names[power]}`;
}

export function plain(value) {
  const names = ['', ' k', ' M', ' G', ' T', ' P', ' E'];
  const size = Math.abs(value);
  if (size >= 1e21) return value.toExponential(2);
  if (size > 0 && size < 0.01) return value.toExponential(1);
  if (size < 10000) return digits(value);
  let power = 0;
  while (Math.abs(value) >= 1000 && power < names.length - 1) { value /= 1000; power += 1; }
  return digits(value) + names[power];
}

export function seconds(value) {
  if (value === 0) return '0 s';
  let power = 0;
  if (Math.abs(value) >= 120) return duration(value * 1000);
  while (Math.abs(value) < 1 && power < SMALL.length - 1) { value *= 1000; power += 1; }
  return `${digits(value)} ${SMALL[power]}s`;
}

export function percent(value) { return `${digits(value * 100)} %`; }

// The text of a value: of a unit as Query names it, `share`, or none; a second where it is a rate.
export function text(value, unit, isRate) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (unit === 'share') return percent(value);
  if (isRate && unit === 'ns') return percent(value / 1e9);
  // Rare events are told by the minute or the hour.
  const size = Math.abs(value);
  if (isRate && !unit && size > 0 && size < 0.1) return size * 60 >= 0.1 ? `${digits(value * 60)}/min` : `${plain(value * 3600)}/h`;
  const body = unit === 'B' ? bytes(value) : unit === 'ns' ? seconds(value / 1e9) : unit === 's' ? seconds(value) : plain(value);
  return isRate ? `${body}/s` : body;
}

export function duration(ms) {
  const parts = [['d', 864e5], ['h', 36e5], ['m', 6e4], ['s', 1e3], ['ms', 1]];
  const out = [];
  for (const [name, size] of parts) {
    if (ms >= size && out.length < 2) { out.push(`${Math.floor(ms / size)}${name}`); ms %= size; }
  }
  return out.join(' ') || '0s';
}

const two = number => String(number).padStart(2, '0');

function fields(t, utc) {
  const date = new Date(t);
  return utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds()];
}

// A moment: 2026-01-02 03:04:05, with milliseconds where there are any.
export function moment(t, utc) {
  const [year, month, day, hour, minute, second, ms] = fields(t, utc);
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}${ms ? `.${String(ms).padStart(3, '0')}` : ''}`;
}

// Reads what `moment` writes, a part of it, RFC 3339, Unix milliseconds, `now`, or `6h` ago; null for anything else.
export function readMoment(value, utc, now) {
  const word = value.trim();
  if (word === 'now') return now;
  const ago = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(word);
  if (ago) return now - Number(ago[1]) * { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }[ago[2]];
  if (/^-?\d{11,16}$/.test(word)) return Number(word);
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?(Z|[+-]\d\d:\d\d)?$/i.exec(word);
  if (!parts) return null;
  const numbers = [1, 2, 3, 4, 5, 6].map(index => Number(parts[index] || 0));
  const ms = Number((parts[7] || '').padEnd(3, '0'));
  const [year, month, day, hour, minute, second] = numbers;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60) return null;
  if (parts[8]) {
    const zone = parts[8].toUpperCase();
    const shift = zone === 'Z' ? 0 : (zone[0] === '-' ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6)));
    return Date.UTC(year, month - 1, day, hour, minute, second, ms) - shift * 6e4;
  }
  return utc ? Date.UTC(year, month - 1, day, hour, minute, second, ms) : new Date(year, month - 1, day, hour, minute, second, ms).getTime();
}

const TIME_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 26784e5, 80352e5, 315576e5];

// Where the time axis is labelled, with the labels.
export function timeTicks(since, until, count, utc) {
  const step = TIME_STEPS.find(length => (until - since) / length <= count) || 315576e5 * Math.ceil((until - since) / count / 315576e5);
  // Whole steps of the viewer's own clock.
  const shift = utc ? 0 : new Date(since).getTimezoneOffset() * 6e4;
  const ticks = [];
  let day = '';
  for (let t = Math.ceil((since - shift) / step) * step + shift; t <= until; t += step) {
    const [year, month, date, hour, minute, second, ms] = fields(t, utc);
    const today = `${year}-${two(month)}-${two(date)}`;
    let label = step < 1000 ? `${two(second)}.${String(ms).padStart(3, '0')}` : step < 6e4 ? `${two(hour)}:${two(minute)}:${two(second)}` : `${two(hour)}:${two(minute)}`;
    if (step >= 864e5) label = step >= 26784e5 ? `${year}-${two(month)}` : `${two(month)}-${two(date)}`;
    else if (today !== day && (day || (hour === 0 && minute === 0))) label = `${two(month)}-${two(date)}`;
    day = today;
    ticks.push([t, label]);
  }
  return ticks;
}

// Round values from `low` to `high` for the other axis, in the unit's own roundness.
export function valueTicks(low, high, count, unit) {
  const span = high - low || Math.abs(high) || 1;
  const raw = span / count;
  let step;
  if (unit === 'B' && raw >= 1) {
    const base = 1024 ** Math.floor(Math.log(raw) / Math.log(1024));
    step = [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1024].find(times => times * base >= raw) * base;
  } else {
    const base = 10 ** Math.floor(Math.log10(raw));
    step = [1, 2, 5, 10].find(times => times * base >= raw * (1 - 1e-9)) * base;
  }
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-6 && ticks.length < 20; index += 1) ticks.push(index * step);
  return ticks;
}
