"""Targets as careless programs have them: one whose members come in another order each time, one that grows.

Each is made twice, with the same values: as it is, and as it would be in order, or with its growth over. What it costs
more is what its orders, and what is new in it, cost.
"""

import json
import math
import random

import processes
import subject

SCRAPES = 1000
INTERVAL_MS = 10_000
FIRST_MS = 1_735_689_600_000


class Shuffling:
    """Statistics in maps of maps that a Go program ranges over: 48 nodes with three, four and two members."""

    name = "shuffled"

    def __init__(self, is_tidy):
        self.values, self.orders = random.Random(1), random.Random(2)
        self.is_tidy = is_tidy
        self.counts = [1000 * i for i in range(48)]
        self.entropy_bits = 0.0

    def map(self, members):
        if not self.is_tidy:
            self.orders.shuffle(members)
            self.entropy_bits += math.lgamma(len(members) + 1) / math.log(2)
        return dict(members)

    def next(self):
        self.counts = [count + self.values.randrange(9) for count in self.counts]
        nodes = []
        for index, count in enumerate(self.counts):
            tags = [("host", f"edge-{index}"), ("kind", "window"), ("task", f"task-{index % 12}"), ("type", "stream")]
            values = [("errors", 0), ("points_received", count)]
            node = [("name", "nodes"), ("tags", self.map(tags)), ("values", self.map(values))]
            nodes.append((f"node-{index}", self.map(node)))
        return {"nodes": self.map(nodes), "requests": self.counts[0]}


class Growing:
    """A map of jobs keyed by random ids, of which one goes and one comes each time, and a list of samples without an end."""

    name = "growing"

    def __init__(self, is_tidy):
        self.values, self.ids = random.Random(1), random.Random(2)
        self.is_tidy = is_tidy
        self.jobs = {self.id(): {"rows": 0, "state": "running"} for _ in range(30)}
        self.samples = [self.sample() for _ in range(SCRAPES // 2 if is_tidy else 1)]
        self.entropy_bits = 0.0

    def id(self):
        return f"{self.ids.getrandbits(128):032x}"

    def sample(self):
        return round(self.values.random() * 90, 6)

    def next(self):
        for job in self.jobs.values():
            job["rows"] += self.values.randrange(50)
        if not self.is_tidy:
            del self.jobs[next(iter(self.jobs))]
            self.jobs[self.id()] = {"rows": 0, "state": "running"}
            self.samples.append(self.sample())
            # An id, and a sample.
            self.entropy_bits += 128 + math.log2(90_000_000)
        return {"jobs": self.jobs, "samples": self.samples}


def write(path, source):
    """Writes the lines of a recording."""
    with open(path, "w", encoding="utf-8") as out:
        for index in range(SCRAPES):
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in source.next().items())
            line = {"ts": FIRST_MS + index * INTERVAL_MS, "target": source.name, "body": f"{{\n{lines}\n}}\n"}
            out.write(json.dumps(line) + "\n")


def measure(binary, work):
    """Bytes and CPU of each kind, as it is and tidy."""
    work.mkdir()
    figures = {}
    for kind in (Shuffling, Growing):
        for is_tidy in (True, False):
            source = kind(is_tidy)
            name = f"{kind.name}{'_tidy' if is_tidy else ''}"
            path = work / f"{name}.ndjson"
            write(path, source)
            paths = {kind.name: path}
            db, cost = subject.store(binary, work / name, paths, SCRAPES)
            subject.round_trip(binary, db, paths)
            figures[name] = {
                "bytes_per_scrape": cost["bytes_per_scrape"],
                "bytes_per_scrape_imported": cost["bytes_per_scrape_imported"],
                "import_cpu_s": cost["import_cpu_s"],
                "new_bytes_per_scrape": source.entropy_bits / 8 / SCRAPES,
                "shapes": shapes(db),
            }
    return figures


def shapes(db):
    """How many shapes a database has."""
    import sqlite3

    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT count(*) FROM shapes").fetchone()[0]
    except sqlite3.Error as error:
        raise processes.Failed(f"{db}: {error}") from error
    finally:
        connection.close()
