"""Bad weather: a failing or full disk, a clock that is set, signals, and many readers."""

import json
import os
import pty
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time

from crashes import disk, steps_taken
from harness import Broken, Server, Vault, build_shim, say, skip

WAL_BYTES_MAX = 64 << 20
STOP_SECONDS_MAX = 5.0


def summary(log):
    """(scrapes, failures, late, not stored) as the recorder's last line has them."""
    found = re.search(r"stored (\d+) scrapes and (\d+) failures; (\d+) ticks late, (\d+) not stored", log)
    if not found:
        raise Broken(f"no summary in the log: {log[-2000:]}")
    return tuple(int(text) for text in found.groups())


def timed_out(log):
    """How many scrapes our own server did not answer in time, on a machine that is busy: it may not even have read them."""
    return len(re.findall(r"stored target=\S+ t=\d+ error=timed out after", log))


def errors(options, directory):
    """ENOSPC, EIO and EROFS at random steps, for a while: the recorder lives, counts, and goes on."""
    draw = random.Random(options.seed)
    refused = 0
    for number in range(1, options.count + 1):
        server = Server(options.seed + number)
        vault = Vault(options.binary, server, directory)
        vault.remove()
        # Requests of the recording before that the server may come to read only later.
        unread_before = 0
        if number % 2 == 0:
            status, log = vault.record("--count", "3").end()
            # 1 where the server failed all of its requests.
            if status not in (0, 1):
                raise Broken(f"cannot record: {log[-2000:]}")
            unread_before = timed_out(log)
        kind = draw.choice(["enospc", "eio", "erofs"])
        at, span = int(10 ** draw.uniform(0, 2.7)), int(10 ** draw.uniform(0, 2))
        where = f"{kind} at step {at} for {span}"
        asked = server.number_of_requests
        recorder = vault.record("--count", "40", environment=disk(kind, vault, at=at, span=span))
        status, log = recorder.end()
        if "recording 2 target(s)" not in log:
            # It failed to open the file: one sentence, and an exit status that says so.
            if status not in (73, 74, 77) or "Fatal" in log or log.count("\n") != 1:
                raise Broken(f"{where}: status {status}: {log[-2000:]}")
            refused += 1
            again(vault, where)
            continue
        if status not in (0, 1, 74):
            raise Broken(f"{where}: status {status}: {log[-2000:]}")
        scrapes, failures, _, not_stored = summary(log)
        unread = scrapes + failures + not_stored - (server.number_of_requests - asked)
        # What was not stored may have timed out as well.
        if not -unread_before <= unread <= timed_out(log) + not_stored:
            raise Broken(f"{where}: {server.number_of_requests - asked} scrapes, {log[-400:]}")
        # Closing the file may fail as well, and says so in the last line.
        is_closed = not log.rstrip().split("\n")[-1].startswith("expvault: ")
        if (status == 74) != (not_stored > 0 or not is_closed):
            raise Broken(f"{where}: status {status}: {log[-2000:]}")
        if is_closed and steps_taken(vault) > at + span + 60 and not_stored:
            raise Broken(f"{where}: the disk was well again, yet {not_stored} were not stored")
        try:
            vault.must_be_kept()
        except Broken as error:
            raise Broken(f"{where}: {error}") from None
        again(vault, where)
        server.close()
    return f"{options.count} failing disks ({refused} before anything was recorded), nothing lost that was acknowledged"


def again(vault, where):
    status, log = vault.record("--count", "2").end()
    if status not in (0, 1):
        raise Broken(f"{where}: cannot record afterwards: status {status}: {log[-2000:]}")
    vault.must_be_kept()


def fulldisk(options, directory):
    """A file system of 1 MiB that is full, and then has room again; needs root."""
    if os.geteuid() != 0:
        skip("a file system can be mounted by root only")
    mount = os.path.join(directory, "full")
    os.mkdir(mount)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", mount], capture_output=True, check=False)
    if made.returncode != 0:
        skip(f"no tmpfs can be mounted here: {made.stderr.decode().strip()}")
    try:
        for number in range(options.count):
            fill(options, mount, options.seed + number)
            end_full(options, mount, options.seed + number)
        readonly(options, mount)
    finally:
        subprocess.run(["umount", "-l", mount], check=False)
    return f"{options.count} times full and as often ended full: not a scrape lost, storing again within an interval; a read-only disk is read"


