#!/usr/bin/env python3
"""Kills a node again and again while S3 clients write, and reads every file of it after each kill.

`kill_s3.py BINARY [--cycles N] [--seed S]`

Beside S3 puts, overwrites, deletes, versions and uploads in parts and the same over the native API, the node packs and
collects (`collect_grace_seconds` is 1); content is encrypted. After each kill `casemate fsck --objects` must find no damage: what a crash may
leave only takes space. At the end everything acknowledged is there, what the node collects by itself is gone after its
start, and after `--repair` there is no finding at all.
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter

from node import Node
from s3_load import Load, Remembered, free_port, fsck, prepare, verify


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--clients", type=int, default=6)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.cycles} cycles", flush=True)
    chance, remembered, kinds = random.Random(arguments.seed), Remembered(), Counter()
    host = f"127.0.0.1:{free_port()}"
    os.environ |= {"CASEMATE_S3_LISTEN": host, "CASEMATE_COLLECT_GRACE_SECONDS": "1"}
    with tempfile.TemporaryDirectory(prefix="casemate-kill-s3-") as scratch:
        key_file = pathlib.Path(scratch) / "content.key"
        key_file.write_text("5a" * 32)
        key_file.chmod(0o600)
        os.environ["CASEMATE_ENCRYPTION_KEY_FILE"] = str(key_file)
        node = Node(arguments.binary, pathlib.Path(scratch) / "data")
        node.start()
        try:
            key = prepare(node, host)
            for cycle in range(arguments.cycles):
                cycle_once(node, (host, key), remembered, chance, (cycle, arguments.clients))
                kinds.update(fsck(node, remembered, f"after kill {cycle}"))
                node.start()
            verify(remembered, host, key)
            settle(node, remembered)
        finally:
            if node.process.poll() is None:
                node.kill()
    done = {"writes": remembered.acknowledged, "versions": len(remembered.versions), "broken off": remembered.unknown}
    print(f"{arguments.cycles} kills, acknowledged: {done}, left by crashes: {dict(kinds)}, problems: {len(remembered.problems)}")
    for problem in remembered.problems[:50]:
        print("  " + problem)
    sys.exit(1 if remembered.problems else 0)


def cycle_once(node, where, remembered, chance, numbers):
    cycle, clients = numbers
    stop = threading.Event()
    loads = [Load(node.directory, *where, remembered, stop, f"c{number}", f"{cycle}-{chance.random()}") for number in range(clients)]
    for load in loads:
        load.start()
    # Now and then long enough for the packer and the collector to be caught at work.
    time.sleep(chance.uniform(0.02, 0.5) if chance.random() < 0.7 else chance.uniform(1, 3))
    node.kill()
    stop.set()
    for load in loads:
        load.join()


def settle(node, remembered):
    """What the node collects by itself goes; for the rest there is `--repair`."""
    # The start compares all files with the catalog; the collector looks twice before it takes a file of an upload.
    time.sleep(8)
    if node.stop() != 0:
        remembered.problems.append("the node did not stop as it was told to")
    fsck(node, remembered, "after the node collected", only=())
    fsck(node, remembered, "to repair", "--repair")
    fsck(node, remembered, "at the end", only=())


if __name__ == "__main__":
    main()
