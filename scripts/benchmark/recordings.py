"""Recordings of a day, made in minutes from real programs.

Each is one scrape every 10 s for a day, as lines of `expvault import`. The programs run faster than the clock: the demo
service does ten seconds' work for each GET (-lapse), etcd is scraped as fast as it answers. Then every time in the bodies
(LastGC, PauseEnd) is moved to where it would have been: a collection that ended a third of the way between two scrapes
ends a third of the way between the two simulated ones, and once moved always stays there. Everything else, and so
what compression finds, is as the program served it.
"""

import contextlib
import http.client
import json
import pathlib
import random
import re
import shutil
import subprocess
import time

import processes

SCRAPES_A_DAY = 8640
INTERVAL_NS = 10_000_000_000
# 2025-01-01: in the past wherever this runs, since time-series databases refuse the future.
FIRST_NS = 1_735_689_600_000_000_000

PAUSE_ENDS = re.compile(rb'("PauseEnd":\[)([0-9,]*)\]')
LAST_GC = re.compile(rb'("LastGC":)(\d+)')


class Clock:
    """Moves the times of one process from when they were to when they would have been."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.moved = {}

    def between(self, real, simulated):
        """Times from now on lie between real[0] and real[1], and go between simulated[0] and simulated[1]."""
        self.real, self.simulated = real, simulated

    def move(self, t):
        if t == 0:
            return 0
        if t not in self.moved:
            (a, b), (c, d) = self.real, self.simulated
            share = min(max((t - a) / max(b - a, 1), 0), 1)
            # Stretching makes round numbers; the last microsecond is drawn, as real clocks have it.
            self.moved[t] = c + int(share * (d - c)) // 1000 * 1000 + self.random.randrange(1000)
        return self.moved[t]

    def body(self, body):
        """The body with its times moved. Nothing else in it changes."""

        def ends(match):
            return match.group(1) + b",".join(b"%d" % self.move(int(t)) for t in match.group(2).split(b",")) + b"]"

        body = PAUSE_ENDS.sub(ends, body, 1)
        return LAST_GC.sub(lambda match: match.group(1) + b"%d" % self.move(int(match.group(2))), body, 1)


class Recording:
    """Writes one target's lines; `scrape` is called once for each simulated interval."""

    def __init__(self, path, target, seed):
        self.target = target
        self.out = open(path, "wb")
        self.random = random.Random(seed)
        self.simulated = FIRST_NS
        self.seed = seed

    def begin_run(self):
        """A process was just started; its times are mapped anew."""
        self.seed += 1
        self.clock = Clock(self.seed)
        self.real = time.time_ns() - 50_000_000
        self.connection = None

    def scrape(self, port):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(processes.LOOPBACK, port, timeout=30)
        self.connection.request("GET", "/debug/vars")
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise processes.Failed(f"{self.target}: status {answer.status}")
        now, due = time.time_ns(), self.simulated + INTERVAL_NS
        self.clock.between((self.real, now), (self.simulated, due))
        # Scrapes are a few milliseconds late, as they are.
        t = due // 1_000_000 + self.random.choice((0, 0, 0, 1, 1, 2, 3, 7))
        line = {"ts": t, "target": self.target, "body": self.clock.body(body).decode()}
        self.out.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.real, self.simulated = now, due

    def close(self):
        self.out.close()


def make_demo(path, target, program, load, seed, scrapes, progress):
    """The demo service for a day, with one restart after 60 % of it."""
    recording = Recording(path, target, seed)
    done = 0
    for share in (0.6, 0.4):
        port = processes.free_port()
        arguments = [
            program.name, "-listen", f"{processes.LOOPBACK}:{port}", "-name", target, "-seed", seed,
            "-lapse", "10s", "-load", load,
        ]
        arguments[0] = "./" + arguments[0]
        with processes.serving(arguments, port, "/", str(path) + ".log", cwd=program.parent):
            recording.begin_run()
            for _ in range(round(scrapes * share)):
                recording.scrape(port)
                done += 1
                progress(target, done, scrapes)
    recording.close()


