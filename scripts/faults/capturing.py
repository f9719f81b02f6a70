"""What becomes of a capture that does not get to its end: it is there whole, or not at all."""

import json
import os
import random
import signal
import subprocess
import time

from crashes import disk, steps_taken
from harness import Broken, Server, Vault, died_by_kill, say

OUT = "out.db"


def capture(options, directory):
    """Death, power loss, a full or failing disk at --count random steps of a capture, and signals: whole or not there."""
    server = Server(options.seed, failure_rate=0.1)
    vault = Vault(options.binary, server, directory)
    for _ in range(2):
        # One half sealed, the other in the tail.
        vault.record("--count", "40", interval="10ms").end()
        if _ == 0:
            vault.run("compact", "--db", vault.path)
    since, until = middle(vault)
    out = Capture(vault, os.path.join(directory, OUT), since, until)
    if out.take() != 0:
        raise Broken(f"cannot capture at all: {out.error}")
    expected = out.content()
    steps = count_steps(out)
    draw = random.Random(options.seed)
    outcomes = {"whole": 0, "none": 0}
    for number in range(options.count):
        mode = draw.choice(["kill", "loss", "enospc", "eio", "erofs"])
        at = draw.randrange(1, steps + 1)
        where = f"{mode} at step {at} of {steps} (number {number})"
        out.remove()
        settings = {"at": at, "seed": options.seed + number}
        if mode in ("enospc", "eio", "erofs"):
            settings["span"] = draw.choice([1, 3, 1 << 20])
        status = out.take(shim(mode, vault, out.path, **settings))
        if mode in ("kill", "loss"):
            if status == 0 or not died_by_kill(status):
                raise Broken(f"{where}: status {status}, {out.error}")
        elif status not in (0, 73, 74, 77) or (status != 0 and out.error.count("\n") != 1):
            raise Broken(f"{where}: status {status}, {out.error}")
        elif status != 0 and settings["span"] == 1 and out.leftovers():
            # Where a disk refuses to remove files as well they stay for the next one.
            raise Broken(f"{where}: left behind {out.leftovers()}")
        if os.path.exists(out.path):
            outcomes["whole"] += 1
            if out.content() != expected:
                raise Broken(f"{where}: the capture is there and is not what it should be")
        elif status == 0:
            raise Broken(f"{where}: said to be done, and no file")
        else:
            outcomes["none"] += 1
        # Whatever was left, the next one to the same place copes.
        if out.take(force=True) != 0 or out.content() != expected:
            raise Broken(f"{where}: the next capture: {out.error}")
        if out.leftovers():
            raise Broken(f"{where}: the next capture left {out.leftovers()}")
    ended = signals(out, expected, draw, max(5, options.count // 10))
    vault.must_be_kept()
    return f"{options.count} faults: {outcomes['whole']} times whole, {outcomes['none']} times no file; {ended} signals left nothing"


def signals(out, expected, draw, count):
    """SIGINT, SIGTERM and SIGHUP at random moments: nothing of it is left, and the status is the signal's."""
    began = time.monotonic()
    out.remove()
    out.take()
    lasts = time.monotonic() - began
    ended = 0
    for _ in range(count):
        out.remove()
        number = draw.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        process = subprocess.Popen(out.words(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, lasts * 1.1))
        process.send_signal(number)
        status = process.wait(30)
        if out.leftovers():
            raise Broken(f"signal {number} left {out.leftovers()}")
        if status == -number:
            ended += 1
        elif status != 0:
            raise Broken(f"signal {number}: status {status}")
        if os.path.exists(out.path) and out.content() != expected:
            raise Broken(f"signal {number}: the capture is there and is not what it should be")
    return ended


def middle(vault):
    """A range that cuts both ends of what was recorded."""
    moments = sorted(moment for _, moment, _ in vault.lines())
    return moments[len(moments) // 5], moments[len(moments) * 4 // 5]


def shim(mode, vault, path, **settings):
    environment = disk(mode, vault, **settings)
    environment["DISK_PATH"] = path
    return environment


def count_steps(out):
    out.remove()
    out.take(shim("count", out.vault, out.path))
    steps = steps_taken(out.vault)
    say(f"a capture takes {steps} steps")
    return steps


class Capture:
    """One capture of a vault, and where it goes."""

    def __init__(self, vault, path, since, until):
        self.vault = vault
        self.path = path
        self.since, self.until = since, until
        self.error = ""

    def words(self, force=False):
        words = [self.vault.binary, "capture", "--db", self.vault.path, "--out", self.path]
        return words + ["--since", str(self.since), "--until", str(self.until)] + (["--force"] if force else [])

    def take(self, environment=None, force=False):
        status, _, self.error = self.vault.run(*self.words(force)[1:], environment=environment)
        return status

    def content(self):
        """What the capture answers; it must be sound."""
        answers = []
        for words in [
            ["check"], ["export", "raw", "--failures", "--out", "-"], ["rate", "*", "--step", "100ms", "--format", "json"],
            ["values", "*", "--format", "json"], ["pauses", "--format", "json"], ["series", "--format", "json"],
        ]:
            status, output, error = self.vault.run(*words, "--db", self.path)
            if status != 0:
                raise Broken(f"{words[0]} of the capture: status {status}: {error}")
            answers.append(output if words[0] != "check" else b"")
        if not any(json.loads(line).get("body") for line in answers[1].splitlines()):
            raise Broken("the capture is empty")
        return answers

    def leftovers(self):
        name = os.path.basename(self.path)
        return sorted(
            other
            for other in os.listdir(self.vault.directory)
            # What a command that only reads leaves beside a database: an empty WAL and its index.
            if other.startswith(name) and other not in (name, name + "-wal", name + "-shm", name + "-lock")
        )

    def remove(self):
        name = os.path.basename(self.path)
        for other in os.listdir(self.vault.directory):
            if other.startswith(name):
                os.unlink(os.path.join(self.vault.directory, other))
