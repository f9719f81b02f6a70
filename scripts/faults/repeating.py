"""Exports of one recording by many hands: whoever sends a document, it is in the stream once, or counted as possibly twice."""

import gzip
import http.server
import json
import os
import random
import shutil
import subprocess
import threading

from harness import Broken, Server, Vault, died_by_kill, say

STREAMS = ("logs-golang.heap-default", "logs-golang.expvar-default")


class Cluster:
    """Data streams whose indices know their own ids only, and roll over."""

    def __init__(self, draw):
        self.draw = draw
        self.lock = threading.Lock()
        self.forget()
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer(*cluster.get(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                answer = cluster.post(self.path, body)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.answer(*answer)

            def answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # The client was killed, or we cut the line ourselves.

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def forget(self):
        self.streams = {name: [] for name in STREAMS}
        self.mood = "well"

    def roll_over(self, name):
        # A stream comes into being with its first document.
        if self.streams[name]:
            self.streams[name].append(set())

    def index(self, name, number):
        return f".ds-{name}-2026.01.01-{number + 1:06}"

    def get(self, path):
        if "_mapping/field" in path:
            return 404, {"error": {"type": "index_not_found_exception", "reason": "no such index"}}
        if "_data_stream" not in path:
            return 200, {"name": "n", "cluster_uuid": "torture", "version": {"number": "8.15.0"}}
        name = path.split("/")[2].split("?")[0]
        with self.lock:
            if not self.streams[name]:
                return 404, {"error": {"type": "index_not_found_exception", "reason": "no such index"}}
            indices = [{"index_name": self.index(name, number)} for number in range(len(self.streams[name]))]
        return 200, {"data_streams": [{"name": name, "indices": indices}]}

    def post(self, path, body):
        if "/_refresh" in path:
            return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}
        if "/_search" in path:
            wanted = json.loads(body)["query"]["ids"]["values"]
            with self.lock:
                hits = [{"_id": id} for index in self.streams[path.split("/")[1]] for id in wanted if id in index]
            return 200, {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}}
        if "/_bulk" not in path:
            return 404, {"error": {"type": "index_not_found_exception", "reason": "no such index"}}
        with self.lock:
            if self.mood == "rolling" and self.draw.random() < 0.2:
                self.roll_over(self.draw.choice(STREAMS))
            if self.mood == "busy":
                return 503, {"error": {"type": "unavailable_shards_exception", "reason": "busy"}}
            if self.mood == "deaf":
                return None
            items = self.create(body)
            if self.mood == "cutting":
                # It works, and says nothing; from now on it does not even work.
                self.mood = "deaf"
                return None
        return 200, {"errors": False, "items": items}

    def create(self, body):
        items = []
        lines = body.split(b"\n")
        for action, _ in zip(lines[0::2], lines[1::2]):
            create = json.loads(action)["create"]
            indices = self.streams[create["_index"]]
            if not indices:
                indices.append(set())
            status = 409 if create["_id"] in indices[-1] else 201
            indices[-1].add(create["_id"])
            name = self.index(create["_index"], len(indices) - 1)
            items.append({"create": {"_index": name, "_id": create["_id"], "status": status}})
        return items

    def copies(self, name, id):
        return sum(id in index for index in self.streams[name])


