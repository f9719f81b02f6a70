"""Running programs and measuring what they cost: wall clock, CPU, memory, bytes written."""

import contextlib
import http.client
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LOOPBACK = "127.0.0.1"


class Failed(Exception):
    """A program that should have worked did not."""


def run(arguments, stdin=None, stdout=subprocess.DEVNULL, ok=(0,), cwd=None):
    """Runs a program to its end and says what it cost: wall_s, cpu_s, rss_bytes."""
    began = time.monotonic()
    errors = subprocess.PIPE
    process = subprocess.Popen([str(a) for a in arguments], stdin=stdin, stdout=stdout, stderr=errors, cwd=cwd)
    peak = Peak(process.pid)
    # The pipe of errors is drained first: a program with much to say would else wait for us for ever.
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code not in ok:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"{' '.join(map(str, arguments))[:200]}: exit {code}: {''.join(last)}")
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "rss_bytes": peak.end()}


class Peak:
    """The most memory that a process had resident, looked up again and again while it runs.

    Not ru_maxrss: a child begins with the peak of the process that it was forked from, and that is us.
    """

    def __init__(self, pid):
        self.path = pathlib.Path("/proc") / str(pid) / "status"
        self.bytes = 0
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                if found := re.search(r"^VmHWM:\s+(\d+)", self.path.read_text(), re.M):
                    self.bytes = int(found.group(1)) * 1024
            self.over.wait(0.005)

    def end(self):
        self.over.set()
        self.watcher.join()
        return self.bytes


def best_of(count, arguments, before=None):
    """The median wall clock of that many runs in milliseconds; `before` is called before each."""
    walls = []
    for _ in range(count):
        if before:
            before()
        walls.append(run(arguments)["wall_s"] * 1000)
    return sorted(walls)[len(walls) // 2]


def free_port():
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(arguments, port, path, log, cwd=None):
    """Runs a server while the block runs, from when it answers 200 for the path; ends it and nothing else."""
    with open(log, "wb") as out:
        process = subprocess.Popen([str(a) for a in arguments], stdout=out, stderr=out, cwd=cwd)
        try:
            for _ in range(300):
                if process.poll() is not None:
                    break
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if get(port, path)[0] == 200:
                        break
                time.sleep(0.1)
            else:
                raise Failed(f"{arguments[0]} did not answer in 30 s; see {log}")
            if process.poll() is not None:
                raise Failed(f"{arguments[0]} ended: {pathlib.Path(log).read_text(errors='replace')[-300:]}")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def get(port, path, method="GET", body=None):
    """One request to loopback: status and body."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def observe(pid):
    """What a running process has cost so far: cpu_s, rss_bytes, anonymous_bytes, written_bytes."""
    proc = pathlib.Path("/proc") / str(pid)
    # The name in parentheses may hold anything; the numbers begin behind it, with field 3.
    fields = proc.joinpath("stat").read_text().rpartition(")")[2].split()
    status = proc.joinpath("status").read_text()
    io = proc.joinpath("io").read_text()

    def kilobytes(name):
        return int(re.search(rf"^{name}:\s+(\d+)", status, re.M).group(1)) * 1024

    return {
        "cpu_s": (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
        "rss_bytes": kilobytes("VmRSS"),
        "anonymous_bytes": kilobytes("RssAnon"),
        "written_bytes": int(re.search(r"^write_bytes: (\d+)", io, re.M).group(1)),
    }


def evict(path):
    """Asks the kernel to forget what it holds of a file, so that the next read comes from the disk."""
    for file in [path, *pathlib.Path(path).parent.glob(pathlib.Path(path).name + "-*")]:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def size_of(path):
    """Bytes of a file and of what lies beside it with its name and a dash; or of a directory's files."""
    path = pathlib.Path(path)
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in [path, *path.parent.glob(path.name + "-*")])
