"""What somebody does to the files with cp and truncate: copies of one moment or another, and files that lost something."""

import os
import random
import re
import shlex
import shutil
import signal
import time

from harness import Broken, Server, Vault


def copies(options, directory):
    """Files copied while they are written, backups put under a left WAL, files cut off or gone: refused or said, never believed."""
    draw = random.Random(options.seed)
    server = Server(options.seed, failure_rate=0.0)
    vault = Vault(options.binary, server, directory)
    outcomes = {"whole": 0, "said": 0, "refused": 0, "rescued": 0}
    for number in range(options.count):
        vault.remove()
        # A small limit, so that the WAL is begun anew every half second; nothing is dropped of so little.
        recorder = vault.record("--max-size", "2MiB", interval="10ms", targets=["api"])
        recorder.wait_for("stored target=api")
        time.sleep(draw.uniform(0.1, 0.6))
        backup = take(vault, "backup")
        time.sleep(draw.uniform(0.1, 0.6))
        torn = take(vault, "torn", pause=draw.uniform(0.0, 0.2))
        recorder.signal(draw.choice([signal.SIGKILL, signal.SIGTERM]))
        recorder.end()
        vault.must_be_kept()
        acknowledged = len(vault.acknowledged)
        for name, files, suffixes in [
            ("file alone", backup, [""]), ("file and WAL of two moments", torn, ["", "-wal"]),
        ]:
            outcomes[judge(vault, files, suffixes, f"{name} ({number})")] += 1
        if os.path.exists(vault.path + "-wal") and os.path.getsize(vault.path + "-wal"):
            outcomes[put_under(vault, backup, number)] += 1
        outcomes["rescued"] += lose(vault, draw, acknowledged, number)
    server.close()
    return f"{options.count} recordings copied in all ways: {outcomes}"


def take(vault, name, pause=0.0):
    """Copies the file, then its WAL, as cp does: {suffix: path}."""
    files = {}
    for suffix in ["", "-wal"]:
        path = os.path.join(vault.directory, name + ".copy" + suffix)
        if os.path.exists(vault.path + suffix):
            shutil.copyfile(vault.path + suffix, path)
            files[suffix] = path
        time.sleep(pause)
    return files


def lay(files, suffixes, path):
    for suffix in ["", "-wal", "-shm", "-lock"]:
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
        if suffix in suffixes and suffix in files:
            shutil.copyfile(files[suffix], path + suffix)


def judge(vault, files, suffixes, where):
    path = os.path.join(vault.directory, "copy.db")
    lay(files, suffixes, path)
    status, _, error = vault.run("check", "--db", path)
    if status == 0:
        # Nothing was said: then it must be a state that once was, whole.
        return whole(vault, path, where)
    if status != 65:
        raise Broken(f"{where}: status {status}: {error}")
    return "refused" if "does not belong to" in error else "said"


def whole(vault, path, where):
    kept, vault.path = vault.path, path
    try:
        seen = [moment for _, moment, _ in vault.lines()]
    finally:
        vault.path = kept
    known = sorted(moment for _, moment in vault.acknowledged)
    if seen != known[: len(seen)]:
        raise Broken(f"{where}: called sound, and is no beginning of what was recorded")
    return "whole"


def put_under(vault, backup, number):
    """An older file in the place of the newer one, whose WAL stays."""
    path = os.path.join(vault.directory, "under.db")
    lay({"": backup[""], "-wal": vault.path + "-wal"}, ["", "-wal"], path)
    before = [read(path), read(path + "-wal")]
    status, output, error = vault.run("check", "--db", path)
    if status == 0:
        # Of the same generation: the WAL has all that the file lacks.
        kept, vault.path = vault.path, path
        try:
            vault.must_be_kept()
        finally:
            vault.path = kept
        return "whole"
    if status != 65 or "does not belong to" not in error:
        raise Broken(f"backup under a WAL ({number}): status {status}: {output}{error}")
    status, _, error = vault.run("record", "--count", "1", "--db", path, *vault.server.targets("api"))
    if status != 65 or [read(path), read(path + "-wal")] != before:
        raise Broken(f"backup under a WAL ({number}): record: status {status}: {error}")
    return "refused"


def lose(vault, draw, acknowledged, number):
    """A file that lost its end, or is gone beside its WAL: the command that is named brings the rest."""
    path = os.path.join(vault.directory, "lost.db")
    files = {suffix: vault.path + suffix for suffix in ["", "-wal"] if os.path.exists(vault.path + suffix)}
    lay(files, ["", "-wal"], path)
    if "-wal" in files and os.path.getsize(files["-wal"]) and draw.random() < 0.5:
        os.unlink(path)
    else:
        size = os.path.getsize(path)
        os.truncate(path, max(4096, size - draw.randrange(1, 6) * 4096))
    status, _, error = vault.run("check", "--db", path)
    if status == 0:
        return 0  # what was cut off was free, or is in the WAL
    found = re.search(r"expvault (check --db .*)", error)
    if status != 65 or not found:
        raise Broken(f"lost pages ({number}): status {status}, no command: {error}")
    command = shlex.split(found.group(1))
    if os.path.exists(command[-1]):
        os.unlink(command[-1])
    status, output, error = vault.run(*command)
    rescued = re.search(r"(\d+) scrapes rescued", error)
    if status not in (0, 65) or not rescued:
        raise Broken(f"lost pages ({number}): {command}: status {status}: {output.decode()}{error}")
    if os.path.exists(path) and int(rescued.group(1)) < acknowledged // 3:
        raise Broken(f"lost pages ({number}): {rescued.group(0)} of {acknowledged}")
    return 1


def read(path):
    with open(path, "rb") as file:
        return file.read()