class History:
    """One recording, what comes of it, and what is done to it."""

    def __init__(self, options, directory, server, cluster, draw):
        self.binary, self.directory, self.server, self.cluster, self.draw = options.binary, directory, server, cluster, draw
        self.number = 0
        self.vaults = [self.vault()]
        self.central = None
        self.possibly_twice = 0
        self.record()

    def vault(self):
        self.number += 1
        place = os.path.join(self.directory, f"db{self.number}")
        os.mkdir(place)
        return Vault(self.binary, self.server, place)

    def run(self, vault, *arguments):
        status, output, error = vault.run(*arguments, "--db", vault.path)
        if status != 0:
            raise Broken(f"{arguments}: status {status}: {error}")
        return output

    def record(self):
        count = str(self.draw.randrange(1, 6))
        status, log = self.vaults[0].record("--count", count, targets=("api", "db"), interval="10ms").end()
        if status not in (0, 1):
            raise Broken(f"cannot record: status {status}: {log[-2000:]}")

    def export(self, vault, mood="well", kill_after=None):
        self.cluster.mood = mood
        arguments = ["--url", self.cluster.url, "--db", vault.path, "--format", "json", "--gzip-level", "0"]
        if mood in ("busy", "cutting"):
            arguments += ["--max-wait", "1s"]
        command = ["export", "elasticsearch", "--request-timeout", "1s", *arguments]
        if kill_after is None:
            status, output, error = vault.run(*command)
        else:
            status, output, error = killed(vault, command, kill_after)
        self.cluster.mood = "well"
        if kill_after is not None and died_by_kill(status):
            return
        if status not in ((0, 69) if mood in ("busy", "cutting") else (0,)):
            raise Broken(f"export in a server that is {mood}: status {status}: {error}")
        self.possibly_twice += json.loads(output)["possibly_twice"]

    def step(self):
        """One of the things that people do."""
        vault = self.draw.choice(self.vaults)
        what = self.draw.choice(
            ["export", "export", "kill", "cut", "busy", "rolling", "rollover", "record", "lost", "keep", "old", "capture", "copy"]
            + ["rename", "central"]
        )
        ledger = vault.path + "-export"
        if what == "export":
            self.export(vault)
        elif what == "kill":
            self.export(vault, kill_after=self.draw.uniform(0.02, 0.4))
        elif what in ("cut", "busy", "rolling"):
            self.export(vault, mood={"cut": "cutting"}.get(what, what))
        elif what == "rollover":
            self.cluster.roll_over(self.draw.choice(STREAMS))
        elif what == "record":
            self.record()
        elif what == "lost" and os.path.exists(ledger):
            os.unlink(ledger)
        elif what == "keep" and os.path.exists(ledger):
            shutil.copy2(ledger, ledger + ".kept")
        elif what == "old" and os.path.exists(ledger + ".kept"):
            for name in (ledger, ledger + "-journal"):
                if os.path.exists(name):
                    os.unlink(name)
            shutil.copy2(ledger + ".kept", ledger)
        elif what in ("capture", "copy") and len(self.vaults) < 5:
            self.derive(vault, what)
        elif what == "rename":
            self.rename(vault)
        elif what == "central":
            self.bring(vault)
        return what

    def derive(self, vault, what):
        made = self.vault()
        if what == "capture":
            self.run(vault, "capture", "--out", made.path)
        else:
            for suffix in ("", "-wal", "-export"):
                if os.path.exists(vault.path + suffix):
                    shutil.copy2(vault.path + suffix, made.path + suffix)
        self.vaults.append(made)

    def rename(self, vault):
        old = self.draw.choice([target["target"] for target in json.loads(self.run(vault, "targets", "--format", "json"))])
        self.number += 1
        self.run(vault, "targets", "rename", old, f"name{self.number}")

    def bring(self, vault):
        if vault is self.central:
            return
        if self.central is None:
            self.central = self.vault()
            self.vaults.append(self.central)
        raw = os.path.join(self.directory, "raw.ndjson")
        self.run(vault, "export", "raw", "--out", raw)
        status, _, error = self.central.run("import", "--db", self.central.path, raw)
        # 65: a target of that name has another scrape at that time, under a name that it had elsewhere.
        if status not in (0, 65):
            raise Broken(f"import: status {status}: {error}")
        os.unlink(raw)

    def must_hold(self):
        for vault in self.vaults:
            self.export(vault)
        twice = set()
        count = 0
        for vault in self.vaults:
            output = self.run(vault, "export", "file", "--bulk", "--out", "-")
            for action in output.splitlines()[0::2]:
                create = json.loads(action)["create"]
                copies = self.cluster.copies(create["_index"], create["_id"])
                count += 1
                if copies == 0:
                    raise Broken(f"{vault.path}: {create} is nowhere")
                if copies > 1:
                    twice.add(create["_id"])
        if len(twice) > self.possibly_twice:
            raise Broken(f"{len(twice)} documents are there twice, {self.possibly_twice} were counted")
        return count, len(twice)


def killed(vault, command, after):
    """Kills a command after so many seconds, unless it has ended."""
    child = subprocess.Popen([vault.binary, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, error = child.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        child.kill()
        output, error = child.communicate()
    return child.returncode, output, error.decode("utf-8", "replace")


def once(options, directory):
    """Exports, kills, lost and old ledgers, captures, copies, new names, central imports, rollovers, --count times: each once."""
    draw = random.Random(options.seed)
    cluster = Cluster(draw)
    documents = repeats = 0
    for number in range(options.count):
        place = os.path.join(directory, f"history{number}")
        os.mkdir(place)
        cluster.forget()
        history = History(options, place, Server(draw.randrange(1 << 30), failure_rate=0), cluster, draw)
        steps = []
        try:
            for _ in range(draw.randrange(8, 24)):
                steps.append(history.step())
            count, twice = history.must_hold()
        except Broken as error:
            raise Broken(f"history {number}, {steps}: {error}") from error
        documents += count
        repeats += twice
        shutil.rmtree(place)
        if (number + 1) % 10 == 0:
            say(f"{number + 1}/{options.count}: {documents} documents looked at, {repeats} there twice and counted")
    return f"{options.count} histories, {documents} documents looked at, none lost, {repeats} there twice and counted"
