"""expvault itself: import, size, queries as whole processes, the cost of recording."""

import json
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.parse

import processes
import recordings

# How often a query is asked; the median counts.
REPEATS = 15


def parse_baseline(paths):
    """CPU seconds that a JSON parser needs for the bodies alone: orjson where it is installed, and Python's own."""
    bodies = [body for _, _, body in recordings.lines(paths)]
    parsers = {"json": json.loads}
    try:
        import orjson

        parsers["orjson"] = orjson.loads
    except ImportError:
        pass
    result = {}
    for name, parse in parsers.items():
        began = time.process_time()
        for body in bodies:
            parse(body)
        result[f"{name}_cpu_s"] = time.process_time() - began
    return result


def store(binary, work, paths, scrapes):
    """Imports everything into one database, compacts it, and says how large it is before and after."""
    work.mkdir()
    db = work / "bench.db"
    cost = processes.run([binary, "import", "--db", db, *paths.values()])
    result = {
        "import_wall_s": cost["wall_s"],
        "import_cpu_s": cost["cpu_s"],
        "import_rss_bytes": cost["rss_bytes"],
        "imported_per_s": scrapes / cost["wall_s"],
        "bytes_per_scrape_imported": processes.size_of(db) / scrapes,
    }
    cost = processes.run([binary, "compact", "--db", db])
    result |= {
        "compact_wall_s": cost["wall_s"],
        "compact_cpu_s": cost["cpu_s"],
        "bytes_per_scrape": processes.size_of(db) / scrapes,
    }
    return db, result


