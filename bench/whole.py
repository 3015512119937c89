"""Whole objects over S3: one client, one connection that is kept, two servers that take turns.

Requests are signed with `UNSIGNED-PAYLOAD`, so that the client's hashing, the same for both, does not hide a difference. The
client acknowledges packets at once: a server that leaves Nagle's algorithm on would otherwise wait up to 40 ms for that, and
the comparison would be with a timer.
"""

import concurrent.futures
import http.client
import multiprocessing
import os
import socket
import statistics
import time

from s3_node import UNSIGNED, Raw


class Side:
    """A server and a connection to it."""

    def __init__(self, host, key, bucket):
        self.raw, self.bucket = Raw(host, key), bucket
        self.connection = http.client.HTTPConnection(host, timeout=600)
        self.connection.connect()

    def request(self, method, name, body=b""):
        """Seconds of a request until its answer has arrived, and the answer's content."""
        target, headers = self.raw.signed(method, f"/{self.bucket}/{name}", body=body, payload=UNSIGNED)
        began = time.perf_counter()
        self.connection.request(method, target, body=body or None, headers=headers)
        # Sending makes the kernel forget it.
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        answer = self.connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - began
        assert answer.status == 200, (method, target, answer.status, content[:500])
        return seconds, content


def compare(ours, plain, size, count, rounds):
    """The median milliseconds of a put and a get on both sides, and the median ratio of the rounds.

    `ours` and `plain` are what a side is made of. The contents are held by a process of its own, whose memory does not count
    for the commands that the caller measures.
    """
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
        return process.submit(by_turns, ours, plain, size, count, rounds).result()


def by_turns(ours, plain, size, count, rounds):
    ours, plain = Side(*ours), Side(*plain)
    times = {"put": {ours: [], plain: []}, "get": {ours: [], plain: []}}
    for turn in range(rounds):
        bodies = [os.urandom(size) for _ in range(count)]
        for side in (ours, plain) if turn % 2 == 0 else (plain, ours):
            names = [f"{size}/{turn}-{number}" for number in range(count)]
            times["put"][side].append(mean(side.request("PUT", name, body)[0] for name, body in zip(names, bodies)))
            times["get"][side].append(mean(timed_get(side, name, body) for name, body in zip(names, bodies)))
    return {verb: figures(found[ours], found[plain]) for verb, found in times.items()}


def timed_get(side, name, body):
    seconds, content = side.request("GET", name)
    assert content == body, f"{name} came back wrong"
    return seconds


def mean(values):
    return statistics.fmean(list(values))


def figures(ours, plain):
    return {"casemate_ms": statistics.median(ours) * 1e3, "plain_ms": statistics.median(plain) * 1e3,
            "ratio": statistics.median(one / other for one, other in zip(ours, plain)),
            "ratios": [round(one / other, 2) for one, other in zip(ours, plain)]}
