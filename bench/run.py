#!/usr/bin/env python3
"""Measures a node: `run.py CASEMATE`, a release build. All load is bounded in time and goes to loopback."""

import pathlib
import re
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "acceptance"))
from node import NOTHING_WASM, Client, Node  # noqa: E402

import hashlib  # noqa: E402

SECONDS = 4


def main():
    binary = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
        node = Node(binary, pathlib.Path(scratch) / "data")
        node.start()
        try:
            client = Client(node.directory, timeout=60)
            client.request("PUT", "/api/v1/objects/bench/nothing.wasm", NOTHING_WASM)
            tasks(client)
            throughput(node)
            puts(node)
        finally:
            node.stop()


def tasks(client):
    """A task from request to answer, one at a time: cold (compiled for it) and warm."""
    digest = "sha256:" + hashlib.sha256(NOTHING_WASM).hexdigest()
    times, task = [], None
    for _ in range(200):
        began = time.perf_counter()
        status, task = client.json("POST", "/tasks?wait=30", {"module": digest})
        assert status == 201 and task["state"] == "succeeded", task
        times.append((time.perf_counter() - began) * 1e3)
    print(f"task, request to durable result: cold {times[0]:.1f} ms; warm p50 {statistics.median(times[1:]):.2f} ms, "
          f"p99 {sorted(times[1:])[-2]:.2f} ms")
    _, _, metrics = client.request("GET", "/metrics")
    for name, what in (("casemate_run_start_seconds", "acceptance to first guest instruction"),
                       ("casemate_instantiate_seconds", "instantiate")):
        text = metrics.decode()
        total, count = (float(re.search(rf"^{name}_{part} (\S+)$", text, re.MULTILINE).group(1)) for part in ("sum", "count"))
        print(f"{what}: mean {total / count * 1e3:.2f} ms, p50 at most {median_bound(text, name)} s (bound of the histogram's bucket)")


def median_bound(text, name):
    """The upper bound of the bucket that holds the median."""
    buckets = [(float(bound), int(count)) for bound, count in
               re.findall(rf'^{name}_bucket{{le="([^"+]+)"}} (\d+)$', text, re.MULTILINE)]
    total = int(re.search(rf"^{name}_count (\d+)$", text, re.MULTILINE).group(1))
    return next((bound for bound, count in buckets if count * 2 >= total), "over the last bound")


def throughput(node, clients=16, seconds=SECONDS):
    """Tasks per second from several clients at once."""
    digest = "sha256:" + hashlib.sha256(NOTHING_WASM).hexdigest()
    done = parallel(node, clients, seconds, lambda client, _: client.json("POST", "/tasks?wait=30", {"module": digest})[0] == 201)
    print(f"tasks, {clients} clients: {done / seconds:.0f} per second")


def puts(node, clients=32, seconds=SECONDS):
    """Durable 1 KiB objects per second from several clients at once, beside what the disk does with one file."""
    count = iter(range(10_000_000))

    def put(client, number):
        body = f"{number}-{next(count)}".encode().ljust(1024, b".")
        return client.request("PUT", f"/api/v1/objects/bench/p/{number}/{next(count)}", body)[0] == 201

    done = parallel(node, clients, seconds, put)
    print(f"durable puts of 1 KiB, {clients} clients: {done / seconds:.0f} per second")


def parallel(node, clients, seconds, work):
    stop, counts = time.monotonic() + seconds, [0] * clients

    def loop(number):
        client = Client(node.directory, timeout=60)
        while time.monotonic() < stop:
            counts[number] += work(client, number)
        client.close()

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


if __name__ == "__main__":
    main()
