#!/usr/bin/env python3
"""Functions under load, beside hostile ones: `functions.py CASEMATE GUESTS [--seconds N]`.

A component of JavaScript that the Bytecode Alliance's tools made, engine and all, answers requests as it is. Then a neighbour is
measured alone and while other functions compute for ever, grow, sleep, flood, ask where they may not, and while somebody
holds connections open: its answers stay right, and its 99th percentile is compared. Alone and beside take turns, and the
medians of the rounds are compared, as one round on a busy machine says little. Who attacks is a process of its own at the lowest
priority: within one process the clocks would wait for its threads, and an attacker's own work is not the node's.
"""

import argparse
import collections
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import socket
import statistics
import sys
import tempfile
import threading
import time

import js_function
from node import Node

ROUNDS = 5
# What is asked of the hostile function, and what it has to come to at least once.
HOSTILE = {
    "spin": 504, "grow": 502, "sleep": 504, "flood": "cut off", "trap": 502, "silent": 502, "half": "cut off",
    "fetch?http://169.254.169.254/latest/meta-data/": 502,
}
CONNECTIONS = 300
RISE_MAX = 0.20


def deploy(node, name, module, *more):
    node.run("fn", "deploy", name, str(module), "--public", *more, "--data-dir", str(node.directory))


def ask(connection, path, body=None):
    connection.request("POST" if body else "GET", path, body=body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def load(where, problems, count=400, threads=8):
    """The JavaScript function answers many at once, and every answer is right."""
    items = {"items": [{"price": price, "count": 2} for price in range(10)]}

    def work():
        connection = http.client.HTTPConnection(where, timeout=60)
        for number in range(count // threads):
            if number % 2:
                status, body = ask(connection, "/fn/js/json", json.dumps(items))
                right = status == 200 and json.loads(body) == {"count": 10, "sum": 90}
            else:
                status, body = ask(connection, "/fn/js/")
                right = status == 200 and body == b"hello\n"
            if not right:
                problems.append(f"the JavaScript function answered {status} {body[:200]}")

    began = time.monotonic()
    all_at_once([work] * threads)
    return count / (time.monotonic() - began)


def all_at_once(works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def neighbour(where, seconds, problems):
    """How long the good function takes, one request after the other, in milliseconds."""
    connection, times, stop = http.client.HTTPConnection(where, timeout=60), [], time.monotonic() + seconds
    while time.monotonic() < stop:
        began = time.perf_counter()
        status, body = ask(connection, "/fn/good/hello")
        times.append((time.perf_counter() - began) * 1e3)
        if (status, body) != (200, b"hello\n"):
            problems.append(f"the good function answered {status} {body[:200]}")
        time.sleep(0.002)
    return times


def attack(where, stop, ready, results):
    """Asks the hostile function for everything that it has, and holds requests open that never end, of another one."""
    os.nice(19)
    seen = {path: collections.Counter() for path in HOSTILE}

    def hostile(path):
        while not stop.is_set():
            try:
                status, _ = ask(http.client.HTTPConnection(where, timeout=60), "/fn/hostile/" + path)
            except (OSError, http.client.HTTPException):
                status = "cut off"
            seen[path][status] += 1

    host, port = where.split(":")
    held = [socket.create_connection((host, int(port))) for _ in range(CONNECTIONS)]
    for connection in held:
        connection.sendall(b"POST /fn/stalled/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx")
    ready.set()
    all_at_once([lambda path=path: hostile(path) for path in HOSTILE])
    for connection in held:
        connection.close()
    results.put(seen)


class Attack:
    """An attack, as long as the block lasts; `seen` counts what came of it."""

    def __init__(self, where, seen):
        self.stop, self.results, self.seen = multiprocessing.Event(), multiprocessing.Queue(), seen
        self.ready = multiprocessing.Event()
        self.process = multiprocessing.Process(target=attack, args=(where, self.stop, self.ready, self.results), daemon=True)

    def __enter__(self):
        self.process.start()
        if not self.ready.wait(30):
            raise RuntimeError("the attack did not begin")

    def __exit__(self, *_):
        self.stop.set()
        for path, counts in self.results.get(timeout=120).items():
            self.seen[path].update(counts)
        self.process.join()


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def address(node):
    """Where it listens, which it says once it does."""
    until = time.monotonic() + 10
    while True:
        found = re.search(r"http://(127\.0\.0\.1:\d+)", pathlib.Path(node.log.name).read_text())
        if found or time.monotonic() > until:
            return found.group(1)
        time.sleep(0.01)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("guests", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each round")
    arguments = parser.parse_args()
    problems, seen = [], {path: collections.Counter() for path in HOSTILE}
    with tempfile.TemporaryDirectory(prefix="casemate-functions-") as scratch:
        scratch = pathlib.Path(scratch)
        module = js_function.component(js_function.tools(scratch))
        node = Node(arguments.binary, scratch / "data")
        node.start()
        where = address(node)
        edge = arguments.guests / "edge.wasm"
        deploy(node, "js", module)
        rate = load(where, problems)
        print(f"JavaScript, {module.stat().st_size >> 20} MiB of component: {rate:.0f} right answers a second, 8 at once", flush=True)
        deploy(node, "good", edge)
        deploy(node, "hostile", edge, "--limit", "wall=1s", "--limit", "memory=32MiB", "--limit", "output=1MiB", "--concurrency", "4",
               "--allow-host", "http://169.254.169.254")
        deploy(node, "stalled", edge)
        neighbour(where, 1, problems)
        rounds = []
        for _ in range(ROUNDS):
            alone = neighbour(where, arguments.seconds, problems)
            with Attack(where, seen):
                beside = neighbour(where, arguments.seconds, problems)
            rounds.append((p99(alone), p99(beside), statistics.median(alone), statistics.median(beside)))
            print("p99 alone {:.2f} ms, beside {:.2f} ms; p50 {:.2f} and {:.2f} ms".format(*rounds[-1]), flush=True)
        node.stop()
    alone, beside = (statistics.median(column) for column in list(zip(*rounds))[:2])
    rise = beside / alone - 1
    for path, wanted in HOSTILE.items():
        print(f"hostile {path.split('?')[0]}: {dict(seen[path])}")
        if not seen[path][wanted]:
            problems.append(f"{path} never came to {wanted}")
        if 200 in seen[path]:
            problems.append(f"{path} was answered as if all were well")
    print(f"the neighbour's p99 rose by {rise * 100:.0f} % (median of {ROUNDS} rounds); at most {RISE_MAX * 100:.0f} % is allowed")
    if rise > RISE_MAX:
        problems.append(f"the neighbour's p99 rose by {rise * 100:.0f} %")
    for problem in problems[:20]:
        print("  " + problem)
    passed = 0 if problems else 1
    print(f"{passed} passed, {1 - passed} failed")
    sys.exit(1 - passed)


if __name__ == "__main__":
    main()
