#!/usr/bin/env python3
"""Measures how objects are stored, beside other tools in the same run: `objects.py CASEMATE`, a release build.

Each set is a series of releases (`series.py`), stored one after another and read back; every get is compared byte by byte.
Targets are printed with whether they are met, and never asserted: only content that comes back wrong from Casemate fails.
What is not here, a set without a network or a tool that is not installed, is skipped and counted.
"""

import argparse
import http.client
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import tempfile
import time

import peers
from peers import Broken, Cost, Missing, measured
from series import SETS, Unavailable
from whole import compare

# Where these are is known once `peers` is imported.
from s3_node import Endpoint, Key, Raw  # noqa: E402

# What objects owe: stored MB, MB/s of put and get, of sets that have such targets; for all, MB of memory, ms of the start.
STORED = {"W": 5, "N": 20, "ST": 12, "TT": 4, "I": 80, "S": 12, "T": 8}
PUT = {"W": 15, "N": 15, "ST": 60, "I": 60}
GET = {"W": 40, "N": 40, "ST": 150, "I": 150}
MEMORY, START, FIRST_BYTE, PLAIN_S3 = 256, 20, 50, 1.5

PEERS = ["deltaglider", "xdelta3", "zstd", "restic", "borg"]
LOCAL = {"xdelta3": peers.Xdelta3, "zstd": peers.Zstd, "restic": peers.Restic, "borg": peers.Borg}
PIECE = 1 << 20
PACKED_WITHIN, SETTLED_WITHIN = 1800, 30
# The size of an object, how many are put and got, and how often the two servers take turns.
WHOLE = [(1 << 10, 100, 5), (1 << 20, 20, 5), (64 << 20, 1, 3)]


def main():
    wanted = arguments()
    # The limit per network is not what is measured here.
    os.environ |= {"CASEMATE_REQUESTS_PER_SECOND": "1000000", "CASEMATE_REQUESTS_BURST": "1000000"}
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
        bench = Bench(wanted, pathlib.Path(scratch))
        try:
            bench.run()
        finally:
            bench.stop()
            if wanted.json:
                wanted.json.write_text(json.dumps(bench.report, indent=2) + "\n")
    for what, why in bench.report["skipped"].items():
        print(f"skipped: {what}: {why}")
    print(f"{len(bench.report['sets'])} sets measured, {len(bench.report['skipped'])} things skipped, {bench.wrong} gets wrong")
    sys.exit(1 if bench.wrong else 0)


def arguments():
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "casemate-tests"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("casemate", type=pathlib.Path)
    parser.add_argument("--sets", default=",".join(SETS), help="which sets, by their letters")
    parser.add_argument("--tools", default=",".join(PEERS), help="which other tools")
    parser.add_argument("--files", type=int, help="only the first so many files of each set")
    parser.add_argument("--budget", type=float, default=300, help="seconds after which another tool puts no more files of a set")
    parser.add_argument("--cache", type=pathlib.Path, default=home, help="where other tools are kept between runs")
    parser.add_argument("--series", type=pathlib.Path, default=home / "series", help="where the sets are kept between runs")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there")
    return parser.parse_args()


