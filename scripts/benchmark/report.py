"""The table for people."""

import os
import pathlib
import platform
import re


def machine():
    """What the numbers were taken on."""
    cpu = re.search(r"^model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.M)
    release = re.search(r'^PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text(), re.M)
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory.group(1)) / 2**20) if memory else None,
        "system": f"{release.group(1) if release else 'Linux'}, Linux {platform.release()}",
    }


# What is shown: heading, unit, the key in the results, the goal if there is one. Columns are the stores.
ROWS = [
    ("a day of three targets", None, None, None),
    ("bytes a scrape, after compact", "B", "store.bytes_per_scrape", "≤ 65, then ≤ 57"),
    ("bytes a scrape, as imported", "B", "store.bytes_per_scrape_imported", None),
    ("import, scrapes each second", "/s", "store.imported_per_s", "≥ 10 000"),
    ("import, CPU", "s", "store.import_cpu_s", "≤ 2 × orjson"),
    ("import, resident", "MB", "store.import_rss_bytes", None),
    ("compact, CPU", "s", "store.compact_cpu_s", None),
    ("bodies parsed alone, orjson", "s", "baseline.orjson_cpu_s", None),
    ("bodies parsed alone, Python's json", "s", "baseline.json_cpu_s", None),
    ("a day's questions", None, None, None),
    ("the process's start alone", "ms", "queries.start_ms", None),
    ("rate of one series", "ms", "queries.rate_ms", "≤ 10 and the start"),
    ("rate of one series, each minute", "ms", "queries.rate_steps_ms", None),
    ("pauses with percentiles", "ms", "queries.pauses_ms", "≤ 10 and the start"),
    ("values of all of memstats", "ms", "queries.values_ms", "≤ 30 and the start"),
    ("rate, the file read from disk", "ms", "queries.rate_evicted_ms", None),
    ("pauses, the file read from disk", "ms", "queries.pauses_evicted_ms", None),
    ("values, the file read from disk", "ms", "queries.values_evicted_ms", None),
    ("targets", "ms", "queries.targets_ms", None),
    ("series", "ms", "queries.series_ms", None),
    ("a target that shuffles its members, one that grows", None, None, None),
    *(
        (f"{title}, {what}", unit, f"untidy.{name}.{key}", None)
        for name, title in (
            ("shuffled_tidy", "shuffled, were it in order"), ("shuffled", "shuffled"),
            ("growing_tidy", "growing, were it frozen"), ("growing", "growing"),
        )
        for what, unit, key in (
            ("bytes a scrape, after compact", "B", "bytes_per_scrape"),
            ("as imported", "B", "bytes_per_scrape_imported"),
            ("of which orders, or new", "B", "new_bytes_per_scrape"),
            ("import, CPU", "s", "import_cpu_s"),
            ("shapes", "", "shapes"),
        )
    ),
    ("replay of that day, gzip, to a sink", None, None, None),
    ("documents by a second of our CPU, socket included", "/s", "export.documents_per_cpu_s", "≥ 15 000"),
    ("documents each second, with that sink", "/s", "export.documents_per_s", None),
    ("CPU a document", "µs", "export.cpu_us_per_document", None),
    ("resident", "MB", "export.rss_bytes", "≤ 64"),
    ("ten targets each second", None, None, None),
    ("CPU for 1000 scrapes", "s", "record.cpu_s_per_1000", "≤ 0.2"),
    ("resident", "MB", "record.rss_bytes", "≤ 24"),
    ("of which anonymous", "MB", "record.anonymous_bytes", None),
    ("written to disk, a scrape", "B", "record.written_per_scrape", "≤ 1200"),
    ("a long history of one target", None, None, None),
    ("days", "", "growth.days", None),
    ("bytes a scrape", "B", "growth.bytes_per_scrape", None),
    ("CPU for 1000 scrapes more, start included", "s", "growth.record_long", "flat"),
    ("the same with no history", "s", "growth.record_new", None),
    ("rate of one series over the last day", "ms", "growth.day_rate_ms", "flat"),
    ("pauses over the last day", "ms", "growth.day_pauses_ms", "flat"),
    ("values of memstats over the last day", "ms", "growth.day_values_ms", "flat"),
    ("rate of one series over all of it", "ms", "growth.all_rate_ms", None),
    ("pauses over all of it", "ms", "growth.all_pauses_ms", None),
    ("values of memstats over all of it", "ms", "growth.all_values_ms", None),
    ("CPU for the page of the last day", "ms", "growth.page_day.all", "≤ 60"),
    ("the same, its first view", "ms", "growth.page_day.first", None),
    ("CPU for the page of all of it", "ms", "growth.page_all.all", "≤ 500 for a year"),
    ("the same, its first view", "ms", "growth.page_all.first", None),
]

# Below the table.
NOTE = """Questions are whole processes for expvault, the start included; HTTP to a server that runs for Prometheus and
VictoriaMetrics; an open connection for SQLite. The goals in bytes were set for other recordings than these."""

COLUMNS = ["expvault", "prometheus", "victoria-metrics", "sqlite-rows"]


def lookup(results, column, key):
    value = results.get(column, {})
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def number(value, unit):
    if unit == "MB":
        value /= 1e6
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def table(results):
    """Markdown, aligned so that it reads well as it is."""
    cells = [["what", "unit", *COLUMNS, "goal"]]
    for title, unit, key, goal in ROWS:
        if key is None:
            cells.append([f"**{title}**", "", *[""] * len(COLUMNS), ""])
            continue
        values = [lookup(results, column, key) for column in COLUMNS]
        if any(value is not None for value in values):
            shown = ["–" if value is None else number(value, unit) for value in values]
            cells.append([title, unit, *shown, goal or ""])
    # A heading without a line below it says nothing.
    cells = [
        row for i, row in enumerate(cells)
        if not row[0].startswith("**") or (i + 1 < len(cells) and not cells[i + 1][0].startswith("**"))
    ]
    widths = [max(len(row[i]) for row in cells if not row[0].startswith("**") or i) for i in range(len(cells[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join([*lines, "", NOTE])
