"""Somebody removes, moves, replaces or links the files of a database while it is recorded."""

import os
import random
import re
import signal
import time

from harness import Broken, Server, Vault

CHANGE = re.compile(r"critical: \S+ was (removed|moved to (\S+)) while it was recorded")
STORED = re.compile(r"stored target=(\S+) t=(\d+)( error=.*)?$")


def touch(options, directory):
    """--count random touches of a recorded database: what was acknowledged is in the file that stood there then."""
    draw = random.Random(options.seed)
    server = Server(options.seed)
    vault = Vault(options.binary, server, directory)
    counts = {}
    for number in range(options.count):
        vault.remove()
        action = draw.choice([remove, remove_all, move, move_all, replace, log, index, lock, second])
        name = action.__name__
        counts[name] = counts.get(name, 0) + 1
        if action is replace:
            vault.record("--count", "3").end()
            os.rename(vault.path, vault.path + ".other")
        vault.acknowledged = {}
        recorder = vault.record(interval=draw.choice(["20ms", "50ms"]))
        recorder.wait_for("stored target=")
        time.sleep(draw.uniform(0, 0.3))
        action(vault, draw)
        if action not in (second,):
            recorder.wait_for("while it was recorded" if action is not lock else "is made anew")
        time.sleep(draw.uniform(0, 0.4))
        is_killed = draw.random() < 0.5
        recorder.signal(signal.SIGKILL if is_killed else signal.SIGTERM)
        status, text = recorder.end()
        if status != (-signal.SIGKILL if is_killed else 0):
            raise Broken(f"{name} (number {number}): status {status}: {text[-2000:]}")
        try:
            account(vault, text)
        except Broken as error:
            raise Broken(f"{name} (number {number}): {error}: {text[-2000:]}") from None
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f"{options.count} touches ({told}): nothing acknowledged that is nowhere"


def account(vault, text):
    """Each acknowledged scrape is in the file that stood at the path when it was acknowledged, unless that was removed."""
    path = vault.path
    vault.acknowledged = {}
    for line in text.split("\n")[:-1]:
        change = CHANGE.search(line)
        if change:
            if change.group(2):
                vault.path = change.group(2)
                vault.must_be_kept()
                vault.path = path
            vault.acknowledged = {}
        stored = STORED.search(line)
        if stored:
            vault.acknowledged[(stored.group(1), int(stored.group(2)))] = stored.group(3) is None
    # It may have been killed before it began the new one.
    if vault.acknowledged or os.path.exists(path):
        vault.must_be_kept()


def unlink(path):
    if os.path.lexists(path):
        os.unlink(path)


def remove(vault, _):
    unlink(vault.path)


def remove_all(vault, draw):
    names = ["", "-wal", "-shm", "-lock"]
    draw.shuffle(names)
    for name in names:
        unlink(vault.path + name)


def move(vault, _):
    os.rename(vault.path, vault.path + ".moved")


def move_all(vault, _):
    for name in ["", "-wal", "-shm"]:
        if os.path.exists(vault.path + name):
            os.rename(vault.path + name, vault.path + ".moved" + name)


def replace(vault, _):
    os.rename(vault.path + ".other", vault.path)


def log(vault, _):
    unlink(vault.path + "-wal")


def index(vault, _):
    unlink(vault.path + "-shm")


def lock(vault, _):
    unlink(vault.path + "-lock")
    refused(vault, vault.path)


def second(vault, _):
    """The same file by another name."""
    os.link(vault.path, vault.path + ".link")
    refused(vault, vault.path + ".link")


def refused(vault, path):
    status, _, error = vault.run("record", "--count", "1", "--db", path, *vault.server.targets("api"))
    if status != 75 or "pid" not in error and "process" not in error:
        raise Broken(f"a second recorder: status {status}: {error}")
