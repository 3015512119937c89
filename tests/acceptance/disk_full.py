#!/usr/bin/env python3
"""Fills the disk under a node: `disk_full.py CASEMATE`.

The node lives on a small file system of its own, mounted in a namespace that only this script sees, so nothing else is
filled. What was acknowledged must be whole, before and after space is made and the node is killed; what was refused must be
refused in words; the node must go on when there is room again.
"""

import errno
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from node import Client, Node, Unreachable

MARK = "DISK_FULL_INSIDE"
DISK = "48m"
BODY_BYTES = 1 << 20


def main():
    if MARK not in os.environ:
        sys.exit(enter_namespace())
    binary = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="casemate-disk-") as scratch:
        disk = pathlib.Path(scratch) / "data"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", disk], check=True)
        node = Node(binary, disk)
        os.environ["CASEMATE_FREE_BYTES_MIN"] = "8MiB"
        try:
            fill(node)
        finally:
            if node.process and node.process.poll() is None:
                node.kill()
            subprocess.run(["umount", disk], check=True)


def enter_namespace():
    """Runs this script again where it may mount."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if sys.argv[1] == "--can-mount":
        return subprocess.run([*unshare, "true"], check=False).returncode
    return subprocess.run([*unshare, sys.executable, *sys.argv], env=os.environ | {MARK: "1"}, check=False).returncode


def fill(node):
    node.start()
    client = Client(node.directory)
    stored, refusal = put_until_full(client)
    assert len(stored) >= 10, f"the disk was full after {len(stored)} objects"
    assert refusal["code"] == "storage_full" and refusal["status"] == 507, refusal
    check_all(client, stored)
    listed = [item["key"] for item in pages(client)]
    assert sorted(listed) == sorted(stored), "what was refused is not listed"

    # Objects leave room for the node itself, so that it starts, and deletes, on a disk that is full for them.
    node.kill()
    node.start()
    client = Client(node.directory)
    check_all(client, stored)
    make_room(client, stored)

    # Somebody else takes the rest: the node says so in time, and that it is over, without a restart.
    take_the_rest(node)
    red = wait_until_ready_is(client, 503)
    (node.directory / "intruder").unlink()
    green = wait_until_ready_is(client, 200)
    # Once more; now nothing can be written, and the node is killed in the middle of it.
    take_the_rest(node)
    small, refused = use_up(client)
    stored |= small
    check_all(client, stored)
    node.kill()
    (node.directory / "intruder").unlink()
    node.start()
    client = Client(node.directory)
    check_all(client, stored)
    # What was deleted goes after its grace; the operator's other way out is a larger disk.
    subprocess.run(["mount", "-o", "remount,size=96m", node.directory], check=True)
    status, _, answer = client.request("PUT", "/api/v1/objects/full/after", b"room again")
    assert status in (200, 201), f"a put after space was made answered {status}: {answer}"
    node.run("audit", "verify", "--no-remember", "--data-dir", str(node.directory))
    assert node.stop() == 0
    node.run("db", "check", "--data-dir", str(node.directory))
    print(f"disk full: {len(stored)} acknowledged objects whole, {refused + 1} writes refused in words; "
          f"ready was red after {red:.1f} s and green after {green:.1f} s")


def take_the_rest(node):
    with open(node.directory / "intruder", "wb") as intruder:
        try:
            while True:
                os.write(intruder.fileno(), bytes(1 << 12))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def wait_until_ready_is(client, wanted):
    """Asks until the answer is as wanted; how long that took, which must be 5 s at most."""
    since = time.monotonic()
    while True:
        status, _, answer = client.request("GET", "/api/v1/health/ready")
        took = time.monotonic() - since
        if status == wanted:
            return took
        assert took < 5, f"after {took:.1f} s ready answers {status}: {answer.decode()}"
        time.sleep(0.05)


def put_until_full(client):
    """Random bodies, so that nothing shares a blob."""
    stored = {}
    for number in itertools.count():
        body = os.urandom(BODY_BYTES)
        status, _, answer = client.request("PUT", f"/api/v1/objects/full/large-{number}", body)
        if status not in (200, 201):
            return stored, json.loads(answer)
        stored[f"large-{number}"] = hashlib.sha256(body).hexdigest()


def use_up(client, most=20_000):
    """Small objects until twenty in a row are refused; each refusal must be one that says so."""
    stored, refused, in_a_row = {}, 0, 0
    for number in range(most):
        body = os.urandom(900)
        try:
            status, headers, _ = client.request("PUT", f"/api/v1/objects/full/small-{number}", body)
        except Unreachable as error:
            raise SystemExit(f"the node hung up on a full disk: {error}") from error
        if status in (200, 201):
            stored[f"small-{number}"] = hashlib.sha256(body).hexdigest()
            in_a_row = 0
        else:
            assert status in (503, 507), f"a put on a full disk answered {status}"
            assert headers["content-type"] == "application/problem+json", headers
            refused, in_a_row = refused + 1, in_a_row + 1
            if in_a_row == 20:
                return stored, refused
    raise SystemExit("the disk never got full")


def make_room(client, stored):
    """Deletes some objects."""
    for key in [key for key in stored if key.startswith("large-")][:5]:
        status, _, answer = client.request("DELETE", f"/api/v1/objects/full/{key}")
        if status != 204:
            raise SystemExit(f"a delete on a full disk answered {status}: {answer.decode()}")
        del stored[key]


def check_all(client, stored):
    for key, digest in stored.items():
        status, _, body = client.request("GET", f"/api/v1/objects/full/{key}")
        assert status == 200 and hashlib.sha256(body).hexdigest() == digest, f"{key}: {status}"


def pages(client):
    query = ""
    while True:
        status, page = client.json("GET", f"/buckets/full/objects?limit=200{query}")
        assert status == 200, page
        yield from page["items"]
        if not page.get("next"):
            return
        query = f"&after={page['next']}"


if __name__ == "__main__":
    main()
