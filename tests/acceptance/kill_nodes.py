#!/usr/bin/env python3
"""Kills nodes and their server at random while tasks run, and holds them to what was acknowledged.

`kill_nodes.py BINARY [--database sqlite|postgres] [--tasks N] [--workers N] [--seed S]`

What was submitted is kept here, outside the server, with the output that each task must have. At the end every task must
have succeeded with that output, and the server's own log, checked as a stranger would, must have exactly one end of each.
Then a node that runs tasks is killed once more, and the time until its tasks are others' is taken.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from node import Client, Node, Unreachable
from postgres import Postgres

# Copies standard input to standard output by WASI; its text is COPIES in crates/cli/tests/it/plans.rs.
COPIES_WASM = bytes.fromhex(
    "0061736d01000000010c0260047f7f7f7f017f60000002440216776173695f736e617073686f745f70726576696577310766645f726561"
    "64000016776173695f736e617073686f745f70726576696577310866645f77726974650000030201010503010001071302066d656d6f72"
    "790200065f737461727400020a34013200410041c0003602004104418008360200410041004101410810001a4104410828020036020041"
    "0141004101410810011a0b"
)
# Never ends: `(loop (br 0))`.
SPINS_WASM = bytes.fromhex("0061736d0100000001040160000003020100070a01065f737461727400000a0901070003400c000b0b")
INPUTS = 50
LEASE_SECONDS = 10


class Worker:
    """A machine that has joined: a process of the binary with a directory of its own."""

    def __init__(self, binary, directory, slots):
        self.binary, self.directory, self.slots = str(binary), directory, slots
        self.process = None

    def join(self, url, token):
        self._start("join", url, "--token", token, "--name", self.directory.name, "--slots", str(self.slots))

    def restart(self):
        self._start("run", "--slots", str(self.slots))

    def _start(self, *arguments):
        log = open(self.directory.parent / (self.directory.name + ".log"), "ab")
        command = [self.binary, "node", *arguments, "--directory", str(self.directory)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def patiently(client, method, path, body=None):
    """Asks until there is an answer that counts; a request that makes something carries a key, so that it does so once."""
    headers = {"idempotency-key": f'"{random.getrandbits(128):032x}"'} if method == "POST" else {}
    while True:
        try:
            status, _, content = client.request(method, "/api/v1" + path, body, headers)
            if status not in (409, 429, 500, 503):
                return status, json.loads(content)
        except Unreachable:
            pass
        time.sleep(0.05)


def submit(directory, count, digests, ledger, problems):
    client = Client(directory, timeout=20)
    module, inputs = digests
    for _ in range(count):
        wanted = random.choice(inputs)
        body = {
            "module": module, "stdin": wanted,
            "plan": {"timeout_ms": 3_600_000, "retry": {"attempts": 20, "wait_ms": 100}},
        }
        status, answer = patiently(client, "POST", "/tasks", body)
        if status in (200, 201, 202):
            ledger[answer["id"]] = wanted
        else:
            problems.append(f"a task was not taken: {status} {answer}")
    client.close()


def check(server, ledger, problems):
    client = Client(server.directory, timeout=60)
    states = collections.Counter()
    for task, wanted in ledger.items():
        _, answer = patiently(client, "GET", f"/tasks/{task}")
        states[answer["state"]] += 1
        if answer["state"] != "succeeded" or answer["result"]["stdout"] != wanted:
            problems.append(f"{task}: {answer['state']}, {answer['result']}")
    ends, after = collections.Counter(), 0
    while True:
        _, page = patiently(client, "GET", "/audit/entries?limit=200" + (f"&after={after}" if after else ""))
        for entry in page["items"]:
            if entry["action"] == "tasks.end" and entry["details"].get("state") == "succeeded":
                ends[entry["resource"].removeprefix("task:")] += 1
        after = page.get("next")
        if not after:
            break
    client.close()
    for task in ledger:
        if ends[task] != 1:
            problems.append(f"{task} has {ends[task]} ends in the log")
    return states


def release_times(server, worker, spins):
    """Seconds from the death of a node to when each of its tasks is no longer its."""
    client = Client(server.directory, timeout=20)
    body = {"module": spins, "limits": {"wall_ms": 300_000, "fuel": 10**13}, "plan": {"timeout_ms": 3_600_000}}
    tasks = [patiently(client, "POST", "/tasks", body)[1]["id"] for _ in range(worker.slots)]
    while any(patiently(client, "GET", f"/tasks/{task}")[1]["state"] != "running" for task in tasks):
        time.sleep(0.05)
    worker.kill()
    died, times = time.monotonic(), []
    while tasks:
        for task in list(tasks):
            if patiently(client, "GET", f"/tasks/{task}")[1]["state"] != "running":
                # Nobody else is there to take it; from now on anybody might.
                times.append(time.monotonic() - died)
                tasks.remove(task)
                patiently(client, "POST", f"/tasks/{task}/cancel")
        time.sleep(0.02)
    client.close()
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    print(f"seed {arguments.seed}, {arguments.tasks} tasks, {arguments.database}", flush=True)
    postgres = Postgres(durable=True) if arguments.database == "postgres" else None
    try:
        passed = run(arguments, postgres)
    finally:
        if postgres:
            postgres.stop()
    print(f"{passed} passed, {1 - passed} failed")
    sys.exit(1 - passed)


def run(arguments, postgres):
    problems, ledger, kills = [], {}, collections.Counter()
    with tempfile.TemporaryDirectory(prefix="casemate-nodes-") as scratch:
        scratch, port, mutual = pathlib.Path(scratch), free_port(), free_port()
        config = scratch / "server.toml"
        config.write_text(f'mutual_listen = "127.0.0.1:{mutual}"\nrun_tasks = false\n')
        if postgres:
            url = scratch / "url"
            url.touch(0o600)
            url.write_text(postgres.database())
            with config.open("a") as more:
                more.write(f'database = "postgres"\ndatabase_url_file = "{url}"\n')
        server = Node(arguments.binary, scratch / "data", "--config", str(config))
        server.start()
        client = Client(server.directory)
        digests = []
        contents = [f"input {number}\n".encode() for number in range(INPUTS)]
        for number, content in enumerate([COPIES_WASM, SPINS_WASM, *contents]):
            status, _, answer = client.request("PUT", f"/api/v1/objects/load/{number}", content)
            assert status == 201, answer
            digests.append("sha256:" + hashlib.sha256(content).hexdigest())
        module, spins, *inputs = digests
        log = (scratch / "data.log").read_text()
        url = next(line.split()[-1] for line in log.splitlines() if line.startswith("The console is at "))
        workers = []
        for number in range(arguments.workers):
            token = server.run("node", "token", "--data-dir", str(server.directory)).stdout.strip()
            worker = Worker(arguments.binary, scratch / f"box{number}", arguments.slots)
            worker.join(url, token)
            workers.append(worker)
        while len(client.json("GET", "/nodes")[1]["items"]) < arguments.workers:
            time.sleep(0.1)
        client.close()
        began = time.monotonic()
        share = arguments.tasks // 4
        clients = [
            threading.Thread(target=submit, args=(server.directory, share, (module, inputs), ledger, problems))
            for _ in range(4)
        ]
        for thread in clients:
            thread.start()
        stuck_since, before = time.monotonic(), None
        while True:
            time.sleep(random.uniform(0.2, 2 * arguments.pause))
            victim = random.choice([*workers, server])
            victim.kill()
            kills["server" if victim is server else "node"] += 1
            victim.start() if victim is server else victim.restart()
            client = Client(server.directory, timeout=20)
            counts = patiently(client, "GET", "/overview")[1]["tasks"]
            client.close()
            open_tasks = sum(number for state, number in counts.items() if state in ("queued", "leased", "running", "retry_wait"))
            if not any(thread.is_alive() for thread in clients) and open_tasks == 0:
                break
            if (open_tasks, len(ledger)) != before:
                before, stuck_since = (open_tasks, len(ledger)), time.monotonic()
            if time.monotonic() - stuck_since > 180:
                problems.append(f"{open_tasks} tasks are stuck: {counts}")
                break
        took = time.monotonic() - began
        states = check(server, ledger, problems)
        key = server.run("audit", "checkpoint", "--key", "--data-dir", str(server.directory)).stdout.strip()
        log_check = server.run("verify", "--log", str(server.directory / "log"), "--key", key, check=False)
        if log_check.returncode != 0:
            problems.append("the log does not hold: " + log_check.stderr)
        for worker in workers[1:]:
            worker.kill()
        times = release_times(server, workers[0], spins)
        if max(times) > LEASE_SECONDS + 1:
            problems.append(f"tasks of a dead node were others' only after {max(times):.1f} s")
        server.stop()
    print(f"{len(ledger)} tasks in {took:.0f} s, kills: {dict(kills)}, states: {dict(states)}")
    print(f"tasks of a dead node were free after {min(times):.1f} to {max(times):.1f} s; problems: {len(problems)}")
    for problem in problems[:50]:
        print("  " + problem)
    return 0 if problems else 1


if __name__ == "__main__":
    main()
