#!/usr/bin/env python3
"""Kills a node again and again under load, and holds it to what it acknowledged.

`kill_loop.py BINARY [--cycles N] [--seed S] [--keep DIR]`

Clients put objects, claim names and submit tasks. What was acknowledged is kept here, outside the node. After every
restart the store and the audit log are checked; at the end every acknowledged write must be there as it was
acknowledged, and every acknowledged task must have ended.
"""

import argparse
import hashlib
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

from node import NOTHING_WASM, Client, Node, Unreachable


class Ledger:
    """What the node acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.objects, self.names, self.tasks = {}, {}, []
        self.problems = []

    def acknowledged(self):
        return len(self.objects) + len(self.names) + len(self.tasks)


def load(directory, ledger, stop, seed):
    """One client: random writes until `stop`, or until the node is gone."""
    chance = random.Random(seed)
    client = Client(directory, timeout=20)
    digest = "sha256:" + hashlib.sha256(NOTHING_WASM).hexdigest()
    while not stop.is_set():
        unique = f"{seed}-{chance.getrandbits(64):016x}"
        try:
            kind = chance.choice("ooont")
            if kind == "o":
                put(client, ledger, f"k/{unique}", chance.randbytes(chance.choice([1, 1000, 70_000])))
            elif kind == "n":
                status, answer = client.json("POST", "/names", {"name": f"n{unique}", "digest": digest})
                note(ledger, status, 201, answer, lambda: ledger.names.__setitem__(f"n{unique}", digest))
            else:
                status, answer = client.json("POST", "/tasks", {"module": digest})
                note(ledger, status, 201, answer, lambda: ledger.tasks.append(answer["id"]), also=202)
        except Unreachable:
            if stop.wait(0.005):
                break
    client.close()


def put(client, ledger, key, content):
    expected = "sha256:" + hashlib.sha256(content).hexdigest()
    status, _, answer = client.request("PUT", f"/api/v1/objects/load/{key}", content)
    note(ledger, status, 201, answer, lambda: ledger.objects.__setitem__(key, expected))


def note(ledger, status, wanted, answer, remember, also=None):
    with ledger.lock:
        if status in (wanted, also):
            remember()
        elif status not in (503, 429):
            ledger.problems.append(f"unexpected status {status}: {answer}")


def verify(directory, ledger):
    """Holds the node to everything that it acknowledged."""
    client = Client(directory, timeout=60)
    for key, digest in ledger.objects.items():
        status, _, content = client.request("GET", f"/api/v1/objects/load/{key}")
        found = "sha256:" + hashlib.sha256(content).hexdigest()
        if status != 200 or found != digest:
            ledger.problems.append(f"object {key}: status {status}, {found} instead of {digest}")
    for name, digest in ledger.names.items():
        status, answer = client.json("GET", f"/names/{name}")
        if status != 200 or answer["digest"] != digest:
            ledger.problems.append(f"name {name}: status {status}, {answer}")
    stuck, deadline = set(ledger.tasks), time.monotonic() + 300
    while stuck and time.monotonic() < deadline:
        for task in sorted(stuck):
            status, answer = client.json("GET", f"/tasks/{task}?wait=5")
            if status != 200:
                ledger.problems.append(f"task {task}: status {status}, {answer}")
                stuck.discard(task)
            elif answer["state"] in ("succeeded", "failed", "cancelled", "timed_out", "dead"):
                stuck.discard(task)
                if answer["state"] not in ("succeeded", "timed_out", "dead"):
                    ledger.problems.append(f"task {task} ended {answer['state']}: {answer['result']}")
    ledger.problems.extend(f"task {task} is stuck" for task in stuck)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--check-every", type=int, default=1, help="check store and log after every so many restarts")
    parser.add_argument("--clients", type=int, default=6)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.cycles} cycles", flush=True)
    chance, ledger = random.Random(arguments.seed), Ledger()
    with tempfile.TemporaryDirectory(prefix="casemate-kill-") as scratch:
        directory = pathlib.Path(scratch) / "data"
        node = Node(arguments.binary, directory)
        node.start()
        client = Client(directory)
        put(client, ledger, "nothing.wasm", NOTHING_WASM)
        client.close()
        ledger.key = node.run("audit", "checkpoint", "--key", "--data-dir", str(directory)).stdout.strip()
        for cycle in range(arguments.cycles):
            cycle_once(node, ledger, chance, cycle, arguments)
        verify(directory, ledger)
        node.stop()
        check(node, ledger, "at the end")
    done = {"objects": len(ledger.objects), "names": len(ledger.names), "tasks": len(ledger.tasks)}
    print(f"{arguments.cycles} kills, acknowledged: {done}, problems: {len(ledger.problems)}")
    for problem in ledger.problems[:50]:
        print("  " + problem)
    passed = 0 if ledger.problems else 1
    print(f"{passed} passed, {1 - passed} failed")
    sys.exit(1 - passed)


def cycle_once(node, ledger, chance, cycle, arguments):
    stop = threading.Event()
    clients = [
        threading.Thread(target=load, args=(node.directory, ledger, stop, f"{cycle}-{number}"))
        for number in range(arguments.clients)
    ]
    for client in clients:
        client.start()
    time.sleep(chance.uniform(0.02, 0.5))
    node.kill()
    stop.set()
    for client in clients:
        client.join()
    if cycle % arguments.check_every == 0:
        check(node, ledger, f"after kill {cycle}")
    node.start()
    if cycle % 25 == 24:
        print(f"  {cycle + 1} kills, {ledger.acknowledged()} acknowledged, {len(ledger.problems)} problems", flush=True)


def check(node, ledger, when):
    done = node.run("db", "check", "--data-dir", str(node.directory), check=False)
    if done.returncode != 0:
        ledger.problems.append(f"db check {when}: {done.stdout}{done.stderr}")
    # From its tiles alone, as somebody would who has nothing but a copy of the directory.
    log = str(node.directory / "log")
    done = node.run("verify", "--no-remember", "--key", ledger.key, "--log", log, check=False)
    if done.returncode != 0:
        ledger.problems.append(f"verify --log {when}: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
