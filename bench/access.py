#!/usr/bin/env python3
"""Measures the edge of a node: `access.py CASEMATE BARE`, both release builds.

1. A GET with a key check as a ratio to a bare axum route in the same run, on SQLite and on PostgreSQL. Needs `wrk`.
2. How long `/api/v1/health/live` takes while people sign in as fast as they are let.
3. Whether the time of a refusal tells why: unknown user or wrong password, unknown key or wrong secret. Welch's t over
   samples in random order, as dudect does it ("Dude, is my code constant time?", Reparaz et al., 2017): below 4.5 in
   magnitude, no difference was found.

Nothing here fails by being slow; it prints. All load is bounded and goes to loopback.
"""

import argparse
import base64
import contextlib
import http.client
import json
import math
import os
import pathlib
import random
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "acceptance"))
from node import Client, Node  # noqa: E402
from postgres import Postgres  # noqa: E402

ROUNDS, SECONDS = 3, 4
TIERS = ("auth", "names", "tasks", "objects", "s3", "general")
PASSWORD = "correct horse battery staple"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("casemate", type=pathlib.Path)
    arguments.add_argument("bare", type=pathlib.Path)
    arguments.add_argument("--only", choices=("ratio", "storm", "timing"), help="one part")
    arguments.add_argument("--samples", type=int, default=20_000, help="refusals of keys to compare (logins: a fiftieth)")
    given = arguments.parse_args()
    for name, part in (("ratio", ratios), ("storm", storm), ("timing", timing)):
        if given.only in (None, name):
            part(given)


@contextlib.contextmanager
def running(binary, more=""):
    """A node whose limits are out of the way: they are not what is measured, and all load comes from one network."""
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
        config = pathlib.Path(scratch) / "config.toml"
        config.write_text(more + "".join(f"[limits.{tier}]\nper_second = 1000000\nburst = 1000000\n" for tier in TIERS))
        node = Node(binary, pathlib.Path(scratch) / "data", "--config", str(config))
        node.start()
        try:
            yield node, Client(node.directory, timeout=60)
        finally:
            node.stop()


def address(node):
    text = pathlib.Path(node.log.name).read_text()
    return re.search(r"http://(127\.0\.0\.1:\d+)", text).group(1)


# 1. The ratio.


