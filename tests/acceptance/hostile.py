#!/usr/bin/env python3
"""Runs hostile guests and watches how late they are stopped and what the node's health costs meanwhile.

`hostile.py BINARY GUESTS`: each guest must end at the limit that is meant for it, at most 50 ms after its deadline
where the deadline is the limit, while the 99th percentile of `GET /api/v1/health` stays under 20 ms.
"""

import pathlib
import sys
import tempfile
import threading
import time

from node import Client, Node

OVERSHOOT_MS_MAX, HEALTH_MS_MAX = 50, 20


def leb(number):
    """An unsigned LEB128."""
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def section(kind, *items):
    body = leb(len(items)) + b"".join(items)
    return bytes([kind]) + leb(len(body)) + body


def module(code, *, memory=None, table=None, functions=1, locals_=b"\x00"):
    """A command whose `_start` is `code`, `functions` times over."""
    body = locals_ + code + b"\x0b"
    parts = [b"\0asm\1\0\0\0", section(1, b"\x60\0\0"), section(3, *[b"\0"] * functions)]
    if table is not None:
        parts.append(section(4, b"\x70\x00" + leb(table)))
    if memory is not None:
        parts.append(section(5, b"\x00" + leb(memory)))
    parts.append(section(7, b"\x06_start\x00\x00"))
    parts.append(section(10, *[leb(len(body)) + body] * functions))
    return b"".join(parts)


def loop(body):
    return b"\x03\x40" + body + b"\x0c\x00\x0b"


GREW = 500_000_000_000
GUESTS = {
    # name: (module, limits, the outcome that is meant for it)
    "endless loop": (module(loop(b"")), {"wall_ms": 1000, "fuel": GREW}, ("limit-reached", "wall")),
    "endless loop, little fuel": (module(loop(b"")), {"wall_ms": 5000, "fuel": 1_000_000}, ("limit-reached", "fuel")),
    "memory bomb": (module(loop(b"\x41\x10\x40\x00\x1a"), memory=1), {"wall_ms": 5000, "memory_bytes": 32 << 20},
                    ("limit-reached", "memory")),
    "table bomb": (module(loop(b"\xd0\x70\x41\xe8\x07\xfc\x0f\x00\x1a"), table=1), {"wall_ms": 5000, "table_elements": 10_000},
                   ("limit-reached", "table-elements")),
    "deep recursion": (module(b"\x10\x00"), {"wall_ms": 5000}, ("limit-reached", "stack")),
    "compile bomb": (module(b"\x02\x40\x0b" * 900_000), {"wall_ms": 1000, "compile_ms": 800}, None),
}


def main():
    binary, guests = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    files = {
        "output flood": ("output_flood.wasm", {"wall_ms": 10_000, "output_bytes": 1 << 20}, ("limit-reached", "output")),
        "blocking host call": ("sleeper.wasm", {"wall_ms": 1000}, ("limit-reached", "wall")),
    }
    for name, (file, limits, meant) in files.items():
        GUESTS[name] = ((guests / file).read_bytes(), limits, meant)
    with tempfile.TemporaryDirectory(prefix="casemate-hostile-") as scratch:
        node = Node(binary, pathlib.Path(scratch) / "data")
        node.start()
        try:
            failed = attack(node)
        finally:
            node.stop()
    print(f"{2 * len(GUESTS) + 1 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def attack(node):
    latencies, stop = [], threading.Event()
    watcher = threading.Thread(target=watch, args=(node, latencies, stop))
    watcher.start()
    client, failed = Client(node.directory, timeout=60), 0
    for name, (content, limits, meant) in GUESTS.items():
        # Twice: with the compilation, and with the compiled module at hand.
        for again in (False, True):
            failed += not run(client, name + (", warm" if again else ""), content, limits, meant)
    stop.set()
    watcher.join()
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    good = p99 < HEALTH_MS_MAX
    print(f"{'ok  ' if good else 'FAIL'} health while all that ran: {len(latencies)} requests, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return failed + (not good)


def run(client, name, content, limits, meant):
    key = name.split(",")[0].replace(" ", "-")
    client.request("PUT", f"/api/v1/objects/hostile/{key}.wasm", content)
    status, task = client.json("POST", "/tasks?wait=60", {"module": {"bucket": "hostile", "key": f"{key}.wasm"}, "limits": limits})
    if status != 201 or task["result"] is None:
        print(f"FAIL {name}: {status} {task}")
        return False
    outcome, usage = task["result"]["outcome"], task["result"]["usage"]
    found = (outcome["kind"], outcome["detail"])
    late = usage["wall_ms"] - limits["wall_ms"]
    good = late <= OVERSHOOT_MS_MAX and (found == meant if meant else outcome["kind"] in ("limit-reached", "refused"))
    print(f"{'ok  ' if good else 'FAIL'} {name}: {outcome['text']}, {usage['wall_ms']} of {limits['wall_ms']} ms")
    return good


def watch(node, latencies, stop):
    client = Client(node.directory, timeout=10)
    while not stop.is_set():
        began = time.perf_counter()
        status, _, _ = client.request("GET", "/api/v1/health")
        latencies.append((time.perf_counter() - began) * 1e3 if status == 200 else float("inf"))
        stop.wait(0.01)
    client.close()


if __name__ == "__main__":
    main()
