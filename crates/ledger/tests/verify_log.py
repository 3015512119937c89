#!/usr/bin/env python3
"""Checks a log directory without a line of Casemate's code: verify_log.py DIRECTORY PUBLIC_KEY

Derives the root from the entries (RFC 6962, recursively as the RFC defines it), follows the links between entries,
compares every hash tile, and checks the checkpoint. The Ed25519 signature is checked if the `cryptography` package
is there; the last word of the output says whether it was.
"""

import base64
import hashlib
import pathlib
import struct
import sys


def fail(message):
    print(message)
    sys.exit(1)


def sha256(data):
    return hashlib.sha256(data).digest()


def root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + root(leaves[:half]) + root(leaves[half:]))


def tile_name(kind, index, width):
    groups = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        groups.insert(0, "x%03d" % (index % 1000))
    return "tile/%s/%s" % (kind, "/".join(groups)) + ("" if width == 256 else ".p/%d" % width)


def tiles(count):
    """The index and width of each tile that holds `count` items."""
    for index in range((count + 255) // 256):
        yield index, min(256, count - 256 * index)


def read(directory, name):
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        fail(f"{name}: {error.strerror}")


def read_entries(directory, size):
    entries = []
    for index, width in tiles(size):
        name = tile_name("entries", index, width)
        data = read(directory, name)
        count = 0
        while data:
            (length,) = struct.unpack(">H", data[:2])
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
            count += 1
        if count != width:
            fail(f"{name}: {count} entries instead of {width}")
    return entries


def check_links(entries):
    previous = bytes(32)
    for number, entry in enumerate(entries):
        if entry[:5] != b"CMLE\x01":
            fail(f"entry {number}: not a log entry")
        if struct.unpack(">Q", entry[5:13])[0] != number:
            fail(f"entry {number}: another number stands in it")
        if entry[13:45] != previous:
            fail(f"entry {number}: does not link to the entry before it")
        previous = sha256(entry)


def check_tiles(directory, leaves):
    level, hashes = 0, leaves
    while hashes:
        for index, width in tiles(len(hashes)):
            name = tile_name(level, index, width)
            if read(directory, name) != b"".join(hashes[256 * index : 256 * index + width]):
                fail(f"{name}: not what the entries give")
        full = len(hashes) // 256
        hashes = [root(hashes[256 * index : 256 * (index + 1)]) for index in range(full)]
        level += 1


def check_signature(note, signature_line, vkey):
    origin, key_id, typed = vkey.split("+", 2)
    typed = base64.b64decode(typed, validate=True)
    if sha256(origin.encode() + b"\n" + typed)[:4].hex() != key_id:
        fail("key: its id does not belong to it")
    dash, name, signature = signature_line.split(" ")
    signature = base64.b64decode(signature, validate=True)
    if dash != "—" or name != origin or signature[:4].hex() != key_id:
        fail("checkpoint: signed by another key")
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return "signature-unchecked"
    try:
        Ed25519PublicKey.from_public_bytes(typed[1:]).verify(signature[4:], note)
    except InvalidSignature:
        fail("checkpoint: its signature does not hold")
    return "signature-checked"


def main():
    directory, vkey = pathlib.Path(sys.argv[1]), sys.argv[2]
    checkpoint = read(directory, "checkpoint").decode()
    note, signature_line = checkpoint.removesuffix("\n").split("\n\n")
    origin, size, stated_root = note.split("\n")
    if origin != vkey.split("+")[0]:
        fail("checkpoint: another log")
    entries = read_entries(directory, int(size))
    check_links(entries)
    leaves = [sha256(b"\x00" + entry) for entry in entries]
    check_tiles(directory, leaves)
    if base64.b64encode(root(leaves)).decode() != stated_root:
        fail("checkpoint: its root is not that of the entries")
    signed = check_signature((note + "\n").encode(), signature_line, vkey)
    print(f"{size} {root(leaves).hex()} {signed}")


main()
