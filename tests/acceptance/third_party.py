#!/usr/bin/env python3
"""Runs programs that others built: `third_party.py BINARY MODULES`, with what `examples/third-party/fetch.py` fetched.

A Python interpreter on a script and an input file, a JavaScript interpreter, and a renderer of pictures that leaves a
file; each must give what the same program gives elsewhere. Their receipts are then checked with the node stopped, and
every one of a sample of flipped bytes must be refused.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from node import Node

DATA = pathlib.Path(__file__).resolve().parents[2] / "examples" / "data"
BOOK = "the quick brown fox jumps over the lazy dog\n" * 100
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><circle cx="20" cy="15" r="9" fill="red"/></svg>'


def main():
    binary, modules = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    checks = []
    with tempfile.TemporaryDirectory(prefix="casemate-third-party-") as name:
        scratch = pathlib.Path(name)
        for file, text in (("script.py", (DATA / "words.py").read_text()), ("book.txt", BOOK), ("a.js", "console.log([1, 2, 3].map(x => x * x).join())"),
                           ("a.svg", SVG)):
            (scratch / file).write_text(text)
        node = Node(binary, scratch / "data")
        node.start()
        try:
            checks += programs(node, modules, scratch)
        finally:
            node.stop()
        checks += receipts(node, scratch)
    for name, good in checks:
        print(f"{'ok  ' if good else 'FAIL'} {name}")
    failed = sum(not good for _, good in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def programs(node, modules, scratch):
    def run(*arguments):
        # Compiling an interpreter with a compiler that was itself built without optimisation takes its time.
        limits = ("--limit", "wall=300s", "--limit", "compile=300s")
        return node.run("run", "--socket", str(node.directory / "casemate.sock"), *limits, *arguments).stdout

    python = run(str(modules / "python.wasm"), "--in", f"script.py={scratch}/script.py", "--in", f"book.txt={scratch}/book.txt",
                 "--receipt", str(scratch / "receipt.txt"), "--", "/in/script.py")
    (scratch / "stdout.txt").write_text(python)
    wanted = f"cpython 3.12.0 wasi\n{len(BOOK)} characters, 900 words, most often [('the', 200), ('quick', 100), ('brown', 100)]\n"
    script = run(str(modules / "quickjs.wasm"), "--in", f"a.js={scratch}/a.js", "--", "/in/a.js")
    run(str(modules / "resvg.wasm"), "--in", f"a.svg={scratch}/a.svg", "--out", str(scratch / "out"), "--", "/in/a.svg", "/out/a.png")
    picture = (scratch / "out" / "a.png").read_bytes()
    size = (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24]))
    return [("Python on a script and a file", python == wanted), ("JavaScript", script == "1,4,9\n"),
            ("a picture from a drawing", picture.startswith(b"\x89PNG") and size == (40, 30))]


def receipts(node, scratch):
    """The node is stopped by now, and there is no network: what runs here has an empty namespace of its own."""
    receipt, output = scratch / "receipt.txt", scratch / "stdout.txt"

    def refusal(file, content, *others):
        changed = scratch / ("changed-" + file.name)
        changed.write_bytes(content)
        names = [str(changed if path == file else path) for path in (receipt, output)]
        done = verify(node, names[0], names[1])
        place = re.search(r"^  because: (\w[\w ]*): ", done.stderr, re.MULTILINE)
        if done.returncode == 1 and place:
            places.add(place.group(1))
            return True
        return False

    places = set()
    where = "no network" if NO_NETWORK else "the network (no namespace without one can be made here)"
    checks = [(f"the receipt holds with the node stopped and {where}", verify(node, receipt, output).returncode == 0)]
    for file in (receipt, output):
        content = file.read_bytes()
        flipped = range(0, len(content), max(1, len(content) // 40))
        refused = [refusal(file, content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]) for at in flipped]
        checks.append((f"{len(refused)} flipped bytes of the {'receipt' if file == receipt else 'output'} are refused", all(refused)))
    checks.append((f"refusals name their place: {', '.join(sorted(places))}", "output" in places and len(places) > 1))
    return checks


def verify(node, receipt, output):
    command = [*NO_NETWORK, node.binary, "verify", "--no-remember", str(receipt), "--output", str(output)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def without_network():
    """What to put before a command so that it has no network, not even loopback; nothing where that cannot be had."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    return unshare if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0 else []


NO_NETWORK = without_network()

if __name__ == "__main__":
    main()
