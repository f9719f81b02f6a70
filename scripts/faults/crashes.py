"""Deaths: kill -9 at a random moment, at every step of a command, and power loss."""

import os
import random
import shutil
import signal
import time

from harness import ROOT, Broken, Server, Vault, build_shim, died_by_kill, say


def kill(options, directory):
    """kill -9 of record, import and compact at random moments."""
    draw = random.Random(options.seed)
    server = Server(options.seed)
    vault = Vault(options.binary, server, directory)
    slowest = 0.0
    for number in range(1, options.count + 1):
        if number % 60 == 0:
            vault.remove()
        recorder = vault.record()
        slowest = max(slowest, must_restart(recorder, options.restart_seconds))
        time.sleep(draw.uniform(0.0, 0.6))
        recorder.signal(signal.SIGKILL)
        recorder.end()
        if draw.random() < 0.3:
            kill_a_command(vault, draw)
        vault.must_be_kept()
        progress(number, options, vault)
    return f"{options.count} kills, 0 acknowledged scrapes lost, slowest restart {slowest:.2f} s"


def must_restart(recorder, seconds_max):
    taken = recorder.wait_for("recording ")
    if taken is None:
        raise Broken(f"did not start: {recorder.text()}")
    if taken > seconds_max:
        raise Broken(f"took {taken:.2f} s to start")
    return taken


