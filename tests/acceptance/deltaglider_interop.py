#!/usr/bin/env python3
"""Shows that Casemate and Python DeltaGlider read what the other wrote: `deltaglider_interop.py DG [CACHE]`.

DG is the example `dg` of casemate-remote. CACHE keeps the installed DeltaGlider and the S3 server between runs.
Both sides talk to a real S3 server, moto's, on a free port of this machine.
"""

import bz2
import gzip
import io
import lzma
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

from tools import install

REQUIREMENTS = ["deltaglider==6.2.0", "moto[server]==5.2.5"]
BUCKET = "interop"


def main(dg: str, cache: pathlib.Path) -> None:
    tools = install(cache, REQUIREMENTS)
    server = Server(tools)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            world = World(dg, tools, server.url, pathlib.Path(scratch))
            for step in STEPS:
                world.empty()
                step(world)
                print(f"ok: {step.__doc__}")
    finally:
        server.stop()


class Server:
    """A real S3 server of our own."""

    def __init__(self, tools: pathlib.Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [tools / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/", timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    sys.exit("the S3 server did not start")
                time.sleep(0.1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class World:
    def __init__(self, dg: str, tools: pathlib.Path, url: str, scratch: pathlib.Path) -> None:
        self.dg, self.tools, self.url, self.scratch = dg, tools, url, scratch
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(scratch),
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "DG_SUPPRESS_DEPRECATION": "1",
        }

    def empty(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT")).close()

    def ours(self, *words: str, fails: bool = False, flags: tuple[str, ...] = ()) -> str:
        command = [self.dg, "--endpoint-url", self.url, "--bucket", BUCKET, *flags, *words]
        return self.run(command, fails)

    def theirs(self, *words: str, fails: bool = False) -> str:
        return self.run([str(self.tools / "deltaglider"), *words], fails)

    def run(self, command: list[str], fails: bool) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, cwd=self.scratch)
        if (done.returncode != 0) != fails:
            sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout + (done.stderr if fails else "")

    def file(self, name: str, content: bytes) -> str:
        path = self.scratch / name
        path.write_bytes(content)
        return str(path)

    def keys(self) -> list[str]:
        with urllib.request.urlopen(f"{self.url}/{BUCKET}?list-type=2") as answer:
            return re.findall(r"<Key>([^<]*)</Key>", answer.read().decode())

    def they_put(self, name: str, content: bytes) -> None:
        self.theirs("cp", self.file(name, content), f"s3://{BUCKET}/p/{name}")

    def they_get(self, name: str) -> bytes:
        target = self.scratch / "theirs.out"
        target.unlink(missing_ok=True)
        self.theirs("cp", f"s3://{BUCKET}/p/{name}", str(target))
        return target.read_bytes()

    def we_put(self, name: str, content: bytes, flags: tuple[str, ...] = ()) -> None:
        self.ours("put", self.file(name, content), f"p/{name}", flags=flags)

    def we_get(self, name: str, verb: str = "get") -> bytes:
        target = self.scratch / "ours.out"
        target.unlink(missing_ok=True)
        self.ours(verb, f"p/{name}", str(target))
        return target.read_bytes()


def content(seed: int, edits: int, size: int = 300_000) -> bytes:
    """Bytes that do not pack, the same for a seed but for some edits."""
    made = bytearray(random.Random(seed).randbytes(size))
    places = random.Random(edits)
    for _ in range(edits):
        made[places.randrange(size)] ^= 0xFF
    return bytes(made)


def same(found: object, expected: object, what: str) -> None:
    if found != expected:
        sys.exit(f"{what}: {found!r:.300} instead of {expected!r:.300}")


def bucket_keeps_its_promises(world: World) -> None:
    """the bucket of S3 passes the suite of the port on a real server"""
    world.ours("conformance")


def python_writes_we_read(world: World) -> None:
    """what Python wrote (first file, deltas, direct, old formats' names) comes back here, byte for byte"""
    files = {"1.zip": content(1, 0), "2.zip": content(1, 5), "3.tar": content(1, 50), "n.txt": b"a note"}
    for name, bytes_ in files.items():
        world.they_put(name, bytes_)
    same(world.keys(), ["p/1.zip.delta", "p/2.zip.delta", "p/3.tar.delta", "p/n.txt", "p/reference.bin"], "keys")
    for name, bytes_ in files.items():
        same(world.we_get(name), bytes_, name)
        same("was_expected: true" in world.ours("verify", f"p/{name}"), True, f"verify {name}")
    sizes = "".join(f"{len(files[name])} p/{name}\n" for name in sorted(files))
    same(world.ours("ls"), sizes, "our list has the files' sizes")
    theirs = world.theirs("stats", BUCKET, "--detailed", "--json")
    total = sum(map(len, files.values()))
    same(f'"total_size": {total}' in theirs, True, f"their statistics {theirs}")
    ours = world.ours("stats")
    same(f"total_bytes: {total}" in ours, True, f"our statistics {ours}")
    world.theirs("rm", f"s3://{BUCKET}/p/2.zip")
    world.ours("get", "p/2.zip", "x", fails=True)
    same(world.we_get("3.tar"), files["3.tar"], "after their deletion")


def we_write_python_reads(world: World) -> None:
    """what was written here Python reads, verifies, lists and deletes"""
    files = {"1.zip": content(2, 0), "2.zip": content(2, 5), "3.iso": content(2, 70), "n.txt": b"a note"}
    for name, bytes_ in files.items():
        world.we_put(name, bytes_)
    for name, bytes_ in files.items():
        same(world.they_get(name), bytes_, name)
    listed = world.theirs("ls", f"s3://{BUCKET}/p/")
    for name in files:
        same(name in listed, True, f"{name} in their list:\n{listed}")
    for name in ["1.zip", "2.zip", "3.iso"]:
        same('"valid": true' in world.theirs("verify", f"s3://{BUCKET}/p/{name}.delta"), True, f"verify {name}")
    world.they_put("4.zip", content(2, 9))
    same(world.we_get("4.zip"), content(2, 9), "what Python added to our reference")
    # Python keeps a reference for as long as anything else is in its folder.
    for name in ["n.txt", "1.zip", "2.zip", "3.iso", "4.zip"]:
        same("p/reference.bin" in world.keys(), True, "the reference while there are deltas")
        world.theirs("rm", f"s3://{BUCKET}/p/{name}")
    same(world.keys(), [], "nothing is left")


def we_delete_what_python_wrote(world: World) -> None:
    """deleting here what Python wrote takes the reference with the last delta, and not before"""
    world.they_put("1.zip", content(3, 0))
    world.they_put("2.zip", content(3, 5))
    world.ours("rm", "p/1.zip")
    same(world.they_get("2.zip"), content(3, 5), "the other one")
    world.ours("rm", "p/2.zip")
    same(world.keys(), [], "nothing is left")


def we_add_to_what_python_began(world: World) -> None:
    """both add deltas to one reference, whoever made it"""
    world.they_put("1.zip", content(4, 0))
    world.we_put("2.zip", content(4, 5))
    world.we_put("odd.zip.delta", content(4, 6))
    same(world.they_get("2.zip"), content(4, 5), "ours on their reference")
    same(world.we_get("odd.zip.delta"), content(4, 6), "a name that ends in .delta")
    world.we_put("far.zip", content(5, 0))
    same("p/far.zip" in world.keys(), True, "a delta that does not pay is stored directly")
    same(world.they_get("far.zip"), content(5, 0), "which they read")


def damaged_archives_are_rescued(world: World) -> None:
    """.tar.gz that Python stored and cannot give back come back here, byte for byte"""
    packed = {f"app-1.{n}.tar.gz": archive(n) for n in range(4)}
    for name, bytes_ in packed.items():
        world.they_put(name, bytes_)
    for name, bytes_ in packed.items():
        target = world.scratch / "lost.out"
        world.theirs("cp", f"s3://{BUCKET}/p/{name}", str(target), fails=True)
        same(world.we_get(name, "rescue"), bytes_, f"rescue {name}")
    refused = world.ours("get", "p/app-1.2.tar.gz", "x", fails=True)
    same("NeedsRescue" in refused, True, f"a plain get says what helps: {refused}")


def other_archives_come_back(world: World) -> None:
    """.tar.bz2 and .tar.xz that Python stored come back here without being asked to be rescued"""
    for ending, pack in (("bz2", bz2.compress), ("xz", lzma.compress)):
        packed = {f"app-1.{n}.tar.{ending}": pack(gzip.decompress(archive(n))) for n in range(3)}
        for name, bytes_ in packed.items():
            world.they_put(name, bytes_)
        for name, bytes_ in packed.items():
            same(world.we_get(name), bytes_, name)
        world.empty()


def odd_keys_do_not_hide_others(world: World) -> None:
    """a bucket with folders made by a console and with doubled slashes can be listed"""
    for key in ("folder/", "a//b.txt", "plain.txt"):
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{world.url}/{BUCKET}/{key}", b"xy", headers, method="PUT")
        urllib.request.urlopen(request).close()
    same(world.ours("ls"), "2 a//b.txt\n2 plain.txt\n", "our list")


def archive(n: int) -> bytes:
    """An archive as Python's tools make them, packed a moment after its newest file."""
    plain = io.BytesIO()
    newest = 1_700_000_000 + n * 86_400
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for member in range(40):
            text = "".join(f"line {i} of {member}: {i * member * 7919 % 10007}\n" for i in range(400))
            text += f"version {n}\n" if member % 10 == 0 else ""
            info = tarfile.TarInfo(f"app-1.{n}/file{member}.py")
            info.size, info.mtime = len(text), newest - member
            tar.addfile(info, io.BytesIO(text.encode()))
    packed = io.BytesIO()
    with gzip.GzipFile(f"app-1.{n}.tar", "wb", 9, packed, mtime=newest + 3 * n) as file:
        file.write(plain.getvalue())
    return packed.getvalue()


STEPS = [
    bucket_keeps_its_promises,
    python_writes_we_read,
    we_write_python_reads,
    we_delete_what_python_wrote,
    we_add_to_what_python_began,
    damaged_archives_are_rescued,
    other_archives_come_back,
    odd_keys_do_not_hide_others,
]

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: deltaglider_interop.py DG [CACHE]")
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "casemate-tests"
    main(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else default)
