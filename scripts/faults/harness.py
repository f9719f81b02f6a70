"""What every torture needs: a server of unique bodies, the recorder, and the oracle "Kept".

Kept: the server answers each request with a body that has a number of its own. The recorder says `stored target=NAME
t=MS` once a scrape is durable. After a fault, every scrape that was acknowledged so must be there exactly once, every
stored body must be one that was served, byte for byte, none twice and in the order served, and `expvault check` must
have nothing to say.
"""

import http.server
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
RESTART_SECONDS_MAX = 2.0


class Broken(Exception):
    """What must hold does not."""


class Server:
    """Answers /NAME with a body that was never served before; now and then with 503."""

    def __init__(self, seed, failure_rate=0.05):
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.served = {}
        self.number = 0
        self.number_of_requests = 0
        self.failure_rate = failure_rate
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, body = server.answer(self.path.strip("/"))
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # The client was killed: that is the test.

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, target):
        with self.lock:
            self.number_of_requests += 1
            if self.random.random() < self.failure_rate:
                return 503, b"not now\n"
            self.number += 1
            body = self.body(self.number)
            self.served.setdefault(target, {})[self.number] = body
            return 200, body

    def body(self, number):
        draw = self.random
        collections = number // 3
        ring = [(7919 * i) % 100_000 if i < collections else 0 for i in range(16)]
        document = {
            "unique": number,
            "cmdline": ["service", "-run", str(number // 400)],
            "requests": {"total": number * 3, "errors": number // 7},
            "queue": draw.randrange(1000),
            "note": "x" * draw.randrange(60),
            "load": draw.random(),
            "memstats": {"Alloc": draw.randrange(1 << 30), "NumGC": collections, "PauseNs": ring},
        }
        if number % 50 == 0:
            document["large"] = "".join(chr(draw.randrange(32, 127)) for _ in range(20_000))
        return (json.dumps(document) + "\n").encode()

    def targets(self, *names):
        return [f"{name}=http://127.0.0.1:{self.port}/{name}" for name in names]

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Vault:
    """One database in a directory of its own, and what was acknowledged for it."""

    def __init__(self, binary, server, directory):
        self.binary = binary
        self.server = server
        self.directory = directory
        self.path = os.path.join(directory, "a.db")
        self.acknowledged = {}
        self.imported = {}

    def run(self, *arguments, environment=None, limit=120):
        """A command to its end: (status, output, error)."""
        done = subprocess.run(
            [self.binary, *arguments],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")

    def record(self, *arguments, targets=("api", "db"), interval="20ms", environment=None):
        return Recorder(self, arguments, targets, interval, environment)

    def note(self, log):
        """Takes down what a recorder's log acknowledges; a line that the kill cut is none."""
        count = 0
        for line in log.split("\n")[:-1]:
            found = re.search(r"stored target=(\S+) t=(\d+)( error=.*)?$", line)
            if found:
                key = (found.group(1), int(found.group(2)))
                if key in self.acknowledged:
                    raise Broken(f"acknowledged twice: {key}")
                self.acknowledged[key] = found.group(3) is None
                count += 1
        return count

    def check(self):
        status, output, error = self.run("check", "--db", self.path)
        if status != 0:
            raise Broken(f"check: status {status}: {output.decode()}{error}")

    def lines(self):
        """Every scrape: (target, ts, body or None)."""
        status, output, error = self.run("export", "raw", "--failures", "--db", self.path, "--out", "-")
        if status != 0:
            raise Broken(f"export raw: status {status}: {error}")
        for line in output.splitlines():
            entry = json.loads(line)
            yield entry["target"], entry["ts"], None if "error" in entry else entry["body"].encode()

    def losses(self):
        """What of the acknowledged is not there; raises where something else is wrong."""
        seen = {}
        numbers = {}
        for target, moment, body in self.lines():
            if (target, moment) in seen:
                raise Broken(f"twice in the database: {target} at {moment}")
            seen[(target, moment)] = body is not None
            if body is None:
                continue
            number = json.loads(body)["unique"]
            served = self.server.served.get(target, {}).get(number)
            if served != body:
                raise Broken(f"not what was served: {target} at {moment}, number {number}")
            if number <= numbers.get(target, -1):
                raise Broken(f"out of order or twice: {target} number {number}")
            numbers[target] = number
        for key, succeeded in self.acknowledged.items():
            if key in seen and seen[key] != succeeded:
                raise Broken(f"acknowledged as one thing, stored as another: {key}")
        return sorted(key for key in self.acknowledged if key not in seen)

    def must_be_kept(self):
        self.check()
        lost = self.losses()
        if lost:
            raise Broken(f"{len(lost)} acknowledged scrapes are lost, the first {lost[0]}")

    def must_be_the_newest(self):
        """After retention: what is missing is older than all that is there of its target."""
        self.check()
        oldest = {}
        for target, moment, _ in self.lines():
            oldest[target] = min(moment, oldest.get(target, moment))
        wrong = [key for key in self.losses() if key[1] >= oldest.get(key[0], key[1] + 1)]
        if wrong:
            raise Broken(f"{len(wrong)} acknowledged scrapes are lost that retention had no reason to drop")

    def remove(self):
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        self.acknowledged = {}


class Recorder:
    """A running `expvault record`; its log goes to a file, so that no pipe fills up."""

    def __init__(self, vault, arguments, targets, interval, environment):
        self.vault = vault
        self.log = tempfile.TemporaryFile()
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [
                vault.binary, "record", "--db", vault.path, "--interval", interval, "--log-level", "debug",
                *arguments, *vault.server.targets(*targets),
            ],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )

    def text(self):
        # By position and not by seeking: the child writes at the position that it shares with us.
        return os.pread(self.log.fileno(), 1 << 30, 0).decode("utf-8", "replace")

    def wait_for(self, words, limit=120.0):
        """Seconds from the start until the log has those words; None where the process ended before."""
        while time.monotonic() - self.begun < limit:
            if words in self.text():
                return time.monotonic() - self.begun
            if self.process.poll() is not None:
                return time.monotonic() - self.begun if words in self.text() else None
            time.sleep(0.005)
        raise Broken(f"no {words!r} in the log within {limit} s: {self.text()[-2000:]}")

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, limit=60.0):
        """Waits for the end and takes down what was acknowledged: (status, log)."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Broken(f"the recorder did not end within {limit} s: {self.text()[-2000:]}") from None
        text = self.text()
        self.log.close()
        self.vault.note(text)
        return self.process.returncode, text


def build_shim(name):
    """Compiles Tests/Shims/NAME.c where it is newer than what was compiled before."""
    source = os.path.join(ROOT, "Tests", "Shims", name + ".c")
    directory = os.path.join(ROOT, ".build", "shims")
    os.makedirs(directory, exist_ok=True)
    made = os.path.join(directory, name + ".so")
    if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(source):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            skip("no C compiler (cc, gcc or clang)")
        draft = f"{made}.{os.getpid()}"
        subprocess.run(
            [compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", draft, source, "-ldl", "-lpthread"],
            check=True,
        )
        os.rename(draft, made)
    return made


def skip(reason):
    """Ends with 77, which stands for "could not be run here" (as automake has it)."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(77)


def died_by_kill(status):
    return status == -signal.SIGKILL


def say(words):
    print(words, flush=True)
