#!/usr/bin/env python3
"""How much memory uploads to S3 take whose one chunk is said to be the whole content: `s3_memory.py BINARY`.

Sixteen clients each declare a chunk of 5 GiB, send a part of it and wait; the node must have handed on what came. A signed
chunk of that length, whose signature could only be checked at its end, is refused.
"""

import pathlib
import re
import socket
import sys
import tempfile
import threading
import time

from s3_node import CHUNKED, Endpoint, Raw, code

MIB = 1 << 20
DECLARED = 5 << 30
CLIENTS = 16
SENT = 32 * MIB
GROWTH_MAX = 96 * MIB


def main():
    with tempfile.TemporaryDirectory(prefix="casemate-s3-memory-") as scratch:
        endpoint = Endpoint(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(scratch) / "data")
        try:
            key = endpoint.key()
            raw = Raw(endpoint.host, key)
            assert raw.send("PUT", "/memory").status == 200
            refuse_large_signed_chunk(raw)
            before = resident(endpoint)
            senders = [threading.Thread(target=send_and_wait, args=(endpoint, key, number)) for number in range(CLIENTS)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            wait_for_content(endpoint)
            growth = resident(endpoint) - before
        finally:
            endpoint.node.kill()
    print(f"{CLIENTS} uploads of {SENT // MIB} MiB each in one chunk took {growth / MIB:.0f} MiB of memory at most, of {GROWTH_MAX // MIB}")
    sys.exit(0 if growth < GROWTH_MAX else 1)


OPEN = []


def send_and_wait(endpoint, key, number):
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(DECLARED), "x-amz-trailer": "x-amz-checksum-crc32"}
    raw = Raw(endpoint.host, key)
    target, headers = raw.signed("PUT", f"/memory/{number}", headers=headers, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", length=False)
    connection = begin(endpoint, target, headers | {"content-length": str(DECLARED + 100)})
    connection.sendall(f"{DECLARED:x}\r\n".encode())
    for _ in range(SENT // MIB):
        connection.sendall(bytes(MIB))
    OPEN.append(connection)


def begin(endpoint, target, headers):
    host, _, port = endpoint.host.partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall((f"PUT {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode())
    return connection


def refuse_large_signed_chunk(raw):
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(DECLARED)}
    target, headers = raw.signed("PUT", "/memory/signed", headers=headers, payload=CHUNKED, length=False)
    body = f"{DECLARED:x};chunk-signature={'0' * 64}\r\n".encode() + bytes(MIB)
    answer = raw.transmit("PUT", target, headers | {"content-length": str(len(body))}, body)
    assert (answer.status, code(answer)) == (400, "InvalidRequest"), answer
    assert b"a signed chunk has at most 16 MiB" in answer.body, answer


def wait_for_content(endpoint):
    """Until what was sent is in files: what the node has not read yet takes no memory of its."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        files = [path for path in endpoint.node.directory.rglob("*") if path.is_file()]
        # Of each the last pieces are still in buffers.
        if sum(path.stat().st_size for path in files) > CLIENTS * (SENT - 2 * MIB):
            return
        time.sleep(0.05)
    print("the content did not get to the disk")


def resident(endpoint):
    """The most memory that the process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{endpoint.node.process.pid}/status").read_text(encoding="utf-8"))
    return int(found.group(1)) << 10


if __name__ == "__main__":
    main()