class Bench:
    """One run: what is measured, the servers that it needs, and what came of it."""

    def __init__(self, wanted, scratch):
        self.wanted, self.scratch, self.wrong = wanted, scratch, 0
        self.report = {"machine": machine(), "sets": {}, "start_ms": {}, "s3": {}, "skipped": {}}
        self.tools = [name for name in wanted.tools.split(",") if name]
        self.server, self.plain, self.programs = None, None, None
        self.log = open(scratch / "servers.log", "wb")

    def run(self):
        print(self.report["machine"])
        self.prepare()
        self.starts()
        if self.plain:
            self.whole_objects()
        for letter in self.wanted.sets.split(","):
            try:
                files = SETS[letter].files(self.wanted.series)[:self.wanted.files]
            except Unavailable as why:
                self.skip(f"set {letter}", why)
                continue
            self.set(SETS[letter], files)

    def skip(self, what, why):
        self.report["skipped"][what] = str(why)

    def prepare(self):
        """Gets the servers and programs of others that have to be fetched or built."""
        try:
            program = peers.s3s_fs(self.wanted.cache)
            self.plain = self.server = peers.serve_s3s_fs(program, self.scratch / "s3s-fs", self.log)
        except Missing as why:
            self.skip("S3 against plain s3s-fs", why)
        if "deltaglider" in self.tools:
            try:
                self.programs = peers.deltaglider(self.wanted.cache)
                self.server = self.server or peers.serve_moto(self.programs, self.log)
            except Missing as why:
                self.skip("deltaglider", why)
                self.tools.remove("deltaglider")

    def stop(self):
        if self.server:
            self.server.stop()
        self.log.close()

    def starts(self):
        """How long each program takes to say its version: the median of twenty, after one that is not counted."""
        commands = {"casemate": [self.wanted.casemate, "--version"]} | {name: LOCAL[name].start for name in self.tools if name in LOCAL}
        if "deltaglider" in self.tools:
            commands["deltaglider"] = [self.programs / "deltaglider", "--version"]
        for name, command in commands.items():
            try:
                times = [measured(command).seconds * 1e3 for _ in range(21)][1:]
            except (Broken, OSError) as why:
                self.skip(f"start of {name}", why)
                continue
            self.report["start_ms"][name] = round(statistics.median(times), 1)
        said = ", ".join(f"{name} {value:.1f}" for name, value in self.report["start_ms"].items())
        print(f"start, ms: {said}; {verdict(self.report['start_ms']['casemate'], START, 'at most')}")

    def set(self, series, files):
        size = sum(file.stat().st_size for file in files)
        results = {"what": series.what, "files": len(files), "bytes": size, "tools": {}}
        self.report["sets"][series.letter] = results
        print(f"\n{series.letter}: {series.what}, {len(files)} files, {size / 1e6:.1f} MB")
        print(f"  {'':22}{'stored MB':>10}{'put MB/s':>10}{'get MB/s':>10}{'RSS MB':>9}  readable", flush=True)
        results["tools"]["casemate"] = own = self.own(series, files)
        show("casemate", own, len(files))
        for name in self.tools:
            try:
                found = self.peer(name, series, files)
            except Missing as why:
                self.skip(name, why)
                continue
            except Broken as why:
                self.skip(f"{name} on {series.letter}", why)
                continue
            results["tools"][name] = found
            show(found["title"], found, len(files))
        self.details(series.letter, own, results["tools"], self.wanted.files is None)

    def own(self, series, files):
        with tempfile.TemporaryDirectory(dir=self.scratch) as scratch:
            casemate = Casemate(self.wanted.casemate, pathlib.Path(scratch), series.letter.lower())
            try:
                found = casemate.measure(files)
            finally:
                casemate.stop()
        self.wrong += found["gets"] - found["readable"]
        return found

    def peer(self, name, series, files):
        with tempfile.TemporaryDirectory(dir=self.scratch) as scratch:
            directory = pathlib.Path(scratch) / f"{series.letter.lower()}-{name}"
            directory.mkdir()
            tool = peers.DeltaGlider(directory, self.programs, self.server) if name == "deltaglider" else LOCAL[name](directory)
            return {"title": tool.title} | one_after_another(tool, series, files, pathlib.Path(scratch), self.wanted.budget)

    def details(self, letter, own, tools, complete):
        """What only Casemate has figures for, its targets, and how it compares."""
        first = own["first_byte_ms"]
        print(f"  casemate: packed {own['packed_after_s']:.1f} s after the last put, {own['put_packed_mbs']:.0f} MB/s from the first put "
              f"till then; S3 get {own['s3_get_mbs']:.0f} MB/s, first byte {first['median']:.1f} ms (median), {first['worst']:.1f} ms (worst); "
              f"RSS of the node {own['node_rss'] / 1e6:.0f} MB, of the command {own['rss_command'] / 1e6:.0f} MB")
        # Targets of stored bytes are those of whole series.
        rows = [("stored MB", own["stored"] / 1e6, STORED.get(letter) if complete else None, "at most"),
                ("put MB/s", own["put_mbs"], PUT.get(letter), "at least"),
                ("put MB/s until packed", own["put_packed_mbs"], PUT.get(letter), "at least"),
                ("get MB/s", own["get_mbs"], GET.get(letter), "at least"),
                ("S3 get MB/s", own["s3_get_mbs"], GET.get(letter), "at least"),
                ("first byte ms", first["median"], FIRST_BYTE, "at most"),
                ("RSS MB", own["rss"] / 1e6, MEMORY, "at most"),
                ("readable share", own["readable"] / own["gets"], 1, "at least")]
        print("  targets: " + "; ".join(f"{what} {verdict(value, target, way)}" for what, value, target, way in rows if target))
        for name, other in tools.items():
            if name != "casemate" and other["files"] == own["files"]:
                put, get, memory = (ratio(own[what], other[what]) for what in ("put_mbs", "get_mbs", "rss"))
                print(f"  {name} stores {other['stored'] / own['stored']:.2f}x as much; casemate puts {put} as fast, gets {get} as fast, "
                      f"with {memory} the memory", flush=True)

    def whole_objects(self):
        """Whole objects over S3, Casemate and plain s3s-fs by turns, by one connection that is kept."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as scratch:
            casemate = Casemate(self.wanted.casemate, pathlib.Path(scratch), "whole")
            try:
                ours = (casemate.endpoint.host, casemate.key, casemate.bucket)
                plain = (self.plain.host, Key(peers.ACCESS, peers.SECRET), peers.BUCKET)
                print(f"\nS3, whole objects, against {self.plain.title}: ms of one, and the ratio, {PLAIN_S3} at most")
                for size, count, rounds in WHOLE:
                    found = compare(ours, plain, size, count, rounds)
                    self.report["s3"][str(size)] = found
                    for verb in ("put", "get"):
                        one = found[verb]
                        print(f"  {verb} {size >> 10:>6} KiB: casemate {one['casemate_ms']:.2f}, s3s-fs {one['plain_ms']:.2f}, ratio "
                              f"{one['ratio']:.2f}: {verdict(one['ratio'], PLAIN_S3, 'at most')}", flush=True)
            finally:
                casemate.stop()


def one_after_another(tool, series, files, scratch, budget):
    """Puts the files in their order and gets each back; a get that fails or differs is counted, as users count it."""
    put, get, readable, got, done = Cost(), Cost(), 0, 0, []
    for file in files:
        put.add(tool.put(file, named(file, series)))
        done.append(file)
        if put.seconds > budget:
            break
    stored = tool.stored()
    for file in done:
        out = scratch / "out"
        try:
            cost = tool.get(named(file, series), out)
        except Broken:
            continue
        if same(file, out):
            readable += 1
            got += file.stat().st_size
            get.add(cost)
        out.unlink(missing_ok=True)
    size = sum(file.stat().st_size for file in done)
    return {"files": len(done), "bytes": size, "stored": stored, "put_mbs": size / put.seconds / 1e6,
            "get_mbs": got / get.seconds / 1e6 if got else None, "rss": max(put.rss, get.rss), "rss_put": put.rss, "rss_get": get.rss,
            "gets": len(done), "readable": readable}


def named(file, series):
    """The name of a file, with an ending that DeltaGlider makes deltas of."""
    return file.name if file.name.endswith(series.ending) else file.stem + series.ending


def same(one, other):
    with open(one, "rb") as left, open(other, "rb") as right:
        while True:
            piece = left.read(PIECE)
            if piece != right.read(PIECE):
                return False
            if not piece:
                return True


class Casemate:
    """A node of its own, and the commands that put to it and get from it."""

    def __init__(self, binary, scratch, bucket):
        self.binary, self.scratch, self.bucket = binary, scratch, f"bench-{bucket}"
        self.endpoint = Endpoint(binary, scratch / "data")
        self.node = self.endpoint.node
        self.key = self.endpoint.key()
        self.raw = Raw(self.endpoint.host, self.key)
        answer = self.raw.send("PUT", f"/{self.bucket}")
        assert answer.status == 200, answer

    def stop(self):
        self.node.stop()

    def copy(self, source, target):
        return measured([self.binary, "cp", "--quiet", source, target, "--data-dir", self.node.directory])

    def measure(self, files):
        put, get = Cost(), Cost()
        began = time.perf_counter()
        for file in files:
            put.add(self.copy(file, f"cm://{self.bucket}/{file.name}"))
        last = time.perf_counter()
        for file in files:
            self.packed(file.name, last + PACKED_WITHIN)
        packed = time.perf_counter()
        readable, gets = 0, 0
        out = self.scratch / "out"
        for file in files:
            get.add(self.copy(f"cm://{self.bucket}/{file.name}", out))
            readable, gets = readable + same(file, out), gets + 1
            out.unlink()
        firsts, seconds = [], 0.0
        for file in files:
            first, whole, equal = self.over_s3(file)
            firsts.append(first * 1e3)
            seconds += whole
            readable, gets = readable + equal, gets + 1
        stored = self.stored(time.perf_counter() + SETTLED_WITHIN)
        size = sum(file.stat().st_size for file in files)
        node = peers.peak_of(self.node.process.pid)
        command = max(put.rss, get.rss)
        return {"files": len(files), "bytes": size, "stored": stored, "put_mbs": size / put.seconds / 1e6,
                "get_mbs": size / get.seconds / 1e6, "packed_after_s": packed - last, "put_packed_mbs": size / (packed - began) / 1e6,
                "s3_get_mbs": size / seconds / 1e6, "first_byte_ms": {"median": statistics.median(firsts), "worst": max(firsts)},
                "node_rss": node, "rss_command": command, "rss": max(node, command),
                "gets": gets, "readable": readable}

    def packed(self, name, deadline):
        """Waits until the node has looked whether packing pays."""
        while True:
            found = json.loads(self.node.run("stat", f"cm://{self.bucket}/{name}", "--json", "--data-dir", str(self.node.directory)).stdout)
            if found["stored_bytes"] is not None:
                return
            if time.perf_counter() > deadline:
                raise SystemExit(f"{name} is not packed after {PACKED_WITHIN} s")
            time.sleep(0.2)

    def stored(self, deadline):
        """The bytes of the files of objects, once no content is there in two forms.

        The first form of a content goes a moment after the packed one is noted.
        """
        objects = self.node.directory / "objects"
        while any(file.with_suffix("").exists() for file in objects.rglob("*.packed")) and time.perf_counter() < deadline:
            time.sleep(0.2)
        return peers.size_of(objects)

    def over_s3(self, file):
        """Gets a file over S3: seconds until the first byte, until the last, and whether all were right.

        What arrives is compared while it arrives, which reads the file from the page cache.
        """
        target, headers = self.raw.signed("GET", f"/{self.bucket}/{file.name}")
        connection = http.client.HTTPConnection(self.endpoint.host, timeout=600)
        connection.connect()
        with open(file, "rb") as expected:
            began = time.perf_counter()
            connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            piece = answer.read(1)
            first = time.perf_counter() - began
            equal = answer.status == 200 and piece == expected.read(1)
            while piece := answer.read(PIECE):
                equal = equal and piece == expected.read(len(piece))
            whole = time.perf_counter() - began
            equal = equal and expected.read(1) == b""
        connection.close()
        return first, whole, equal


def show(title, found, files):
    stopped = "" if found["files"] == files else f" (stopped by the budget after {found['files']} of {files} files)"
    get = "-" if found["get_mbs"] is None else f"{found['get_mbs']:.1f}"
    print(f"  {title:22}{found['stored'] / 1e6:>10.2f}{found['put_mbs']:>10.1f}{get:>10}{found['rss'] / 1e6:>9.0f}"
          f"  {found['readable']}/{found['gets']}{stopped}", flush=True)


def ratio(one, other):
    return "-" if other is None else f"{one / other:.2f}x"


def verdict(value, target, way):
    """Whether a target is met, in words."""
    met = value <= target if way == "at most" else value >= target
    return f"{'met' if met else 'missed'} ({value:.4g}, {way} {target})"


def machine():
    """What the figures were taken on; without names and dates."""
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (f"{os.cpu_count()} cores of {model.group(1) if model else platform.machine()}, {memory / 1e9:.0f} GB, "
            f"Linux {platform.release().split('-')[0]}, load before the run {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
