"""The same data in other stores: Prometheus, VictoriaMetrics (Debian's packages), rows in SQLite.

They keep the numbers as doubles and nothing else: no body, no text, no pause ring.
"""

import array
import contextlib
import json
import shutil
import sqlite3
import time
import urllib.parse

import processes
import recordings


def samples(paths):
    """{(target, name): (times in ms, values)} of all numeric leaves, rings left out."""
    series = {}

    def add(key, t, value):
        times, values = series.setdefault(key, (array.array("q"), array.array("d")))
        times.append(t)
        values.append(value)

    def walk(target, path, value, t):
        if isinstance(value, (int, float)):
            with contextlib.suppress(OverflowError):
                add((target, path), t, float(value))
        elif isinstance(value, dict):
            for key, inner in value.items():
                if path == "memstats" and key in ("PauseNs", "PauseEnd"):
                    continue
                walk(target, f"{path}.{key}" if path else key, inner, t)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(target, f"{path}.{index}", inner, t)

    for t, target, body in recordings.lines(paths):
        walk(target, "", json.loads(body), t)
    return series


def range_of(series):
    """First and last time of all series in ms."""
    return min(times[0] for times, _ in series.values()), max(times[-1] for times, _ in series.values())


def label(text):
    return json.dumps(text, ensure_ascii=False)


def milliseconds(action, count=10):
    """The median of some calls."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        action()
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)[count // 2]


def questions(port, series, busy, first, last):
    """Warm queries by HTTP that both servers understand, in ms: one rate over the day, maxima of all of memstats."""

    def ask(path, **parameters):
        status, body = processes.get(port, path + "?" + urllib.parse.urlencode(parameters))
        if status != 200 or not json.loads(body)["data"]["result"]:
            raise processes.Failed(f"no answer to {parameters}: {status} {body[:200]}")

    one = f'rate(expvar{{target="{busy}",name="memstats.TotalAlloc"}}[60s])'
    many = f'max_over_time(expvar{{target="{busy}",name=~"memstats.*"}}[1d])'
    return {
        "rate_ms": milliseconds(
            lambda: ask("/api/v1/query_range", query=one, start=first / 1000, end=last / 1000, step="60s")
        ),
        "values_ms": milliseconds(lambda: ask("/api/v1/query", query=many, time=last / 1000 + 1)),
    }


def prometheus(tools, work, series, busy, scrapes):
    """Blocks made by promtool, as long as Prometheus' own compaction would make them in a day (18 h); size, queries."""
    work.mkdir()
    data = work / "data"
    first, last = range_of(series)
    began = time.monotonic()
    text = work / "samples.txt"
    with open(text, "w", encoding="utf-8") as out:
        for (target, name), (times, values) in series.items():
            head = f"expvar{{target={label(target)},name={label(name)}}} "
            out.writelines(f"{head}{value!r} {t / 1000:.3f}\n" for t, value in zip(times, values))
        out.write("# EOF\n")
    arguments = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", text, data]
    cost = processes.run([tools["promtool"], *arguments])
    text.unlink()
    result = {"import_wall_s": time.monotonic() - began, "import_cpu_s": cost["cpu_s"]}
    port = processes.free_port()
    (work / "prometheus.yml").write_text("scrape_configs: []\n")
    arguments = [
        tools["prometheus"], f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
    ]
    size = processes.size_of(data)
    with processes.serving(arguments, port, "/-/ready", work / "log"):
        result |= questions(port, series, busy, first, last)
    result["bytes_per_scrape"] = size / scrapes
    return result


def victoria_metrics(tools, work, series, busy, scrapes):
    """Imported as its own JSON lines, merged, then measured."""
    work.mkdir()
    data = work / "data"
    port = processes.free_port()
    arguments = [
        tools["victoria-metrics"], f"-storageDataPath={data}", "-retentionPeriod=100y",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    first, last = range_of(series)
    with processes.serving(arguments, port, "/health", work / "log") as server:
        began = time.monotonic()
        before = processes.observe(server.pid)["cpu_s"]
        for (target, name), (times, values) in series.items():
            metric = {"__name__": "expvar", "target": target, "name": name}
            line = json.dumps({"metric": metric, "values": values.tolist(), "timestamps": times.tolist()})
            status, body = processes.get(port, "/api/v1/import", "POST", line.encode())
            if status != 204:
                raise processes.Failed(f"VictoriaMetrics' import: {status} {body[:200]}")
        processes.get(port, "/internal/force_flush")
        result = {"import_wall_s": time.monotonic() - began}
        processes.get(port, "/internal/force_merge")
        time.sleep(5)
        result["import_cpu_s"] = processes.observe(server.pid)["cpu_s"] - before
        result |= questions(port, series, busy, first, last)
    # Without the caches that it writes when it ends.
    size = sum(processes.size_of(data / part) for part in ("data", "indexdb", "metadata"))
    result["bytes_per_scrape"] = size / scrapes
    return result


def sqlite_rows(work, series, busy, scrapes):
    """(series, t, value) as rows, sorted and in one transaction: the best that rows can be."""
    work.mkdir()
    path = work / "rows.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE series(id INTEGER PRIMARY KEY, target TEXT, name TEXT);
        CREATE TABLE samples(series INTEGER, t INTEGER, value, PRIMARY KEY(series, t)) WITHOUT ROWID;
        """
    )
    began = time.monotonic()
    cpu = time.process_time()
    with connection:
        for number, ((target, name), (times, values)) in enumerate(series.items(), 1):
            connection.execute("INSERT INTO series VALUES(?, ?, ?)", (number, target, name))
            # Integers as SQLite keeps them: one to eight bytes instead of always eight.
            whole = (int(value) if value.is_integer() and abs(value) < 2**62 else value for value in values)
            rows = zip([number] * len(times), times, whole)
            connection.executemany("INSERT OR IGNORE INTO samples VALUES(?, ?, ?)", rows)
    result = {
        "import_wall_s": time.monotonic() - began,
        "import_cpu_s": time.process_time() - cpu,
        "bytes_per_scrape": processes.size_of(path) / scrapes,
    }
    one = """
        SELECT t / 60000, max(value) - min(value) FROM samples
        WHERE series = (SELECT id FROM series WHERE target = ? AND name = 'memstats.TotalAlloc') GROUP BY 1
        """
    many = """
        SELECT series, max(value) FROM samples
        WHERE series IN (SELECT id FROM series WHERE target = ? AND name LIKE 'memstats.%') GROUP BY 1
        """
    result["rate_ms"] = milliseconds(lambda: connection.execute(one, (busy,)).fetchall())
    result["values_ms"] = milliseconds(lambda: connection.execute(many, (busy,)).fetchall(), 5)
    connection.close()
    path.unlink()
    return result


def scrape_configuration(ports):
    """What makes Prometheus, and VictoriaMetrics after it, scrape those ports each second."""
    targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: bench, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )


def live(name, tools, work, ports):
    """A context in which that server records those ports: it yields the process."""
    work.mkdir()
    (work / "scrape.yml").write_text(scrape_configuration(ports))
    port = processes.free_port()
    if name == "prometheus":
        arguments = [
            tools["prometheus"], f"--config.file={work}/scrape.yml", f"--storage.tsdb.path={work}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        return processes.serving(arguments, port, "/-/ready", work / "log")
    arguments = [
        tools["victoria-metrics"], f"-storageDataPath={work}/data", f"-promscrape.config={work}/scrape.yml",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    return processes.serving(arguments, port, "/health", work / "log")


def remove(work):
    """Frees the disk that a measurement took."""
    shutil.rmtree(work, ignore_errors=True)