def ratios(given):
    if shutil.which("wrk") is None:
        print("API against bare axum: not measured (wrk is not installed)")
        return
    compare(given, "SQLite", "")
    server = Postgres(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
            url = pathlib.Path(scratch) / "url"
            url.touch(0o600)
            url.write_text(server.database())
            compare(given, "PostgreSQL", f'database = "postgres"\ndatabase_url_file = "{url}"\n')
    finally:
        server.stop()


def compare(given, name, more):
    with running(given.casemate, more) as (node, client):
        status, made = client.json("POST", "/keys", {"label": "bench", "role": "viewer", "scopes": ["names:read"]})
        assert status == 201, made
        peer = subprocess.Popen([given.bare], stdout=subprocess.PIPE, text=True)
        try:
            bare = f"http://{peer.stdout.readline().strip()}/api/v1/session"
            own = f"http://{address(node)}/api/v1/session"
            pairs = [(wrk(own, made["secret"]), wrk(bare, None)) for _ in range(ROUNDS)]
        finally:
            peer.terminate()
            peer.wait()
    found = [one / other for one, other in pairs]
    print(f"GET with key check, {name}: {statistics.median(one for one, _ in pairs):.0f} per second, bare axum "
          f"{statistics.median(other for _, other in pairs):.0f} per second, ratio {statistics.median(found):.2f} "
          f"({', '.join(f'{ratio:.2f}' for ratio in found)})", flush=True)


def wrk(url, key):
    command = ["wrk", "--threads", "1", "--connections", "32", "--duration", f"{SECONDS}s", url]
    if key:
        command[1:1] = ["--header", f"X-API-Key: {key}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in text, text
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


# 2. The storm.


def storm(given, clients=64, seconds=8):
    """`clients` people sign in once a second each, then as fast as they can; another asks for the node's health."""
    sign_ins(given, clients, seconds, 1.0)
    sign_ins(given, clients, seconds, 0.0)


def sign_ins(given, clients, seconds, pause):
    with running(given.casemate) as (node, client):
        users = [add_user(client, f"user{number:03}") for number in range(clients)]
        where, stop, answers = address(node), time.monotonic() + seconds, []

        def sign_in(name):
            connection = http.client.HTTPConnection(where, timeout=30)
            while time.monotonic() < stop:
                began = time.perf_counter()
                status, headers = post(connection, "/api/v1/auth/login", {"username": name, "password": PASSWORD})
                answers.append((status, time.perf_counter() - began, headers.get("retry-after")))
                time.sleep(max(0.0, pause - answers[-1][1]))

        threads = [threading.Thread(target=sign_in, args=(name,)) for name in users]
        for thread in threads:
            thread.start()
        times, connection = [], http.client.HTTPConnection(where, timeout=30)
        while time.monotonic() < stop:
            began = time.perf_counter()
            connection.request("GET", "/api/v1/health/live")
            answer = connection.getresponse()
            answer.read()
            times.append((time.perf_counter() - began) * 1e3)
            assert answer.status == 200, answer.status
            time.sleep(0.005)
        for thread in threads:
            thread.join()
    times.sort()
    by_status = {status: [answer for answer in answers if answer[0] == status] for status in {answer[0] for answer in answers}}
    unsaid = sum(1 for answer in answers if answer[0] in (429, 503) and answer[2] is None)
    print(f"health while {clients} clients sign in {'once a second' if pause else 'without a pause'}: p50 {times[len(times) // 2]:.1f} ms, p99 {times[len(times) * 99 // 100]:.1f} ms "
          f"of {len(times)} requests")
    for status, found in sorted(by_status.items()):
        took = sorted(answer[1] for answer in found)
        print(f"  logins answered {status}: {len(found) / seconds:.0f} per second, p99 {took[len(took) * 99 // 100] * 1e3:.0f} ms")
    print(f"  refusals without Retry-After: {unsaid}", flush=True)


def add_user(client, name):
    status, user = client.json("POST", "/users", {"name": name, "role": "viewer", "password": PASSWORD})
    assert status == 201, user
    return name


def post(connection, path, body):
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


# 3. Times of refusals.


def timing(given):
    with running(given.casemate) as (node, client):
        keys_tell_nothing(node, client, given.samples)
        logins_tell_nothing(node, client, given.samples // 50)


def keys_tell_nothing(node, client, samples):
    status, made = client.json("POST", "/keys", {"label": "bench", "role": "viewer", "scopes": ["names:read"]})
    assert status == 201, made
    known, unknown = made["key"]["id"].rsplit("_", 1)[1], fresh_id(made["key"]["id"])
    connection = http.client.HTTPConnection(address(node), timeout=30)

    def refuse(id_part):
        key = token(id_part)
        began = time.perf_counter_ns()
        connection.request("GET", "/api/v1/session", headers={"X-API-Key": key})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401, answer.status
        return time.perf_counter_ns() - began

    report("unknown key, wrong secret", by_chance(samples, lambda: refuse(unknown), lambda: refuse(known)))


def fresh_id(known):
    """An id like `known` that nobody has: the last character is another."""
    part = known.rsplit("_", 1)[1]
    return part[:-1] + ("0" if part[-1] != "0" else "1")


def token(id_part):
    """The text of a key with a secret that is made up; see crates/identity/src/token.rs for the form."""
    text = base64.b32encode(secrets.token_bytes(32)).decode().lower().rstrip("=")
    crc = zlib.crc32(f"casemate_key_{id_part}_{text}".encode())
    return f"casemate_key_{id_part}_{text}_{crc:08x}"


def logins_tell_nothing(node, client, samples):
    """Each name is tried few times, as tries per name are limited."""
    # It was idle for longer than the node keeps connections.
    client.close()
    per_name = 5
    names = iter([add_user(client, f"known{number:04}") for number in range(samples // per_name + 1)] * per_name)
    strangers = iter([f"nobody{number:04}" for number in range(samples // per_name + 1)] * per_name)
    connection = http.client.HTTPConnection(address(node), timeout=30)

    def refuse(name):
        began = time.perf_counter_ns()
        status, _ = post(connection, "/api/v1/auth/login", {"username": name, "password": "wrong " + secrets.token_hex(8)})
        assert status == 401, status
        return time.perf_counter_ns() - began

    report("unknown user, wrong password", by_chance(samples, lambda: refuse(next(strangers)), lambda: refuse(next(names))))


def by_chance(samples, first, second):
    """`samples` times of each, in random order."""
    order = [0, 1] * samples
    random.shuffle(order)
    times = ([], [])
    for which in order:
        times[which].append((first, second)[which]())
    return times


def report(what, times):
    """The largest |t| over the whole and over what lies under several percentiles, which cuts the scheduler's noise."""
    together = sorted(times[0] + times[1])
    cuts = [math.inf] + [together[int(len(together) * share)] for share in (0.99, 0.95, 0.9, 0.8, 0.5)]
    values = [welch(*([time for time in side if time < cut] for side in times)) for cut in cuts]
    medians = [statistics.median(side) / 1e3 for side in times]
    worst = max(values, key=abs)
    print(f"{what}: medians {medians[0]:.1f} and {medians[1]:.1f} us, largest |t| {abs(worst):.2f} of {len(times[0])} each "
          f"({'no difference found' if abs(worst) < 4.5 else 'THE TIME TELLS'})", flush=True)


def welch(one, other):
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread) if spread else 0.0


if __name__ == "__main__":
    main()