def make_etcd(path, target, program, seed, scrapes, progress):
    """etcd for a day, with a few writes between scrapes."""
    recording = Recording(path, target, seed)
    writes = random.Random(seed)
    client, peer = processes.free_port(), processes.free_port()
    directory = pathlib.Path(str(path) + ".data")
    arguments = [
        program, "--data-dir", directory, "--listen-client-urls", f"http://127.0.0.1:{client}",
        "--advertise-client-urls", f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-cluster", f"default=http://127.0.0.1:{peer}",
    ]
    with processes.serving(arguments, client, "/health", str(path) + ".log"):
        recording.begin_run()
        for done in range(1, scrapes + 1):
            if writes.random() < 0.03:
                key = "a2V5" + "ABCD"[writes.randrange(4)] * 4
                processes.get(client, "/v3/kv/put", "POST", json.dumps({"key": key, "value": "dmFsdWU="}))
            recording.scrape(client)
            progress(target, done, scrapes)
    recording.close()


def make(directory, tools, scrapes, progress):
    """The recordings as {target: path}; made once for each length, then taken from the directory."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    recipes = {
        "quiet": lambda path: make_demo(path, "quiet", tools["demo-1.19"], 1, 7, scrapes, progress),
        "busy": lambda path: make_demo(path, "busy", tools["demo-any"], 20, 9, scrapes, progress),
        "etcd": lambda path: make_etcd(path, "etcd", tools["etcd"], 3, scrapes, progress),
    }
    paths = {}
    for target, recipe in recipes.items():
        paths[target] = directory / f"{target}-{scrapes}.ndjson"
        if not paths[target].exists():
            unfinished = directory / f"{target}-{scrapes}.unfinished"
            recipe(unfinished)
            unfinished.rename(paths[target])
            for rest in directory.glob(unfinished.name + ".*"):
                shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
    return paths


@contextlib.contextmanager
def reading(path):
    """The file's lines, unpacked where its name says that it is packed."""
    unpack = {".zst": "zstd", ".gz": "gzip"}.get(pathlib.Path(path).suffix)
    if unpack is None:
        with open(path, "rb") as file:
            yield file
        return
    with subprocess.Popen([unpack, "-dc", str(path)], stdout=subprocess.PIPE) as process:
        yield process.stdout
        process.stdout.close()


def lines(paths):
    """All lines of the recordings, parsed: (t, target, body as bytes), one recording after the other."""
    for path in paths.values():
        with reading(path) as file:
            for line in file:
                value = json.loads(line)
                yield value["ts"], value["target"], value["body"].encode()


def count(path):
    """How many lines a recording has."""
    with reading(path) as file:
        return sum(1 for _ in file)


def target_of(path):
    """Whose recording it is."""
    with reading(path) as file:
        return json.loads(next(file))["target"]


def repeated(path, days):
    """The lines of one recording again and again, each day later by a day, every time in the bodies with it.

    A day that begins anew counts from its own beginning: to a reader the process was restarted over night.
    """
    day_ns = SCRAPES_A_DAY * INTERVAL_NS
    head = re.compile(rb'^\{"ts": ?(\d+)')
    # In a line the body is a JSON string, so its quotes are escaped.
    ends = re.compile(rb'(\\"PauseEnd\\":\[)([0-9,]*)')
    last = re.compile(rb'(\\"LastGC\\":)(\d+)')
    for day in range(days):
        shift = day * day_ns
        moved = Shifted(shift)
        with reading(path) as file:
            for line in file:
                if day:
                    line = head.sub(lambda match: b'{"ts":%d' % (int(match.group(1)) + shift // 1_000_000), line, 1)
                    line = last.sub(lambda match: match.group(1) + moved[match.group(2)], line, 1)
                    line = ends.sub(
                        lambda match: match.group(1) + b",".join([moved[t] for t in match.group(2).split(b",")]),
                        line, 1,
                    )
                yield line


class Shifted(dict):
    """Times as text, moved by a constant; each is worked out once, since neighbours share nearly all of theirs."""

    def __init__(self, shift):
        super().__init__({b"0": b"0"})
        self.shift = shift

    def __missing__(self, text):
        self[text] = b"%d" % (int(text) + self.shift)
        return self[text]
