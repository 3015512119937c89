#!/usr/bin/env python3
"""Kills a node again and again while sessions are refreshed, and sees that nobody is logged out and nothing is doubled.

`kill_refresh.py BINARY [--cycles N] [--clients N] [--seed S]`

Each client has a session and does nothing but exchange its refresh token for the next. The node is killed at a random instant
and started anew; who got no answer sends the same token again, as a client that lost the answer does, and must get a session
that is good. At the end each family has one token that was not used, which is the one that its client holds, no session has
ended, and a token from before the grace ends its family (so that the check checks something).

What is counted: kills; kills that broke off at least one rotation whose request was sent; those rotations; rotations that were
answered. A rotation that is broken off was committed or not: both are followed up.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from node import SOCKET, Node

PASSWORD = "correct horse battery"
# Well under the 30 seconds in which a token that was used gives its successor once more.
UNANSWERED_SECONDS_MAX = 8
# What the log says of a family that a token from before the grace has ended.
ENDED = "ended, as a token was used twice"


class Lost(Exception):
    """No whole answer; `sent` says whether the node may have had the request."""

    def __init__(self, sent):
        super().__init__()
        self.sent = sent


class Client(threading.Thread):
    """A program that keeps its session going."""

    def __init__(self, directory, name, stop, counts):
        super().__init__(daemon=True)
        self.path, self.name_, self.stop, self.counts = str(pathlib.Path(directory) / SOCKET), name, stop, counts
        self.connection = None
        self.refresh = self.access = None
        self.unanswered_since = None
        self.problems = []

    def post(self, path, body, headers=None):
        sent = False
        try:
            if self.connection is None:
                connection = http.client.HTTPConnection("casemate", timeout=20)
                connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.sock.settimeout(20)
                connection.sock.connect(self.path)
                self.connection = connection
            sent = True
            method = "GET" if body is None else "POST"
            body = None if body is None else json.dumps(body).encode()
            self.connection.request(method, "/api/v1" + path, body, {"content-type": "application/json"} | (headers or {}))
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            raise Lost(sent) from error

    def log_in(self):
        status, tokens = self.post("/auth/login", {"username": self.name_, "password": PASSWORD})
        assert status == 200, tokens
        self.refresh = tokens["refresh_token"]

    def run(self):
        asked = 0
        while not self.stop.is_set():
            try:
                self.rotate()
                asked += 1
                # The session behind it is good, too.
                if asked % 16 == 0:
                    status, said = self.post("/session", None, {"authorization": f"Bearer {self.access}"})
                    if status != 200:
                        self.problems.append(f"{self.name_}: a fresh access token was answered {status}: {said}")
            except Lost as lost:
                if lost.sent:
                    self.counts["broken off"] += 1
                time.sleep(0.001)

    def rotate(self):
        if self.unanswered_since is None:
            self.unanswered_since = time.monotonic()
        status, tokens = self.post("/auth/refresh", {"refresh_token": self.refresh})
        if status in (429, 500, 503):
            # The store stops with the node: it does not know, and says so.
            raise Lost(True)
        if status != 200:
            self.problems.append(f"{self.name_} was logged out: {status} {tokens}")
            self.stop.set()
            return
        self.refresh, self.access = tokens["refresh_token"], tokens["access_token"]
        self.unanswered_since = None
        self.counts["answered"] += 1


    def settle(self):
        """Gets the answer that the last kill broke off."""
        for _ in range(3):
            try:
                return self.rotate()
            except Lost:
                continue
        self.problems.append(f"{self.name_} gets no answer")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--cycles", type=int, default=40)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.cycles} cycles, {arguments.clients} clients", flush=True)
    os.environ |= {"CASEMATE_S3_LISTEN": "off", "CASEMATE_WORKERS": "1", "RUST_LOG": "error"}
    with tempfile.TemporaryDirectory(prefix="casemate-kill-refresh-") as scratch:
        node = Node(arguments.binary, pathlib.Path(scratch) / "data")
        node.start()
        try:
            problems = storm(node, arguments)
        finally:
            if node.process.poll() is None:
                node.kill()
    for problem in problems[:50]:
        print("  " + problem)
    print(f"problems: {len(problems)}")
    sys.exit(1 if problems else 0)


def storm(node, arguments):
    chance, stop, counts = random.Random(arguments.seed), threading.Event(), {"answered": 0, "broken off": 0}
    clients = [new_client(node, f"user{number}", stop, counts) for number in range(arguments.clients)]
    stale = clients[0].refresh
    for client in clients:
        client.start()
    began, kills_in_flight = time.monotonic(), 0
    for cycle in range(arguments.cycles):
        if stop.is_set():
            break
        time.sleep(chance.uniform(0, 0.012))
        wait_for_answers(clients)
        before = counts["broken off"]
        node.kill()
        node.start()
        kills_in_flight += counts["broken off"] > before
        if (cycle + 1) % 500 == 0:
            print(f"{cycle + 1} kills, {counts}, {time.monotonic() - began:.0f} s", flush=True)
    stop.set()
    for client in clients:
        client.join()
    took = time.monotonic() - began
    print(f"{cycle + 1} kills in {took:.0f} s, {kills_in_flight} of them broke off rotations; rotations: {counts}", flush=True)
    return [problem for client in clients for problem in client.problems] + aftermath(node, clients, stale)


def new_client(node, name, stop, counts):
    command = [node.binary, "user", "create", name, "--role", "developer", "--data-dir", str(node.directory)]
    done = subprocess.run(command, input=PASSWORD + "\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    client = Client(node.directory, name, stop, counts)
    client.log_in()
    return client


def wait_for_answers(clients):
    """Lets the node live until nobody waits so long that the grace could end: that would be a log-out by right."""
    while any(time.monotonic() - (client.unanswered_since or time.monotonic()) > UNANSWERED_SECONDS_MAX for client in clients):
        time.sleep(0.02)


def aftermath(node, clients, stale):
    """What the database says once nobody writes to it."""
    problems = []
    for client in clients:
        client.settle()
        problems += client.problems
    sessions, live, events = tally(node)
    if sessions != len(clients):
        problems.append(f"{len(clients)} sessions began and {sessions} are left")
    for session, unused in live.items():
        if unused != 1:
            problems.append(f"{session} has {unused} tokens that were not used")
    if events:
        problems.append(f"{events} families were ended")
    if problems:
        return problems
    # A token from the beginning is a thief's by now, and takes the family along: the check above would have seen that.
    with sqlite3.connect(f"{node.directory}/state/casemate.db") as database:
        database.execute("UPDATE refresh_tokens SET used = used - 31000 WHERE used IS NOT NULL")
    database.close()
    status, _ = clients[0].post("/auth/refresh", {"refresh_token": stale})
    sessions, live, ended = tally(node)
    if (status, sessions, len(live), ended) != (401, len(clients) - 1, len(clients) - 1, 1):
        problems.append(f"a stale token was answered {status}, and {sessions} sessions are left")
    return problems


def tally(node):
    """Sessions, tokens that were not used for each, and how many families were ended for a token that was used long ago."""
    with sqlite3.connect(f"file:{node.directory}/state/casemate.db?mode=ro", uri=True) as database:
        sessions = database.execute("SELECT count(*) FROM sessions WHERE user_id IS NOT NULL").fetchone()[0]
        live = dict(database.execute("SELECT session, sum(used IS NULL) FROM refresh_tokens GROUP BY session"))
        ended = database.execute("SELECT count(*) FROM log_entries WHERE instr(bytes, CAST(? AS BLOB))", (ENDED,)).fetchone()[0]
    database.close()
    return sessions, live, ended



if __name__ == "__main__":
    main()
