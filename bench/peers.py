"""The tools that objects are compared with, each behind `put`, `get` and `stored`; and how a command is measured.

Each stores the files one after another, oldest first, and gives each back by its name. What a tool needs is looked for
when it is made; `Missing` says what is not there.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "acceptance"))
from tools import install  # noqa: E402

DELTAGLIDER = ["deltaglider==6.2.0", "moto[server]==5.2.5"]
S3S_FS = "0.14.1"
BUCKET = "bench"
ACCESS, SECRET = "benchaccess", "benchsecret"


class Missing(Exception):
    """A tool is not installed; the text says how to get it."""


class Broken(Exception):
    """A tool ended with a failure; the text is its last line."""


@dataclasses.dataclass
class Cost:
    """What commands took: time on the wall, and the most memory of one process."""

    seconds: float = 0.0
    rss: int = 0

    def add(self, other):
        self.seconds += other.seconds
        self.rss = max(self.rss, other.rss)


def measured(command, stdin=None, stdout=subprocess.DEVNULL, env=None, cwd=None):
    """Runs a command to its end.

    The memory is that of the largest process among it and those it waited for. A process that this one starts counts at
    least what this one holds at that moment, some 25 MB, so the programs here keep no contents in memory.
    """
    began = time.perf_counter()
    with open(os.devnull, "rb") as nothing:
        process = subprocess.Popen([str(word) for word in command], stdin=stdin or nothing, stdout=stdout, stderr=subprocess.PIPE,
                                   env=env, cwd=cwd)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    cost = Cost(time.perf_counter() - began, usage.ru_maxrss * 1024)
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise Broken(lines[-1][:200] if lines else f"{command[0]} ended with {process.returncode}")
    return cost


def need(program, package):
    if shutil.which(program) is None:
        raise Missing(f"{program} is not installed (apt-get install {package})")
    return program


def size_of(directory):
    """The bytes of the files below a directory."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


class Patches:
    """Files as patches to the first of them, as a script of a user would keep them."""

    def __init__(self, directory):
        self.directory = directory
        self.base = None

    def put(self, file, name):
        if self.base is None:
            self.base = file
            return self.first(file, self.directory / name)
        return self.patch(file, self.directory / name)

    def stored(self):
        return size_of(self.directory)


class Xdelta3(Patches):
    """`xdelta3 -9`; the first file is kept as it is. `-D`, since it damages archives that it unpacks on its own."""

    title, start = "xdelta3 -9", ["xdelta3", "-V"]

    def __init__(self, directory):
        need("xdelta3", "xdelta3")
        super().__init__(directory)

    def first(self, file, kept):
        self.kept = kept
        return measured(["cp", file, kept])

    def patch(self, file, kept):
        return measured(["xdelta3", "-9", "-D", "-f", "-e", "-s", self.kept, file, kept])

    def get(self, name, out):
        kept = self.directory / name
        if kept == self.kept:
            return measured(["cp", kept, out])
        return measured(["xdelta3", "-D", "-f", "-d", "-s", self.kept, kept, out])


class Zstd(Patches):
    """`zstd --patch-from`; the first file is compressed, and unpacked again for each get."""

    title, start = "zstd -3 --patch-from", ["zstd", "-V"]
    options = ["--quiet", "--force", "--long=31"]

    def __init__(self, directory):
        need("zstd", "zstd")
        super().__init__(directory)

    def first(self, file, kept):
        self.kept = kept
        return measured(["zstd", "-3", *self.options, file, "-o", kept])

    def patch(self, file, kept):
        return measured(["zstd", "-3", *self.options, f"--patch-from={self.base}", file, "-o", kept])

    def get(self, name, out):
        kept = self.directory / name
        if kept == self.kept:
            return measured(["zstd", "-d", *self.options, kept, "-o", out])
        base = out.with_name("base")
        cost = measured(["zstd", "-d", *self.options, self.kept, "-o", base])
        cost.add(measured(["zstd", "-d", *self.options, f"--patch-from={base}", kept, "-o", out]))
        return cost