def round_trip(binary, db, paths):
    """Whether `export raw` gives back each scrape with its time and its body, byte for byte and in order."""
    for target, path in paths.items():
        arguments = [str(binary), "export", "raw", "--db", str(db), "--target", target, "--out", "-"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
            out = map(json.loads, process.stdout)
            for there, back in zip(recordings.lines({target: path}), out, strict=True):
                if there != (back["ts"], back["target"], back["body"].encode()):
                    raise processes.Failed(f"{target} at {there[0]}: export raw gives something else back")
        if process.returncode != 0:
            raise processes.Failed(f"export raw: exit {process.returncode}")


def queries(binary, db, busy):
    """Whole processes, in ms: start alone, then questions over a day, the file in the page cache and not."""
    common = ["--db", db, "--target", busy, "--format", "json"]
    asked = {
        "rate": ["rate", "memstats.TotalAlloc", *common],
        "rate_steps": ["rate", "memstats.TotalAlloc", "--step", "60s", *common],
        "pauses": ["pauses", "--percentile", "50,90,99,99.9", *common],
        "values": ["values", "memstats.*", *common],
        "series": ["series", *common],
        "targets": ["targets", "--db", db, "--format", "json"],
    }
    result = {"start_ms": processes.best_of(REPEATS, [binary, "--help"])}
    for name, words in asked.items():
        processes.run([binary, *words])
        result[f"{name}_ms"] = processes.best_of(REPEATS, [binary, *words])
        result[f"{name}_evicted_ms"] = processes.best_of(
            REPEATS, [binary, *words], before=lambda: processes.evict(db)
        )
    return result


# What the page asks for a first look at a target: Sources/Dashboard/Assets/panels.js, `load` and `chosenCard`.
PAGE_VALUES = (
    "HeapSys HeapInuse HeapAlloc HeapIdle HeapReleased NextGC StackSys MSpanSys MCacheSys GCSys BuckHashSys OtherSys "
    "HeapObjects GCCPUFraction"
).split()
PAGE_RATES = "TotalAlloc Mallocs Frees Lookups NumGC NumForcedGC".split()
# A plot of three side by side at 1920 pixels.
PAGE_POINTS = 500


def page(binary, db, target, since, until, repeats=10):
    """CPU of the server in ms for all panels' data of one target in that range, its three chosen variables included.

    `first`: all of it asked for the first time, after the server's start; the others as a refresh or zoom finds it.
    """
    port = processes.free_port()
    arguments = [binary, "serve", "--listen", f"127.0.0.1:{port}", "--db", db]
    with processes.serving(arguments, port, "/", db.parent / "serve.log") as server:

        def ask(path, **parameters):
            status, body = processes.get(port, f"/api/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
            if status != 200:
                raise processes.Failed(f"{path}: {status} {body[:200]}")
            return json.loads(body)

        names = [name["series"] for name in ask("names", target=target)["names"]]
        own = [name for name in names if "." not in name and name != "up"][:3]
        fine = {"target": target, "since": since, "until": until, "points": PAGE_POINTS, "least": 10_000}
        coarse = fine | {"points": PAGE_POINTS // 3}
        values = [f"memstats.{name}" for name in PAGE_VALUES if f"memstats.{name}" in names]
        rates = [f"memstats.{name}" for name in PAGE_RATES if f"memstats.{name}" in names]
        questions = [
            ("targets", {}), ("names", {"target": target}),
            ("values", fine | {"series": [*values, "scrape.duration_seconds"]}), ("rate", fine | {"series": rates}),
            ("pauses", coarse), ("sizes", coarse), ("scrapes", {k: fine[k] for k in ("target", "since", "until")}),
            *(("rate", fine | {"series": [name]}) for name in own),
        ]
        before = processes.observe(server.pid)["cpu_s"]
        for path, parameters in questions:
            ask(path, **parameters)
        result = {"first": (processes.observe(server.pid)["cpu_s"] - before) * 1000}
        for path, parameters in questions:
            before = processes.observe(server.pid)["cpu_s"]
            for _ in range(repeats):
                ask(path, **parameters)
            cost = (processes.observe(server.pid)["cpu_s"] - before) / repeats * 1000
            result[path] = result.get(path, 0) + cost
        return result | {"all": sum(result.values()) - result["first"]}


def export(binary, db, scrapes):
    """A whole replay, gzip on, to a sink in a process of its own: documents a second by our CPU and by the wall clock."""
    port = processes.free_port()
    sink = [sys.executable, pathlib.Path(__file__).with_name("sink.py"), port]
    with processes.serving(sink, port, "/", db.parent / "sink.log"):
        cost = processes.run([binary, "export", "elasticsearch", "--url", f"http://127.0.0.1:{port}", "--db", db])
    documents = 2 * scrapes
    return {
        "documents_per_cpu_s": documents / cost["cpu_s"],
        "documents_per_s": documents / cost["wall_s"],
        "cpu_us_per_document": cost["cpu_s"] / documents * 1e6,
        "rss_bytes": cost["rss_bytes"],
    }


def record(binary, work, ports, seconds):
    """The cost of recording those ports each second."""
    work.mkdir()
    targets = [f"t{index}=http://127.0.0.1:{port}" for index, port in enumerate(ports)]
    arguments = [binary, "record", "--db", work / "live.db", "--interval", "1s", *targets]
    with open(work / "log", "wb") as log:
        process = subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log)
    try:
        # As for the others: the services' first scrapes are all new series and shapes.
        result = cost_of(process, ports, seconds, settle=20)
    finally:
        process.terminate()
        process.wait(20)
    listed = subprocess.run(
        [str(binary), "targets", "--db", str(work / "live.db"), "--format", "json"], capture_output=True, check=True
    )
    rows = json.loads(listed.stdout)
    result["stored"] = sum(row["scrapes"] for row in rows)
    result["failures"] = sum(row["failures"] for row in rows)
    return result


def cost_of(process, ports, seconds, settle=5):
    """What a running recorder of those ports costs in that time, after it has settled; per 1000 scrapes and per scrape."""
    time.sleep(settle)
    before = processes.observe(process.pid)
    time.sleep(seconds)
    if process.poll() is not None:
        raise processes.Failed("the recorder ended early")
    after = processes.observe(process.pid)
    scrapes = seconds * len(ports)
    return {
        "cpu_s_per_1000": (after["cpu_s"] - before["cpu_s"]) / scrapes * 1000,
        "written_per_scrape": (after["written_bytes"] - before["written_bytes"]) / scrapes,
        "rss_bytes": after["rss_bytes"],
        "anonymous_bytes": after["anonymous_bytes"],
    }


# So many scrapes are recorded onto a long history, and onto none.
MORE_SCRAPES = 600


def record_onto(binary, db, target, port):
    """CPU seconds for 1000 scrapes of a whole process that records one service at 50 ms, its start and end included."""
    arguments = ["record", "--db", db, "--interval", "50ms", "--count", MORE_SCRAPES, f"{target}=http://127.0.0.1:{port}"]
    return processes.run([binary, *arguments])["cpu_s"] / MORE_SCRAPES * 1000


def growth(binary, work, path, days, service):
    """One target with a history of that many days: what a day's questions and one more scrape cost at its end."""
    work.mkdir()
    db = work / "long.db"
    began = time.monotonic()
    importer = subprocess.Popen([str(binary), "import", "--db", str(db), "-"], stdin=subprocess.PIPE)
    with importer.stdin as pipe:
        for line in recordings.repeated(path, days):
            pipe.write(line)
    if importer.wait() != 0:
        raise processes.Failed(f"import of {days} days: exit {importer.returncode}")
    imported = time.monotonic() - began
    processes.run([binary, "compact", "--db", db])
    end_ms = (recordings.FIRST_NS + days * recordings.SCRAPES_A_DAY * recordings.INTERVAL_NS) // 1_000_000
    common = ["--db", db, "--since", end_ms - 86_400_000, "--until", end_ms, "--format", "json"]
    target = recordings.target_of(path)
    since_ms = recordings.FIRST_NS // 1_000_000
    port = processes.free_port()
    recorded = {}
    with processes.serving([service, "-listen", f"127.0.0.1:{port}", "-load", 20], port, "/", work / "service.log"):
        # First onto a copy: what is asked below is the history as it was imported.
        shutil.copy(db, work / "copy.db")
        recorded["record_long"] = record_onto(binary, work / "copy.db", target, port)
        recorded["record_new"] = record_onto(binary, work / "new.db", target, port)
    (work / "copy.db").unlink()
    return recorded | {
        "days": days,
        "import_wall_s": imported,
        "bytes_per_scrape": processes.size_of(db) / (days * recordings.count(path)),
        "day_rate_ms": processes.best_of(REPEATS, [binary, "rate", "memstats.TotalAlloc", *common]),
        "day_pauses_ms": processes.best_of(REPEATS, [binary, "pauses", *common]),
        "day_values_ms": processes.best_of(REPEATS, [binary, "values", "memstats.*", *common]),
        "all_rate_ms": processes.best_of(3, [binary, "rate", "memstats.TotalAlloc", "--db", db]),
        "all_pauses_ms": processes.best_of(3, [binary, "pauses", "--db", db]),
        "all_values_ms": processes.best_of(3, [binary, "values", "memstats.*", "--db", db]),
        "page_day": page(binary, db, target, end_ms - 86_400_000, end_ms),
        "page_all": page(binary, db, target, since_ms, end_ms + 1000, repeats=3),
    }
