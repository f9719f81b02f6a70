"""Measures expvault beside Prometheus, VictoriaMetrics and rows in SQLite. `scripts/bench` runs this."""

import argparse
import contextlib
import datetime
import json
import pathlib
import shutil
import sys
import tempfile
import time

import peers
import processes
import recordings
import report
import subject
import untidy

PARTS = ["store", "queries", "untidy", "export", "record", "peers", "peers-record", "growth"]
RECORDED_TARGETS = 10


def say(text):
    print(text, file=sys.stderr, flush=True)


def progress(target, done, of):
    if sys.stderr.isatty():
        print(f"\r    {target}: {done} of {of} scrapes", end="\n" if done == of else "", file=sys.stderr, flush=True)
    elif done == of:
        say(f"    {target}: {of} scrapes")


@contextlib.contextmanager
def ten_services(program, work):
    """Ten demo services with little load; yields their ports."""
    with contextlib.ExitStack() as stack:
        ports = []
        for index in range(RECORDED_TARGETS):
            port = processes.free_port()
            arguments = [program, "-listen", f"127.0.0.1:{port}", "-name", f"t{index}", "-seed", index, "-load", 20]
            stack.enter_context(processes.serving(arguments, port, "/", work / f"service-{index}.log"))
            ports.append(port)
        yield ports


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--expvault", type=pathlib.Path, required=True, help="the binary (scripts/bench builds it)")
    parser.add_argument("--tools", type=pathlib.Path, required=True, help="the directory of unpacked programs")
    parser.add_argument("--parts", default="store,queries,untidy,export,record,peers,peers-record", help=f"of {','.join(PARTS)}")
    parser.add_argument("--scrapes", type=int, default=recordings.SCRAPES_A_DAY, help="length of the recordings")
    parser.add_argument("--seconds", type=int, default=60, help="how long the cost of recording is measured")
    parser.add_argument("--days", type=int, default=365, help="how long the history of the part `growth` is")
    parser.add_argument("--data", type=pathlib.Path, nargs="+", help="other recordings than our own (.ndjson, .gz, .zst)")
    parser.add_argument("--work", type=pathlib.Path, help="where databases are made; on the disk to be measured")
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures there")
    options = parser.parse_args()
    parts = set(options.parts.split(","))
    if unknown := parts - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")

    tools = {
        "demo-1.19": options.tools / "demo-service-1.19/demo-service",
        "demo-any": options.tools / "demo-service-any/demo-service",
        "etcd": options.tools / "etcd/usr/bin/etcd",
        "prometheus": options.tools / "prometheus/usr/bin/prometheus",
        "promtool": options.tools / "prometheus/usr/bin/promtool",
        "victoria-metrics": options.tools / "victoria-metrics/usr/bin/victoria-metrics",
    }
    results = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "machine": report.machine(),
        **{column: {} for column in report.COLUMNS},
    }
    ours = results["expvault"]
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=options.work or options.tools))
    try:
        if options.data:
            paths = {recordings.target_of(path): path for path in options.data}
        else:
            say("recordings")
            paths = recordings.make(options.tools / "bench-recordings", tools, options.scrapes, progress)
        busy = "busy" if "busy" in paths else sorted(paths)[0]
        counts = {target: recordings.count(path) for target, path in paths.items()}
        scrapes = sum(counts.values())
        results["recordings"] = {
            target: {"scrapes": counts[target], "file_bytes": path.stat().st_size} for target, path in paths.items()
        }

        if parts & {"store", "queries", "export"}:
            say("expvault: import, compact, round trip")
            ours["baseline"] = subject.parse_baseline(paths)
            db, ours["store"] = subject.store(options.expvault, work / "store", paths, scrapes)
            subject.round_trip(options.expvault, db, paths)
            if "queries" in parts:
                say("expvault: queries")
                ours["queries"] = subject.queries(options.expvault, db, busy)
            if "export" in parts:
                say("expvault: documents to a sink that only reads and answers")
                ours["export"] = subject.export(options.expvault, db, scrapes)
            peers.remove(work / "store")
        if "untidy" in parts:
            say("expvault: a target that shuffles, one that grows")
            ours["untidy"] = untidy.measure(options.expvault, work / "untidy")
            peers.remove(work / "untidy")
        if "record" in parts or "peers-record" in parts:
            with ten_services(tools["demo-any"], work) as ports:
                if "record" in parts:
                    say(f"expvault: recording {len(ports)} targets for {options.seconds} s")
                    ours["record"] = subject.record(options.expvault, work / "record", ports, options.seconds)
                if "peers-record" in parts:
                    for name in ("prometheus", "victoria-metrics"):
                        say(f"{name}: recording {len(ports)} targets for {options.seconds} s")
                        with peers.live(name, tools, work / f"live-{name}", ports) as server:
                            # Its first samples are all new series; a while on it does what it does for the rest of its life.
                            cost = subject.cost_of(server, ports, options.seconds, settle=20)
                        results[name]["record"] = cost
        if "peers" in parts:
            say("peers: reading the recordings")
            series = peers.samples(paths)
            for name, measure in (
                ("sqlite-rows", lambda w: peers.sqlite_rows(w, series, busy, scrapes)),
                ("victoria-metrics", lambda w: peers.victoria_metrics(tools, w, series, busy, scrapes)),
                ("prometheus", lambda w: peers.prometheus(tools, w, series, busy, scrapes)),
            ):
                say(f"{name}: import, size, queries")
                began = time.monotonic()
                figures = measure(work / name)
                peers.remove(work / name)
                results[name]["queries"] = {
                    "rate_steps_ms": figures.pop("rate_ms"), "values_ms": figures.pop("values_ms")
                }
                results[name]["store"] = figures | {"imported_per_s": scrapes / figures["import_wall_s"]}
                say(f"    {time.monotonic() - began:.0f} s")
        if "growth" in parts:
            say(f"expvault: a history of {options.days} days")
            ours["growth"] = subject.growth(
                options.expvault, work / "growth", paths[busy], options.days, tools["demo-any"]
            )
    finally:
        shutil.rmtree(work, ignore_errors=True)

    host = results["machine"]
    print(f"{host['cpu']}, {host['cores']} cores, {host['memory_gib']} GiB, {host['system']}; {results['date']}\n")
    print(report.table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    try:
        main()
    except processes.Failed as failure:
        sys.exit(f"bench: {failure}")