class Restic:
    """restic with its defaults, each file a snapshot of its own, read from standard input so that only content counts."""

    title, start = "restic", ["restic", "version"]

    def __init__(self, directory):
        need("restic", "restic")
        self.repository = directory / "repository"
        self.env = os.environ | {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": "bench",
                                 "RESTIC_CACHE_DIR": str(directory / "cache")}
        measured(["restic", "init", "--repository-version", "2"], env=self.env)

    def put(self, file, name):
        with open(file, "rb") as content:
            return measured(["restic", "backup", "--quiet", "--stdin", "--stdin-filename", name, "--tag", name], content, env=self.env)

    def get(self, name, out):
        with open(out, "wb") as target:
            return measured(["restic", "dump", "--quiet", "--tag", name, "latest", f"/{name}"], stdout=target, env=self.env)

    def stored(self):
        return size_of(self.repository)


class Borg:
    """borg with zstd, each file an archive of its own, in a repository without encryption."""

    title, start = "borg", ["borg", "-V"]

    def __init__(self, directory):
        need("borg", "borgbackup")
        self.repository = directory / "repository"
        self.env = os.environ | {"BORG_REPO": str(self.repository), "BORG_BASE_DIR": str(directory / "home"),
                                 "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        measured(["borg", "init", "--encryption", "none"], env=self.env)

    def put(self, file, name):
        with open(file, "rb") as content:
            return measured(["borg", "create", "--compression", "zstd", "--stdin-name", name, f"::{name}", "-"], content, env=self.env)

    def get(self, name, out):
        with open(out, "wb") as target:
            return measured(["borg", "extract", "--stdout", f"::{name}"], stdout=target, env=self.env)

    def stored(self):
        return size_of(self.repository)


class DeltaGlider:
    """Python DeltaGlider, over an S3 server on loopback. Names get an ending that it makes deltas of."""

    title = "deltaglider 6.2.0"

    def __init__(self, directory, programs, server):
        self.programs, self.directory = programs, directory
        self.prefix = directory.name
        self.env = s3_environment(server.url) | {"HOME": str(directory), "DG_SUPPRESS_DEPRECATION": "1"}

    def put(self, file, name):
        # It stores under the name of the source, whatever the target says.
        named = self.directory / name
        try:
            os.link(file, named)
        except OSError:
            shutil.copyfile(file, named)
        try:
            return measured([self.programs / "deltaglider", "cp", named, f"s3://{BUCKET}/{self.prefix}/{name}"], env=self.env)
        finally:
            named.unlink()

    def get(self, name, out):
        return measured([self.programs / "deltaglider", "cp", f"s3://{BUCKET}/{self.prefix}/{name}", out], env=self.env)

    def stored(self):
        code = ("import boto3, sys; pages = boto3.client('s3').get_paginator('list_objects_v2').paginate("
                "Bucket=sys.argv[1], Prefix=sys.argv[2]); print(sum(o['Size'] for p in pages for o in p.get('Contents', [])))")
        done = subprocess.run([self.programs / "python", "-c", code, BUCKET, self.prefix + "/"], env=self.env, check=True,
                              capture_output=True, text=True)
        return int(done.stdout)


def s3_environment(url):
    return {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}


class Server:
    """An S3 server on a free port of loopback: s3s-fs, or moto where that cannot be had."""

    def __init__(self, command, title, log):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.title, self.host, self.url = title, f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        words = [str(word).replace("PORT", str(port)) for word in command]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise Missing(f"{title} did not start") from None
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def s3s_fs(cache):
    """The program, built once."""
    root = cache / f"s3s-fs-{S3S_FS}"
    program = root / "bin" / "s3s-fs"
    if not program.exists():
        print(f"building s3s-fs {S3S_FS}, which takes some minutes once", file=sys.stderr)
        command = ["cargo", "install", "--quiet", "--locked", "--features", "binary", "--version", S3S_FS, "--root", root, "s3s-fs"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise Missing(f"s3s-fs {S3S_FS} cannot be built: {said[-1] if said else error}") from error
    return program


def serve_s3s_fs(program, directory, log):
    (directory / BUCKET).mkdir(parents=True)
    return Server([program, "--host", "127.0.0.1", "--port", "PORT", "--access-key", ACCESS, "--secret-key", SECRET, directory],
                  f"s3s-fs {S3S_FS}", log)


def serve_moto(programs, log):
    server = Server([programs / "moto_server", "-H", "127.0.0.1", "-p", "PORT"], "moto", log)
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/{BUCKET}", method="PUT")).close()
    return server


def deltaglider(cache):
    """The directory of its programs, in an environment of their own."""
    need("xdelta3", "xdelta3")
    try:
        return install(cache, DELTAGLIDER)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"deltaglider cannot be installed: {error}") from error


def peak_of(pid):
    """The most memory that a running process held."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024
