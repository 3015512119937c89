#!/usr/bin/env python3
"""Keeps a disk full under a node while S3 clients write: `disk_storm.py CASEMATE [--rounds N] [--seed S]`.

The node lives on a small file system of its own, as in `disk_full.py`, with little room kept for it: clients put, overwrite,
delete and upload in parts over S3 and the native API, the packer and the collector (`collect_grace_seconds` is 1) work
beside them, and somebody else takes the rest of the disk and gives it back. In every round the node is killed on the full
disk. Nothing acknowledged may be lost or wrong, no file may be damaged, and nothing may be left after `fsck --repair`.
"""

import argparse
import errno
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

from disk_full import MARK, enter_namespace
from node import Node
from s3_load import Load, Remembered, free_port, fsck, prepare, verify

DISK = "40m"


def main():
    if MARK not in os.environ:
        sys.exit(enter_namespace())
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory(prefix="casemate-storm-") as scratch:
        disk = pathlib.Path(scratch) / "data"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", disk], check=True)
        try:
            problems = storm(Node(arguments.binary, disk), arguments)
        except BaseException:
            print((disk.parent / "data.log").read_text(encoding="utf-8")[-3000:], file=sys.stderr)
            raise
        finally:
            subprocess.run(["umount", disk], check=True)
    sys.exit(1 if problems else 0)


def storm(node, arguments):
    chance, remembered, kinds = random.Random(arguments.seed), Remembered(), Counter()
    host = f"127.0.0.1:{free_port()}"
    # Little enough that the disk is full for the database and the log as well, once somebody else takes the rest.
    os.environ |= {"CASEMATE_S3_LISTEN": host, "CASEMATE_COLLECT_GRACE_SECONDS": "1", "CASEMATE_FREE_BYTES_MIN": "2MiB"}
    node.start()
    try:
        key = prepare(node, host)
        full = 0
        for number in range(arguments.rounds):
            full += round_once(node, (host, key), remembered, chance, number)
            kinds.update(fsck(node, remembered, f"after round {number}"))
            start(node, number)
            verify(remembered, host, key)
        enlarge(node, 200)
        verify(remembered, host, key)
        if remembered.uploads:
            remembered.problems.append(f"{len(remembered.uploads)} uploads cannot be completed with room on the disk")
        time.sleep(8)
        if node.stop() != 0:
            remembered.problems.append("the node did not stop as it was told to")
        fsck(node, remembered, "after the node collected", only=())
        fsck(node, remembered, "to repair", "--repair")
        fsck(node, remembered, "at the end", only=())
    finally:
        if node.process.poll() is None:
            node.kill()
    if not remembered.refused:
        remembered.problems.append("the disk never got full")
    print(f"{arguments.rounds} rounds, {full} times full, acknowledged: {remembered.acknowledged}, refused: {remembered.refused}, "
          f"left by crashes: {dict(kinds)}, problems: {len(remembered.problems)}")
    for problem in remembered.problems[:50]:
        print("  " + problem)
    return remembered.problems


def start(node, number):
    """Starts a node whose disk may be full with what it stored itself; then it says so, and the way out is a larger disk."""
    try:
        node.start()
    except SystemExit:
        with open(node.log.name, encoding="utf-8") as log:
            words = log.read()[-500:]
        if "no room left" not in words and "No space left" not in words:
            raise
        enlarge(node, 48 + 8 * number)
        node.start()


def enlarge(node, mebibytes):
    subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", node.directory], check=True)


def round_once(node, where, remembered, chance, number):
    """Clients write, the disk gets full and has room again a few times, and the node is killed while it is full."""
    stop, full = threading.Event(), 0
    loads = [Load(node.directory, *where, remembered, stop, f"c{client}", f"{number}-{chance.random()}", large=True) for client in range(5)]
    for load in loads:
        load.start()
    intruder = node.directory / "intruder"
    for _ in range(chance.randrange(1, 4)):
        time.sleep(chance.uniform(0.2, 1))
        take_all(intruder)
        full += 1
        time.sleep(chance.uniform(0.1, 0.5))
        intruder.unlink()
    take_all(intruder)
    time.sleep(chance.uniform(0.05, 0.4))
    node.kill()
    stop.set()
    for load in loads:
        load.join()
    intruder.unlink()
    return full + 1


def take_all(path):
    with open(path, "wb") as intruder:
        try:
            while True:
                os.write(intruder.fileno(), bytes(1 << 16))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


if __name__ == "__main__":
    main()