def kill_a_command(vault, draw):
    import subprocess

    process = subprocess.Popen(
        [vault.binary, "compact", "--db", vault.path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(draw.uniform(0.0, 0.2))
    process.kill()
    process.wait()


def progress(number, options, vault):
    if number % 50 == 0:
        say(f"{number}/{options.count}: {len(vault.acknowledged)} acknowledged in this database, all kept")


def disk(mode, vault, **settings):
    environment = {"LD_PRELOAD": build_shim("disk"), "DISK_PATH": vault.path, "DISK_MODE": mode}
    environment["DISK_COUNT"] = vault.directory + "/steps"
    environment.update({f"DISK_{key.upper()}": str(value) for key, value in settings.items()})
    return environment


def steps_taken(vault):
    with open(vault.directory + "/steps", encoding="ascii") as file:
        return int(file.read())


# One in three of the control's power losses costs something (most fall into the making of the file, before there is
# anything to lose): that one in ten would, and none of 200 did, is chance once in 10^9.
CONTROL_LOSSES_MAX = 200


def powerloss(options, directory):
    """Power loss at a random step of record, then the same with an fsync that does nothing until it has lost."""
    lost, runs = lose_power(options, directory, options.count, nosync=0)
    if lost:
        raise Broken(f"{lost} acknowledged scrapes lost")
    # The control goes on until it has lost something.
    lost, control = lose_power(options, directory, CONTROL_LOSSES_MAX, nosync=1)
    if lost == 0:
        raise Broken(f"the control without fsync lost nothing in {control}: this test tests nothing")
    return f"{runs} power losses, 0 acknowledged scrapes lost; control without fsync: {lost} lost in {control}"


def lose_power(options, directory, count, nosync):
    draw = random.Random(options.seed)
    server = Server(options.seed)
    vault = Vault(options.binary, server, directory)
    vault.remove()
    lost = 0
    losses = 0
    while losses < count and not (nosync and lost):
        if losses % 30 == 0:
            vault.remove()
        # Creation takes some 200 steps, a commit some 20: from the first step to some fifty commits.
        at = int(10 ** draw.uniform(0, 3))
        seed = draw.randrange(1 << 62)
        if os.path.exists(vault.path) and draw.random() < 0.25:
            # Seals, merges, gives space back; with the same clock of steps.
            environment = disk("loss", vault, at=int(at ** 0.7), seed=seed, nosync=nosync)
            status, _, log = vault.run("compact", "--db", vault.path, environment=environment)
        else:
            # A step that is never reached does not hold us up.
            environment = disk("loss", vault, at=at, seed=seed, nosync=nosync)
            status, log = vault.record("--for", "4s", environment=environment).end()
        if died_by_kill(status):
            losses += 1
        elif status != 0:
            raise Broken(f"status {status} before step {at}: {log[-2000:]}")
        try:
            lost += judge(vault)
        except Broken as error:
            if not nosync:
                raise Broken(f"{error} (loss {losses}, step {at}, disk seed {seed})") from None
            # Without fsync a damaged file is a loss as well.
            lost += len(vault.acknowledged)
            vault.remove()
        if not nosync and lost:
            raise Broken(f"{lost} acknowledged scrapes lost (loss {losses}, step {at}, disk seed {seed})")
        if nosync:
            vault.acknowledged = {}
        else:
            progress(losses, options, vault)
    return lost, losses


def judge(vault):
    """How many of the acknowledged are lost, with the database gone counted as all."""
    if not os.path.exists(vault.path):
        return len(vault.acknowledged)
    vault.check()
    return len(vault.losses())


def steps(options, directory):
    """Death at every single step of what changes the file: create, record, import, seal, merge, prune, migrate, aside.

    Each begins from the same files, is killed (or loses power) before step 1, 2, 3 … until it gets through.
    """
    server = Server(options.seed, failure_rate=0.1)
    vault = Vault(options.binary, server, directory)
    kept = os.path.join(directory, "kept")
    done = []
    for name, prepare, command in commands(vault):
        if options.only not in (None, name):
            continue
        vault.remove()
        prepare()
        acknowledged = dict(vault.acknowledged)
        before = list(vault.lines()) if name == "migrate" else None
        copy_away(vault, kept)
        for mode in ["kill", "loss"]:
            at = 1
            while True:
                copy_back(vault, kept)
                vault.acknowledged = dict(acknowledged)
                status = command(disk(mode, vault, at=at, seed=options.seed + at))
                if status == 0:
                    break
                if not died_by_kill(status):
                    raise Broken(f"{name}: status {status} at step {at} ({mode})")
                if name != "create" or os.path.exists(vault.path):
                    try:
                        if name == "prune":
                            vault.must_be_the_newest()
                        elif name == "aside":
                            must_be_put_aside(vault, acknowledged)
                        else:
                            must_be_whole(vault, before)
                            again(vault, before)
                    except Broken as error:
                        raise Broken(f"{name}, {mode} at step {at}: {error}") from None
                at += options.stride
            say(f"{name}: {mode} at each of {at - 1} steps")
            done.append(at - 1)
        shutil.rmtree(kept)
    return f"{sum(done)} deaths, one at each step of create, record, import, seal, merge, prune, migrate and aside; nothing lost"


def must_be_whole(vault, before):
    if before is None:
        vault.must_be_kept()
        return
    # What somebody else recorded: every line is as it was.
    vault.check()
    if list(vault.lines()) != before:
        raise Broken("not the lines that were there before")


def must_be_put_aside(vault, before):
    """What was there before is in one set, put aside; what was recorded since is in the database, after one more start."""
    status, log = vault.record("--count", "1").end()
    # 65 where it was this one that put the set aside; 1 where the server failed both of its requests.
    if status not in (0, 1, 65):
        raise Broken(f"cannot record afterwards: status {status}: {log[-2000:]}")
    sets = [name for name in os.listdir(vault.directory) if ".damaged-" in name and name.endswith("Z")]
    if len(sets) != 1:
        raise Broken(f"not one set put aside: {sorted(os.listdir(vault.directory))}")
    vault.check()
    whole = vault.acknowledged
    vault.acknowledged = {key: value for key, value in whole.items() if key not in before}
    lost = vault.losses()
    if lost:
        raise Broken(f"{len(lost)} scrapes are lost that were recorded since")
    rescued = vault.directory + "/rescued.db"
    status, _, error = vault.run("check", "--db", os.path.join(vault.directory, sets[0]), "--salvage", rescued)
    if status not in (0, 65):
        raise Broken(f"cannot salvage: status {status}: {error}")
    path, vault.path, vault.acknowledged = vault.path, rescued, dict(before)
    try:
        lost = vault.losses()
    finally:
        vault.path, vault.acknowledged = path, whole
    if lost:
        raise Broken(f"{len(lost)} of {len(before)} scrapes do not come back from the set put aside")


def again(vault, before):
    """The file can be written at once, without a manual step."""
    if before is not None:
        status, _, error = vault.run("compact", "--db", vault.path)
        if status != 0:
            raise Broken(f"cannot compact afterwards: status {status}: {error}")
        must_be_whole(vault, before)
        return
    status, log = vault.record("--count", "1").end()
    # 1 where the server failed both of its requests.
    if status not in (0, 1):
        raise Broken(f"cannot record afterwards: status {status}: {log[-2000:]}")
    vault.must_be_kept()


def commands(vault):
    def nothing():
        pass

    def some():
        status, log = vault.record("--count", "30", interval="10ms").end()
        if status != 0:
            raise Broken(f"cannot record: status {status}: {log[-2000:]}")

    def lines():
        some()
        status, output, error = vault.run("export", "raw", "--failures", "--db", vault.path, "--out", "-")
        if status != 0:
            raise Broken(f"cannot export: {error}")
        vault.remove()
        status, log = vault.record("--count", "5", targets=["other"], interval="10ms").end()
        with open(vault.directory + "/lines", "wb") as file:
            file.write(output)

    def record(environment):
        status = vault.record("--count", "3", environment=environment).end()[0]
        return 0 if status == 1 else status

    def put_aside(environment):
        status = record(environment)
        return 0 if status == 65 else status

    def take_in(environment):
        return vault.run("import", vault.directory + "/lines", "--db", vault.path, environment=environment)[0]

    def compact(environment):
        return vault.run("compact", "--db", vault.path, environment=environment)[0]

    def sealed():
        some()
        again_sealed = vault.run("compact", "--db", vault.path)
        if again_sealed[0] != 0:
            raise Broken(f"cannot compact: {again_sealed[2]}")
        some()

    def prune(environment):
        arguments = ["compact", "--max-size", "100KiB", "--db", vault.path]
        return vault.run(*arguments, environment=environment)[0]

    def damaged():
        recorder = vault.record(interval="10ms")
        recorder.wait_for("stored target=api")
        time.sleep(0.3)
        recorder.signal(signal.SIGKILL)
        recorder.end()
        # In the header of the WAL: nothing that was recorded is hit, all of it is out of SQLite's reach.
        with open(vault.path + "-wal", "r+b") as file:
            file.seek(17)
            byte = file.read(1)[0]
            file.seek(17)
            file.write(bytes([byte ^ 4]))

    def old():
        shutil.copy2(os.path.join(ROOT, "Tests", "Fixtures", "vaults", "v3.db"), vault.path)

    return [
        ("create", nothing, record),
        ("record", some, record),
        ("import", lines, take_in),
        ("seal", some, compact),
        ("merge", sealed, compact),
        ("prune", sealed, prune),
        ("migrate", old, compact),
        ("aside", damaged, put_aside),
    ]


def copy_away(vault, kept):
    os.mkdir(kept)
    for name in os.listdir(vault.directory):
        path = os.path.join(vault.directory, name)
        if os.path.isfile(path):
            shutil.copy2(path, kept)


def copy_back(vault, kept):
    for name in os.listdir(vault.directory):
        path = os.path.join(vault.directory, name)
        if os.path.isfile(path):
            os.unlink(path)
    for name in os.listdir(kept):
        shutil.copy2(os.path.join(kept, name), vault.directory)