def fill(options, mount, seed):
    server = Server(seed, failure_rate=0.0)
    vault = Vault(options.binary, server, mount)
    vault.remove()
    interval = 0.2
    recorder = vault.record(interval="200ms")
    recorder.wait_for("stored target=api")
    filler = os.path.join(mount, "filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    recorder.wait_for("cannot be stored")
    time.sleep(3 * interval)
    if recorder.process.poll() is not None:
        raise Broken(f"the recorder died of a full disk: {recorder.text()[-2000:]}")
    os.unlink(filler)
    begun = time.monotonic()
    recorder.wait_for("storing again")
    taken = time.monotonic() - begun
    # One interval to the next try; the rest is for a machine that is busy with other things.
    if taken > interval + 20.0:
        raise Broken(f"stored again only {taken:.2f} s after there was room")
    time.sleep(2 * interval)
    recorder.signal(signal.SIGTERM)
    status, log = recorder.end()
    if status != 0:
        raise Broken(f"status {status}: {log[-2000:]}")
    scrapes, failures, _, not_stored = summary(log)
    # Our own server may take longer than an interval to answer: such a scrape failed, and it too must be stored as it was.
    if not_stored or failures != timed_out(log):
        raise Broken(f"what fits in memory was not kept until there was room: {log[-2000:]}")
    # A request of each target may have been cut off at the end, and one that timed out may never have been read.
    asked = server.number_of_requests
    if not scrapes <= asked <= scrapes + failures + 2:
        raise Broken(f"{asked} requests, {scrapes} scrapes and {failures} failures stored")
    vault.must_be_kept()
    server.close()


def end_full(options, mount, seed):
    """Told to stop while the disk is full: the totals are said, and `targets` shows what is missing and why."""
    server = Server(seed, failure_rate=0.0)
    vault = Vault(options.binary, server, mount)
    vault.remove()
    recorder = vault.record(interval="200ms")
    recorder.wait_for("stored target=api")
    with open(os.path.join(mount, "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    recorder.wait_for("cannot be stored")
    time.sleep(0.6)
    recorder.signal(signal.SIGTERM)
    status, log = recorder.end()
    not_stored = summary(log)[3]
    if status != 74 or not_stored == 0:
        raise Broken(f"ended on a full disk with {status}: {log[-2000:]}")
    if not re.search(r"target \S+: \d+ scrapes could not be stored \(", log):
        raise Broken(f"what was not stored is not said: {log[-2000:]}")
    os.unlink(os.path.join(mount, "filler"))
    status, output, error = vault.run("targets", "--db", vault.path, "--format", "json")
    if status != 0:
        raise Broken(f"targets after a full disk: {status}: {error}")
    reasons = [(target["last_failure"] or {}).get("reason", "") for target in json.loads(output)]
    if not any("could not be stored before the recording ended" in reason for reason in reasons):
        raise Broken(f"targets does not show what was not stored: {output.decode()[-2000:]} {log[-2000:]}")
    vault.must_be_kept()


def size(options, directory):
    """A limit of size on a disk that is hardly larger, full of other things and not; and a full disk without a limit."""
    mount = mounted(directory, "8m")
    try:
        for number in range(options.count):
            within_limit(options, mount, options.seed + number)
            without_limit(options, mount, options.seed + number)
    finally:
        subprocess.run(["umount", "-l", mount], check=False)
    return f"{options.count} times: within its limit at each look, recording on a full disk, and out of one without a limit"


def mounted(directory, room):
    if os.geteuid() != 0:
        skip("a file system can be mounted by root only")
    mount = os.path.join(directory, "disk")
    os.mkdir(mount)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "none", mount], capture_output=True, check=False)
    if made.returncode != 0:
        skip(f"no tmpfs can be mounted here: {made.stderr.decode().strip()}")
    return mount


def bytes_of(vault):
    total = 0
    for suffix in ["", "-wal"]:
        try:
            total += os.path.getsize(vault.path + suffix)
        except FileNotFoundError:
            pass
    return total


def large_bodies(seed):
    server = Server(seed, failure_rate=0.0)
    draw = random.Random(seed)
    small = server.body

    def body(number):
        document = json.loads(small(number))
        document["large"] = draw.randbytes(6000).hex()
        return (json.dumps(document) + "\n").encode()

    server.body = body
    return server


def count_stored(recorder):
    return recorder.text().count("stored target=")


def wait_until(what, is_so, limit=240.0):
    deadline = time.monotonic() + limit
    while not is_so():
        if time.monotonic() > deadline:
            raise Broken(f"not within {limit} s: {what}")
        time.sleep(0.02)


def fill_up(mount):
    with open(os.path.join(mount, "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass


def within_limit(options, mount, seed):
    limit = 6 << 20
    server = large_bodies(seed)
    vault = Vault(options.binary, server, mount)
    vault.remove()
    recorder = vault.record("--max-size", "6MiB", interval="50ms")
    largest = [0]

    def look(count):
        largest[0] = max(largest[0], bytes_of(vault))
        if recorder.process.poll() is not None:
            raise Broken(f"the recorder ended: {recorder.text()[-2000:]}")
        return count_stored(recorder) >= count

    # Some 15 MiB of bodies that do not compress but by half.
    wait_until("1500 scrapes stored", lambda: look(1500))
    if largest[0] > limit:
        raise Broken(f"{largest[0]} bytes, and the limit is {limit}")
    fill_up(mount)
    stored = count_stored(recorder)
    wait_until("recording on a full disk", lambda: look(stored + 500))
    recorder.signal(signal.SIGTERM)
    status, log = recorder.end()
    if status != 0 or "retention dropped the oldest" not in log:
        raise Broken(f"within a limit: status {status}: {log[-2000:]}")
    status, log = vault.record("--max-size", "6MiB", "--count", "5").end()
    if status != 0:
        raise Broken(f"started again on a full disk: status {status}: {log[-2000:]}")
    vault.must_be_the_newest()
    server.close()


def without_limit(options, mount, seed):
    server = large_bodies(seed)
    vault = Vault(options.binary, server, mount)
    vault.remove()
    recorder = vault.record(interval="50ms")
    wait_until("a full disk", lambda: "cannot be stored" in recorder.text())
    fill_up(mount)
    recorder.signal(signal.SIGTERM)
    _, log = recorder.end()
    if "expvault compact" not in log:
        raise Broken(f"no command is named: {log[-2000:]}")
    # It starts again, whatever it can store.
    again = vault.record("--count", "2")
    status, log = again.end()
    if "recording 2 target(s)" not in log:
        raise Broken(f"cannot start on a full disk: status {status}: {log[-2000:]}")
    status, _, error = vault.run("compact", "--retain", "1s", "--db", vault.path)
    if status != 0:
        raise Broken(f"compact on a full disk: status {status}: {error}")
    os.unlink(os.path.join(mount, "filler"))
    status, log = vault.record("--count", "5").end()
    if status != 0:
        raise Broken(f"after compact: status {status}: {log[-2000:]}")
    vault.check()
    server.close()


def readonly(options, mount):
    server = Server(options.seed)
    vault = Vault(options.binary, server, mount)
    done = subprocess.run(["mount", "-o", "remount,ro", mount], capture_output=True, check=False)
    if done.returncode != 0:
        raise Broken(f"remount: {done.stderr.decode()}")
    for arguments in (["targets"], ["rate", "requests.total"], ["check"]):
        status, _, error = vault.run(*arguments, "--db", vault.path)
        if status != 0:
            raise Broken(f"{arguments} on a read-only disk: status {status}: {error}")
    status, _, error = vault.run("record", "--count", "1", "--db", vault.path, *server.targets("api"))
    if status not in (74, 77) or error.count("\n") != 1:
        raise Broken(f"record on a read-only disk: status {status}: {error}")
    subprocess.run(["mount", "-o", "remount,rw", mount], check=False)
    server.close()


def sigterm(options, directory):
    """SIGTERM at random moments, now and then beside a reader that keeps its snapshot: exit 0 within 5 s, all stored."""
    draw = random.Random(options.seed)
    server = Server(options.seed)
    vault = Vault(options.binary, server, directory)
    slowest = 0.0
    for number in range(1, options.count + 1):
        if number % 60 == 0:
            vault.remove()
        asked = server.number_of_requests
        recorder = vault.record("--timeout", "2s", interval=draw.choice(["20ms", "50ms", "300ms"]))
        recorder.wait_for("recording ")
        time.sleep(draw.uniform(0.0, 0.7))
        reader = None
        if number % 3 == 0:
            reader = sqlite3.connect(f"file:{vault.path}?mode=ro", uri=True, isolation_level=None)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM tail").fetchone()
            time.sleep(0.3)
        recorder.signal(draw.choice([signal.SIGTERM, signal.SIGINT]))
        begun = time.monotonic()
        status, log = recorder.end()
        slowest = max(slowest, time.monotonic() - begun)
        if reader:
            reader.close()
        if status != 0:
            raise Broken(f"status {status}: {log[-2000:]}")
        scrapes, failures, _, not_stored = summary(log)
        # A request of each target may have been cut off, which is no scrape.
        cut = server.number_of_requests - asked - scrapes - failures
        if not_stored or not -timed_out(log) <= cut <= 2:
            raise Broken(f"{cut} scrapes unaccounted for, {not_stored} not stored")
        vault.must_be_kept()
    if slowest > STOP_SECONDS_MAX:
        raise Broken(f"took {slowest:.2f} s to stop")
    return f"{options.count} times told to stop, {options.count // 3} beside a reader: all stored, slowest {slowest:.2f} s"


def clock(options, directory):
    """The wall clock set by up to 10 days, back and forth: order, schedule and data stand."""
    draw = random.Random(options.seed)
    server = Server(options.seed, failure_rate=0.0)
    vault = Vault(options.binary, server, directory)
    file = os.path.join(directory, "step")
    for number in range(1, options.count + 1):
        vault.remove()
        with open(file, "w", encoding="ascii") as out:
            out.write("0")
        environment = {"LD_PRELOAD": build_shim("clock"), "CLOCK_STEP_FILE": file}
        asked = server.number_of_requests
        recorder = vault.record("--retain", "1d", interval="50ms", targets=["api"], environment=environment)
        recorder.wait_for("stored target=api")
        begun = time.monotonic()
        steps, offset = [], 0
        for _ in range(draw.randint(1, 4)):
            time.sleep(0.5)
            step = draw.choice([-1, 1]) * draw.randint(5, 10 * 86_400)
            offset += step
            steps.append(step)
            with open(file + ".new", "w", encoding="ascii") as out:
                out.write(str(offset))
            os.rename(file + ".new", file)
        time.sleep(0.5)
        taken = time.monotonic() - begun
        recorder.signal(signal.SIGTERM)
        status, log = recorder.end()
        if status != 0:
            raise Broken(f"status {status}: {log[-2000:]}")
        late = summary(log)[2]
        asked = server.number_of_requests - asked + late
        if abs(asked - taken / 0.05) > 12 + taken:
            raise Broken(f"{asked} ticks in {taken:.1f} s of 50 ms: the schedule moved with the clock")
        vault.must_be_kept()
        status, output, error = vault.run("targets", "--db", vault.path, "--format", "json")
        found = [step["step_ms"] / 1000 for step in json.loads(output)[0]["clock_steps"]]
        if len(found) != len(steps) or any(abs(a - b) > 1 for a, b in zip(found, steps)):
            raise Broken(f"clock steps {found}, and it was set by {steps}")
    return f"{options.count} recordings through a clock that is set: each step recorded, nothing lost or out of order"


def stop(options, directory):
    """SIGSTOP for a while, then SIGCONT: no burst, and the missed ticks are counted."""
    server = Server(options.seed)
    vault = Vault(options.binary, server, directory)
    for _ in range(options.count):
        recorder = vault.record(interval="50ms", targets=["api"])
        recorder.wait_for("stored target=api")
        stopped = time.monotonic()
        recorder.signal(signal.SIGSTOP)
        time.sleep(2.0)
        asked = server.number_of_requests
        continued = time.monotonic()
        recorder.signal(signal.SIGCONT)
        time.sleep(0.5)
        burst = server.number_of_requests - asked
        # By the clock, not by what we asked for: we may have slept for longer.
        due = (time.monotonic() - continued) / 0.05
        missed = (continued - stopped) / 0.05
        if burst > due + 4:
            raise Broken(f"{burst} scrapes after the stop, of {due:.0f} that were due")
        recorder.signal(signal.SIGTERM)
        status, log = recorder.end()
        if status != 0:
            raise Broken(f"status {status}: {log[-2000:]}")
        late = summary(log)[2]
        # Ours to miss are those of the stop; a machine that is busy may add a few, and the ticks of the time after it.
        if not missed - 10 <= late <= missed + due + 20:
            raise Broken(f"{late} ticks late, of {missed:.0f} that passed while it was stopped")
        vault.must_be_kept()
    return f"{options.count} times stopped and continued: no burst, the gap counted"


def readers(options, directory):
    """20 readers at once, two live views and one that never ends, for --count seconds: no "busy", the WAL is bounded."""
    server = Server(options.seed)
    vault = Vault(options.binary, server, directory)
    recorder = vault.record(interval="100ms", targets=list("abcdefgh"))
    recorder.wait_for("stored target=a")
    time.sleep(1)
    # It writes into a pipe that nobody reads, and so stands in the middle for ever.
    endless = subprocess.Popen(
        [vault.binary, "export", "raw", "--db", vault.path, "--out", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    commands = [
        ["targets"], ["series"], ["rate", "requests.*"], ["values", "*"], ["pauses"], ["check"],
        ["show", "--target", "a"], ["export", "file", "--out", "-"],
    ]
    views = [LiveView(vault) for _ in range(2)]
    deadline = time.monotonic() + options.count
    problems, counts, wal = [], [], [0]

    def read(number):
        draw = random.Random(options.seed + number)
        while time.monotonic() < deadline and not problems:
            status, _, error = vault.run(*draw.choice(commands), "--db", vault.path)
            counts.append(1)
            if status != 0:
                problems.append(f"status {status}: {error}")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        wal[0] = max(wal[0], os.path.getsize(vault.path + "-wal"))
        time.sleep(0.05)
    endless.kill()
    endless.wait()
    for view in views:
        problems += view.end()
    recorder.signal(signal.SIGTERM)
    status, log = recorder.end()
    if problems:
        raise Broken(f"a reader failed: {problems[0]}")
    if status != 0 or "cannot be stored" in log:
        raise Broken(f"the recorder: status {status}: {log[-2000:]}")
    if wal[0] > WAL_BYTES_MAX:
        raise Broken(f"the WAL grew to {wal[0]} bytes")
    vault.must_be_kept()
    # Late ones are told, not forbidden: all of this shares the machine with the targets.
    late = re.search(r"(\d+) ticks late", log)
    say(f"{len(vault.acknowledged)} scrapes stored meanwhile, {late.group(0) if late else 'nothing said of late ones'}")
    return f"{len(counts)} answers to 20 readers and two live views in {options.count} s, the WAL at most {wal[0] >> 10} KiB"


class LiveView:
    """`expvault top` on a terminal of its own, looking as often as it can."""

    def __init__(self, vault):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(vault.binary, [vault.binary, "top", "--db", vault.path, "--interval", "100ms", "--window", "1m"])
        self.seen = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                part = os.read(self.terminal, 1 << 16)
            except OSError:
                return
            if not part:
                return
            self.seen = (self.seen + part)[-(1 << 20):]

    def end(self):
        """Quits; says what was wrong."""
        os.write(self.terminal, b"q")
        _, status = os.waitpid(self.pid, 0)
        self.reader.join(10)
        os.close(self.terminal)
        if status != 0:
            return [f"top ended with {os.waitstatus_to_exitcode(status)}: {self.seen[-500:]!r}"]
        # It drew the targets, and nothing went wrong that it would have told of.
        if b"8 targets" not in self.seen or b"trying again" in self.seen:
            return [f"top did not show the targets: {self.seen[-500:]!r}"]
        return []
