#!/usr/bin/env python3
"""Ends a node at each system call by which names are changed, or lets that call fail, and holds it to what it said.

`kill_names.py BINARY [--points N] [--seed S] [--call NAME]...`

A point is a system call, which one of its calls after the node is ready, and what happens there: the process is killed before the
call is carried out, or the call fails with EIO or ENOSPC. One client changes names until the node is gone or its list is done.
After a restart each name must be at the last version that was acknowledged, or at the one whose answer never came; what was
refused must have left nothing; what the node said while it ran on must be what is on its disk; and store and log must be whole.
"""

import argparse
import hashlib
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from node import NOTHING_WASM, Client, Node, Unreachable

DIGESTS = []
KILLED = ["fdatasync", "fsync", "pwrite64", "write", "openat", "openat2", "renameat", "renameat2", "unlinkat", "ftruncate", "linkat", "fallocate"]
FAILING = [(call, error) for call in ("fdatasync", "fsync", "pwrite64", "ftruncate") for error in ("EIO", "ENOSPC")]


class World:
    """What the node said of each name: the version and digest that it is at, and the one that may be."""

    def __init__(self):
        self.held, self.perhaps, self.problems = {}, {}, []

    def ask(self, client, method, path, name, after, body=None, headers=None):
        """Sends a change; `after` is what the name is if it was carried out."""
        try:
            status, _, answer = client.request(method, "/api/v1" + path, body, headers)
        except Unreachable:
            self.perhaps.setdefault(name, []).append(after)
            return None
        if status < 300:
            self.held[name], self.perhaps[name] = after, []
        elif status >= 500:
            # It could not say; either is right, and only one may be found.
            self.perhaps.setdefault(name, []).append(after)
        elif status not in (404, 409, 412):
            self.problems.append(f"{method} {path}: {status} {answer[:200]}")
        return status


def change(client, world, stop):
    """Claims, changes, renews, offers, withdraws and releases names, one after another."""
    for number in itertools.count():
        name = f"n{number}.crash"
        steps = [
            ("POST", "/names", {"name": name, "digest": DIGESTS[0], "tags": ["one", "two"]}, (1, DIGESTS[0])),
            ("PUT", f"/names/{name}", {"digest": DIGESTS[1], "tags": ["two"]}, (2, DIGESTS[1])),
            ("PUT", f"/names/{name}", {"digest": DIGESTS[0]}, (3, DIGESTS[0])),
        ]
        if number % 3 == 2:
            steps.append(("DELETE", f"/names/{name}", None, None))
        for method, path, body, after in steps:
            sequence = (world.held.get(name) or (0,))[0]
            headers = {"if-match": f'"{sequence}"'} if method != "POST" else None
            if world.ask(client, method, path, name, after, body, headers) is None or stop():
                return
            if world.held.get(name, "none") != after:
                break
        if number >= 12:
            return


def state(client, name):
    """What a name is at: version and digest; None if nobody holds it."""
    status, answer = client.json("GET", f"/names/{name}")
    if status == 404:
        return None
    return (answer["sequence"], answer["digest"]) if status == 200 else f"status {status}"


def point(binary, directory, call, what, when, world):
    node = Node(binary, directory)
    node.start()
    inject = "signal=KILL" if what == "KILL" else f"error={what}"
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(node.process.pid), "-e", f"trace={call}", "-e", f"inject={call}:{inject}:when={when}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    await_attached(node.process, tracer)
    client = Client(directory, timeout=20)
    try:
        change(client, world, lambda: False)
        seen = {}
        if node.process.poll() is None:
            # It went on: what it says now is what must be there later.
            try:
                seen = {name: state(client, name) for name in list(world.held) + list(world.perhaps)}
            except Unreachable:
                seen = {}
    finally:
        client.close()
        if node.process.poll() is None:
            node.kill()
        else:
            node.process.wait()
        tracer.terminate()
        tracer.wait()
    reached = node.process.returncode == -9 or what != "KILL"
    for command in (["db", "check", "--data-dir", str(directory)],):
        done = node.run(*command, check=False)
        if done.returncode != 0:
            world.problems.append(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    node.start()
    client = Client(directory, timeout=20)
    for name in sorted(set(world.held) | set(world.perhaps)):
        found = state(client, name)
        allowed = [world.held.get(name)] + world.perhaps.get(name, [])
        if found not in allowed:
            world.problems.append(f"{name}: {found}, and not one of {allowed}")
        if isinstance(seen.get(name), (tuple, type(None))) and name in seen and seen[name] != found:
            world.problems.append(f"{name}: {found} after the restart, {seen[name]} before it")
        world.held[name], world.perhaps[name] = found, []
    client.close()
    key = node.run("audit", "checkpoint", "--key", "--data-dir", str(directory)).stdout.strip()
    node.stop()
    log = node.run("verify", "--no-remember", "--key", key, "--log", str(directory / "log"), check=False)
    if log.returncode != 0:
        world.problems.append(f"verify --log: {log.stdout}{log.stderr}")
    return reached


def await_attached(process, tracer, timeout=20):
    """Waits until all threads are traced, or the node is gone: a thread that is traced may meet its point before the last is."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return
        if tracer.poll() is not None:
            # The tracer of a node that is gone ends before the node is seen to be.
            try:
                process.wait(1)
                return
            except subprocess.TimeoutExpired:
                pass
            raise SystemExit(f"strace ended: {tracer.stderr.read().decode()}")
        traced = []
        for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
            try:
                traced.append("TracerPid:\t0\n" not in (task / "status").read_text())
            except OSError:
                pass
        if traced and all(traced):
            return
        time.sleep(0.005)
    raise SystemExit("strace did not attach")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--call", action="append", help="only these system calls")
    arguments = parser.parse_args()
    if shutil.which("strace") is None:
        print("0 passed, 0 failed, 1 skipped: strace is not installed")
        sys.exit(0)
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}, {arguments.points} points", flush=True)
    kinds = [(call, what) for call, what in [(call, "KILL") for call in KILLED] + FAILING if not arguments.call or call in arguments.call]
    # Each kind in turn, at places that get later, with some chance, so that many runs see many of them.
    points = [(*kinds[index % len(kinds)], 1 + index // len(kinds) * chance.randint(1, 5)) for index in range(arguments.points)]
    passed = failed = reached = 0
    with tempfile.TemporaryDirectory(prefix="casemate-crash-") as scratch:
        directory = prepare(arguments.binary, pathlib.Path(scratch))
        for index, (call, what, when) in enumerate(points):
            world, here = World(), pathlib.Path(scratch) / f"point-{index}"
            shutil.copytree(directory, here, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
            reached += point(arguments.binary, here, call, what, when, world)
            if world.problems:
                failed += 1
                print(f"{call} {when} {what}:", *world.problems[:5], sep="\n  ", flush=True)
            else:
                passed += 1
            shutil.rmtree(here)
    print(f"{reached} of {arguments.points} points were reached")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def prepare(binary, scratch):
    """A node's directory with content, which every point begins with."""
    directory = scratch / "data"
    node = Node(binary, directory)
    node.start()
    client = Client(directory)
    for body in (NOTHING_WASM, b"other"):
        status, _, answer = client.request("PUT", f"/api/v1/objects/load/{len(DIGESTS)}", body)
        assert status == 201, answer
        DIGESTS.append("sha256:" + hashlib.sha256(body).hexdigest())
    client.close()
    node.stop()
    return directory


if __name__ == "__main__":
    main()
