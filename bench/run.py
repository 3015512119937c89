#!/usr/bin/env python3
"""Measures a node: `run.py CASEMATE [BARE]`, both release builds.

API figures are ratios against a bare axum route in the same run, since the machine's speed is not Casemate's. All
load is bounded in time and goes to loopback. Needs `wrk` for the API part.
"""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "acceptance"))
from node import NOTHING_WASM, Client, Node  # noqa: E402

import hashlib  # noqa: E402

ROUNDS, SECONDS = 3, 4


def main():
    binary = pathlib.Path(sys.argv[1])
    bare = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    # The limit per network is not what is measured here, and all load comes from one.
    os.environ |= {"CASEMATE_REQUESTS_PER_SECOND": "1000000", "CASEMATE_REQUESTS_BURST": "1000000"}
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
        node = Node(binary, pathlib.Path(scratch) / "data")
        node.start()
        try:
            client = Client(node.directory, timeout=60)
            client.request("PUT", "/api/v1/objects/bench/nothing.wasm", NOTHING_WASM)
            tasks(client)
            throughput(node)
            puts(node)
            if bare:
                api(node, client, bare)
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
        bound = median_bound(metrics.decode(), name)
        print(f"{what}: p50 at most {bound} s (bound of the histogram's bucket)")


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


def api(node, client, bare):
    """Requests per second with a key check, against a route that does nothing."""
    if shutil.which("wrk") is None:
        print("API against bare axum: not measured (wrk is not installed)")
        return
    status, made = client.json("POST", "/keys", {"label": "bench", "role": "viewer", "scopes": ["names:read"]})
    assert status == 201, made
    peer = subprocess.Popen([bare], stdout=subprocess.PIPE, text=True)
    try:
        bare_url = f"http://{peer.stdout.readline().strip()}/api/v1/session"
        own_url = node_url(node) + "/api/v1/session"
        ratios, own_rates, bare_rates = [], [], []
        for _ in range(ROUNDS):
            bare_rates.append(wrk(bare_url, None))
            own_rates.append(wrk(own_url, made["secret"]))
            ratios.append(own_rates[-1] / bare_rates[-1])
    finally:
        peer.terminate()
        peer.wait()
    print(f"API with key check: {statistics.median(own_rates):.0f} per second, bare axum "
          f"{statistics.median(bare_rates):.0f} per second, ratio {statistics.median(ratios):.2f} "
          f"({', '.join(f'{ratio:.2f}' for ratio in ratios)})")


def node_url(node):
    text = pathlib.Path(node.log.name).read_text()
    return re.search(r"http://127\.0\.0\.1:\d+", text).group(0)


def wrk(url, key):
    command = ["wrk", "--threads", "1", "--connections", "32", "--duration", f"{SECONDS}s", url]
    if key:
        command[1:1] = ["--header", f"X-API-Key: {key}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in text, text
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


if __name__ == "__main__":
    main()
