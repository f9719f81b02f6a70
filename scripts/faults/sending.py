"""Power loss while documents are sent: what the ledger forgets is sent again, and nothing is there twice."""

import http.server
import json
import os
import random
import sys
import threading

from crashes import disk
from harness import ROOT, Broken, Server, Vault, died_by_kill, say

# The stand-in that keeps documents under their ids, and answers 409 to an id that it has.
sys.path.insert(0, os.path.join(ROOT, "scripts", "benchmark"))
import sink  # noqa: E402


def export(options, directory):
    """Power loss at a random step of what an export writes (its cursors): each document is there, and once.

    What was acknowledged after the last fsync is sent again, with the same ids, and answered 409.
    """
    draw = random.Random(options.seed)
    server = Server(options.seed, failure_rate=0.1)
    sink.Handler.keeps = True
    target = http.server.ThreadingHTTPServer(("127.0.0.1", 0), sink.Handler)
    target.daemon_threads = True
    threading.Thread(target=target.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{target.server_address[1]}"
    vault = Vault(options.binary, server, directory)
    losses = 0
    while losses < options.count:
        if losses % 20 == 0:
            vault.remove()
            sink.kept.clear()
        status, log = vault.record("--count", "40", interval="10ms").end()
        if status != 0:
            raise Broken(f"cannot record: status {status}: {log[-2000:]}")
        while True:
            # Making the ledger takes some 20 steps, each move of a cursor some 10.
            at, seed = int(10 ** draw.uniform(0, 2)), draw.randrange(1 << 62)
            environment = disk("loss", vault, at=at, seed=seed)
            environment["DISK_PATH"] = vault.path + "-export"
            status, _, error = send(vault, url, environment)
            where = f"loss {losses}, step {at}, disk seed {seed}"
            if status == 0:
                break
            if not died_by_kill(status):
                raise Broken(f"{where}: status {status}: {error[-2000:]}")
            losses += 1
            if losses % 50 == 0:
                say(f"{losses}/{options.count}: {len(sink.kept)} documents in this database, each there once")
        must_be_there_once(vault, where)
    status, output, error = send(vault, url, {})
    if status != 0 or json.loads(output)["sent"] != 0:
        raise Broken(f"the last export had something to send: status {status}: {output.decode()}{error}")
    target.shutdown()
    target.server_close()
    return f"{losses} power losses, no document lost and none twice; {sink.repeated} were sent again and answered 409"


def send(vault, url, environment):
    arguments = ["export", "elasticsearch", "--url", url, "--db", vault.path, "--format", "json"]
    return vault.run(*arguments, environment=environment)


def must_be_there_once(vault, where):
    """What the server keeps, id by id, are the documents that the database yields."""
    status, output, error = vault.run("export", "file", "--db", vault.path, "--out", "-")
    if status != 0:
        raise Broken(f"{where}: export file: status {status}: {error}")
    expected = sorted(output.decode().splitlines())
    if sorted(sink.kept.values()) != expected:
        raise Broken(f"{where}: {len(sink.kept)} documents sent, {len(expected)} in the database, or others")
