#!/usr/bin/env python3
"""Whether S3 clients that others built work, unmodified: `s3_clients.py BINARY [--full] [--missing] [NAME...]`.

Each runs a workflow of its own users, and what comes back is compared byte by byte. What is not installed is counted as
skipped; `--missing` says how to get it. With `--full`, a sync is of 10 000 files instead of 500.
"""

import concurrent.futures
import filecmp
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

from s3_node import Endpoint, REGION, Raw

MIB = 1 << 20
BIG = 300 * MIB
DOMAIN = "s3.localhost.test"
FULL = "--full" in sys.argv
FILES = 10_000 if FULL else 500

# Where each client comes from.
WANTED = {
    "aws": "pip install awscli",
    "curl": "apt-get install -y curl   (7.75 or later, for --aws-sigv4)",
    "rclone": "apt-get install -y rclone",
    "restic": "apt-get install -y restic",
    "s3cmd": "apt-get install -y s3cmd",
    "mc": "MinIO's client is neither in Debian nor on PyPI: a binary from dl.min.io, or `go install github.com/minio/mc@latest`",
    "boto3": "pip install boto3",
    "minio": "pip install minio",
}
MODULES = ("boto3", "minio")
CLIENTS = []


class Failed(Exception):
    """A client did not do what it should."""


def missing():
    """What of the clients is not here, and how to install it."""
    def here(name):
        return importlib.util.find_spec(name) if name in MODULES else shutil.which(name)
    return {name: how for name, how in WANTED.items() if not here(name)}


def client(*needs):
    def register(function):
        CLIENTS.append((function.__name__, needs, function))
        return function
    return register


class Bench:
    """Where clients run: an endpoint, a directory, and variables with the key."""

    def __init__(self, endpoint, scratch):
        self.endpoint, self.url, self.host, self.key = endpoint, endpoint.url, endpoint.host, endpoint.key()
        self.scratch = scratch
        self.checks = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "AWS_ACCESS_KEY_ID": self.key.id, "AWS_SECRET_ACCESS_KEY": self.key.secret, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": str(scratch / "aws.config"), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1", "HOME": str(scratch), "RCLONE_CONFIG": str(scratch / "rclone.conf"), "RESTIC_PASSWORD": "password",
            "RESTIC_CACHE_DIR": str(scratch / "restic-cache")}

    def directory(self, name):
        path = self.scratch / name
        path.mkdir(parents=True)
        return path

    def run(self, *command, env=None, timeout=600, wanted=0, stdin=None):
        """Runs a command and returns what it printed."""
        done = subprocess.run([str(part) for part in command], capture_output=True, env=self.environment | (env or {}), timeout=timeout, input=stdin, check=False)
        if done.returncode != wanted:
            said = (done.stdout + done.stderr).decode(errors="replace")[-1500:]
            raise Failed(f"`{' '.join(map(str, command))[:200]}` ended with {done.returncode}:\n{said}")
        return done.stdout

    def check(self, name, good, detail=""):
        self.checks.append((name, bool(good), detail if not good else ""))


def noise(length, seed):
    """Content that does not compress, made quickly."""
    block = random.Random(seed).randbytes(min(length, MIB))
    return b"".join(block[:min(MIB, length - at)][:-8] + at.to_bytes(8) if length - at >= MIB else block[:length - at] for at in range(0, length, MIB))


def write_tree(root, files, seed=0):
    """Files of odd names and sizes, some in directories."""
    chance = random.Random(seed)
    for number in range(files):
        path = root / f"d{number % 17}" / f"file {number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice((0, 1, 100, 1000, 5000))))
    for name in ("größe.txt", "a+b & c.txt", "per%20cent.txt", "日本語.txt", "quote'\".txt"):
        (root / name).write_text(name)


def same(one, two):
    """What differs between two directories."""
    def walk(root):
        return {str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()}
    first, second = walk(one), walk(two)
    different = sorted(set(first) ^ set(second)) + [name for name in first.keys() & second.keys() if not filecmp.cmp(first[name], second[name], shallow=False)]
    return different[:5]


def change(root):
    """Changes, adds and removes some files; returns how many of each."""
    files = sorted(path for path in root.rglob("*.bin"))
    for path in files[:10]:
        path.write_bytes(b"changed " * 50)
    for path in files[10:20]:
        path.unlink()
    for number in range(10):
        (root / f"new-{number}.bin").write_bytes(b"new" * number)


# --- aws-cli --------------------------------------------------------------------------------------------------------------

def aws(bench, *arguments, **options):
    return bench.run("aws", "--endpoint-url", bench.url, *arguments, **options)


@client("aws")
def aws_cli(bench):
    root = bench.directory("aws")
    # Version 1 of the client presigns the old way unless told, which the node refuses.
    (bench.scratch / "aws.config").write_text("[default]\ns3 =\n    signature_version = s3v4\n")
    aws(bench, "s3", "mb", "s3://aws-cli")
    (root / "one.txt").write_bytes(b"one file\n")
    aws(bench, "s3", "cp", root / "one.txt", "s3://aws-cli/dir/one.txt", "--metadata", "a=b", "--content-type", "text/x-one")
    aws(bench, "s3", "cp", "s3://aws-cli/dir/one.txt", root / "back.txt")
    bench.check("cp there and back", (root / "back.txt").read_bytes() == b"one file\n")
    head = json.loads(aws(bench, "s3api", "head-object", "--bucket", "aws-cli", "--key", "dir/one.txt"))
    bench.check("metadata and type", (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "text/x-one"), head)
    bench.check("cp - and from -", aws(bench, "s3", "cp", "s3://aws-cli/dir/one.txt", "-") == b"one file\n")
    aws(bench, "s3", "cp", "-", "s3://aws-cli/empty", stdin=b"")
    bench.check("an empty object", aws(bench, "s3", "cp", "s3://aws-cli/empty", "-") == b"")
    aws(bench, "s3", "cp", "s3://aws-cli/dir/one.txt", "s3://aws-cli/copied")
    aws(bench, "s3", "mv", "s3://aws-cli/copied", "s3://aws-cli/moved")
    listed = aws(bench, "s3", "ls", "--recursive", "s3://aws-cli").decode()
    bench.check("ls", [line.split()[3] for line in listed.splitlines()] == ["dir/one.txt", "empty", "moved"], listed)
    bench.check("ls of folders", "PRE dir/" in aws(bench, "s3", "ls", "s3://aws-cli").decode())
    url = aws(bench, "s3", "presign", "s3://aws-cli/dir/one.txt", "--expires-in", "60").decode().strip()
    bench.check("presign, and curl", bench.run("curl", "-sSf", url) == b"one file\n")
    aws(bench, "s3api", "get-object", "--bucket", "aws-cli", "--key", "dir/one.txt", "--range", "bytes=4-7", root / "range")
    bench.check("get-object --range", (root / "range").read_bytes() == b"file")
    aws(bench, "s3", "rb", "--force", "s3://aws-cli")
    bench.check("rb --force", b"aws-cli" not in aws(bench, "s3", "ls"))


@client("aws")
def aws_cli_sync(bench):
    source, target = bench.directory("sync"), bench.directory("sync-back")
    write_tree(source, FILES)
    aws(bench, "s3", "mb", "s3://aws-sync")
    began = time.monotonic()
    aws(bench, "s3", "sync", source, "s3://aws-sync/tree", "--only-show-errors", timeout=1800)
    bench.check(f"sync of {FILES} files up", True)
    print(f"     {FILES} files up in {time.monotonic() - began:.0f} s", flush=True)
    aws(bench, "s3", "sync", "s3://aws-sync/tree", target, "--only-show-errors", timeout=1800)
    bench.check("sync down", not (different := same(source, target)), different)
    bench.check("sync of what is the same does nothing", aws(bench, "s3", "sync", source, "s3://aws-sync/tree").strip() == b"")
    change(source)
    said = aws(bench, "s3", "sync", "--delete", source, "s3://aws-sync/tree").decode()
    bench.check("sync --delete sends what changed", (said.count("upload:"), said.count("delete:")) == (20, 10), said[-500:])
    aws(bench, "s3", "sync", "--delete", "s3://aws-sync/tree", target, "--exact-timestamps", "--only-show-errors", timeout=1800)
    bench.check("sync --delete down", not (different := same(source, target)), different)


@client("aws")
def aws_cli_big(bench):
    root = bench.directory("big")
    content = noise(BIG, 1)
    (root / "big").write_bytes(content)
    aws(bench, "s3", "mb", "s3://aws-big")
    began = time.monotonic()
    aws(bench, "s3", "cp", root / "big", "s3://aws-big/big", "--only-show-errors")
    middle = time.monotonic()
    aws(bench, "s3", "cp", "s3://aws-big/big", root / "back", "--only-show-errors")
    print(f"     300 MiB up in {middle - began:.0f} s, down in {time.monotonic() - middle:.0f} s", flush=True)
    bench.check("300 MiB in parts up and down", filecmp.cmp(root / "big", root / "back", shallow=False))
    head = json.loads(aws(bench, "s3api", "head-object", "--bucket", "aws-big", "--key", "big"))
    bench.check("the tag says how many parts", head["ETag"].endswith('-38"'), head)
    for first, last in ((0, 0), (8 * MIB - 3, 8 * MIB + 2), (BIG - 10, BIG - 1), (100 * MIB, 110 * MIB)):
        aws(bench, "s3api", "get-object", "--bucket", "aws-big", "--key", "big", "--range", f"bytes={first}-{last}", root / "range")
        bench.check(f"bytes {first} to {last}", (root / "range").read_bytes() == content[first:last + 1])
    aws(bench, "s3", "cp", "s3://aws-big/big", "s3://aws-big/copy", "--only-show-errors")
    aws(bench, "s3", "cp", "s3://aws-big/copy", root / "copy", "--only-show-errors")
    bench.check("a copy of it within the bucket", filecmp.cmp(root / "big", root / "copy", shallow=False))
    aws(bench, "s3", "rm", "--recursive", "s3://aws-big", "--only-show-errors")


@client("aws")
def aws_cli_checksums(bench):
    root = bench.directory("sums")
    (root / "file").write_bytes(noise(20 * MIB, 2))
    aws(bench, "s3", "mb", "s3://aws-sums")
    for algorithm in ("CRC32", "SHA256", "SHA1", "CRC64NVME", "CRC32C"):
        try:
            aws(bench, "s3", "cp", root / "file", f"s3://aws-sums/{algorithm}", "--checksum-algorithm", algorithm, "--only-show-errors")
            aws(bench, "s3", "cp", f"s3://aws-sums/{algorithm}", root / "back", "--checksum-mode", "ENABLED", "--only-show-errors")
            bench.check(f"--checksum-algorithm {algorithm}, in parts", filecmp.cmp(root / "file", root / "back", shallow=False))
        except Failed as error:
            if "awscrt" in str(error) or "botocore[crt]" in str(error) or "Missing Dependency" in str(error):
                print(f"skip aws_cli_checksums: {algorithm} needs `pip install awscrt`")
                continue
            raise


# --- boto3 ----------------------------------------------------------------------------------------------------------------

@client("boto3")
def boto3_transfers(bench):
    from boto3.s3.transfer import TransferConfig

    root, made = bench.directory("boto3"), bench.endpoint.client(bench.key)
    made.create_bucket(Bucket="boto-three")
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=8, use_threads=True)
    content = noise(64 * MIB + 123, 3)
    (root / "file").write_bytes(content)
    with open(root / "file", "rb") as file:
        made.upload_fileobj(file, "boto-three", "big", Config=config, ExtraArgs={"Metadata": {"a": "b"}})
    with open(root / "back", "wb") as file:
        made.download_fileobj("boto-three", "big", file, Config=config)
    bench.check("upload_fileobj and download_fileobj with threads", filecmp.cmp(root / "file", root / "back", shallow=False))
    made.upload_file(root / "file", "boto-three", "sha", Config=config, ExtraArgs={"ChecksumAlgorithm": "SHA256"})
    made.download_file("boto-three", "sha", str(root / "sha"), Config=config)
    bench.check("with SHA-256 of each part", filecmp.cmp(root / "file", root / "sha", shallow=False))
    made.copy({"Bucket": "boto-three", "Key": "big"}, "boto-three", "copy", Config=config)
    bench.check("copy in parts", hashlib.sha256(made.get_object(Bucket="boto-three", Key="copy")["Body"].read()).digest() == hashlib.sha256(content).digest())
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: made.put_object(Bucket="boto-three", Key=f"small/{n:04}", Body=b"%d" % n), range(400)))
        found = list(pool.map(lambda n: made.get_object(Bucket="boto-three", Key=f"small/{n:04}")["Body"].read(), range(400)))
    bench.check("400 objects on 16 threads", found == [b"%d" % n for n in range(400)])
    began = time.monotonic()
    for number in range(20):
        answer = made.put_object(Bucket="boto-three", Key=f"marker/{number}/", Body=b"")
        answer = made.put_object(Bucket="boto-three", Key=f"marker/{number}/a", Body=b"a") if answer.get("ETag") else {}
    bench.check("empty and other objects in turn", answer.get("ETag") and time.monotonic() - began < 9, f"{time.monotonic() - began:.0f} s")
    pages = made.get_paginator("list_objects_v2").paginate(Bucket="boto-three", Prefix="small/", PaginationConfig={"PageSize": 30})
    bench.check("a paginator", sum(len(page["Contents"]) for page in pages) == 400)


@client("boto3")
def boto3_resource(bench):
    import boto3

    session = boto3.session.Session(aws_access_key_id=bench.key.id, aws_secret_access_key=bench.key.secret, region_name=REGION)
    bucket = session.resource("s3", endpoint_url=bench.url).create_bucket(Bucket="boto-resource")
    bucket.Versioning().enable()
    for number in range(3):
        bucket.put_object(Key="a", Body=b"%d" % number)
    bench.check("versions of an object", len(list(bucket.object_versions.all())) == 3)
    bench.check("an object's content", bucket.Object("a").get()["Body"].read() == b"2")
    bucket.object_versions.delete()
    bucket.delete()
    bench.check("all versions and the bucket deleted", "boto-resource" not in [one.name for one in session.resource("s3", endpoint_url=bench.url).buckets.all()])


# --- rclone ---------------------------------------------------------------------------------------------------------------

@client("rclone")
def rclone(bench):
    source, target = bench.directory("rclone"), bench.directory("rclone-back")
    write_tree(source, FILES, 5)
    (source / "large.bin").write_bytes(noise(32 * MIB + 5, 6))
    (bench.scratch / "rclone.conf").write_text(
        f"[node]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {bench.url}\nregion = {REGION}\nupload_cutoff = 8M\nchunk_size = 5M\n")
    bench.run("rclone", "mkdir", "node:rclone")
    bench.run("rclone", "copy", source, "node:rclone/tree", "--transfers", "8", timeout=1800)
    bench.run("rclone", "check", "--download", source, "node:rclone/tree", timeout=1800)
    bench.check("copy, and check --download", True)
    bench.run("rclone", "copy", "node:rclone/tree", target, "--transfers", "8", timeout=1800)
    bench.check("copy back", not (different := same(source, target)), different)
    change(source)
    bench.run("rclone", "sync", source, "node:rclone/tree", timeout=1800)
    bench.run("rclone", "sync", "node:rclone/tree", target, timeout=1800)
    bench.check("sync there and back", not (different := same(source, target)), different)
    bench.check("times of files survive", (target / "large.bin").stat().st_mtime_ns // 1000 == (source / "large.bin").stat().st_mtime_ns // 1000)
    bench.check("cat of a range", bench.run("rclone", "cat", "--offset", "5000000", "--count", "1000", "node:rclone/tree/large.bin")
                == (source / "large.bin").read_bytes()[5000000:5001000])
    bench.run("rclone", "moveto", "node:rclone/tree/large.bin", "node:rclone/moved.bin")
    bench.run("rclone", "copyto", "node:rclone/moved.bin", source / "moved")
    bench.check("move within the bucket", filecmp.cmp(source / "moved", source / "large.bin", shallow=False))
    bench.run("rclone", "rcat", "node:rclone/streamed", stdin=b"streamed" * 1000)
    bench.check("rcat", bench.run("rclone", "cat", "node:rclone/streamed") == b"streamed" * 1000)
    size = json.loads(bench.run("rclone", "size", "--json", "node:rclone"))
    bench.check("size", size["count"] == sum(path.is_file() for path in target.rglob("*")) + 1, size)
    bench.run("rclone", "purge", "node:rclone")
    bench.check("purge", b"rclone" not in bench.run("rclone", "lsd", "node:"))


# --- restic ---------------------------------------------------------------------------------------------------------------

@client("restic")
def restic(bench):
    source, first, second = bench.directory("restic"), bench.directory("restic-first"), bench.directory("restic-second")
    write_tree(source, 500, 7)
    (source / "large.bin").write_bytes(noise(40 * MIB, 8))
    before = bench.directory("restic-before")
    shutil.copytree(source, before, dirs_exist_ok=True)
    repository = ("restic", "-q", "-r", f"s3:{bench.url}/restic/repository")
    bench.run(*repository, "init")
    bench.run(*repository, "backup", source)
    change(source)
    bench.run(*repository, "backup", source)
    snapshots = json.loads(bench.run(*repository, "snapshots", "--json"))
    bench.check("two snapshots", len(snapshots) == 2)
    bench.run(*repository, "restore", snapshots[0]["id"], "--target", first)
    bench.run(*repository, "restore", "latest", "--target", second)
    inside = str(source).lstrip("/")
    bench.check("restore of the first", not (different := same(before, first / inside)), different)
    bench.check("restore of the second", not (different := same(source, second / inside)), different)
    bench.run(*repository, "check", "--read-data")
    bench.check("check --read-data", True)
    bench.run(*repository, "forget", "--keep-last", "1", "--prune")
    bench.run(*repository, "check", "--read-data")
    bench.check("forget --prune, and check again", len(json.loads(bench.run(*repository, "snapshots", "--json"))) == 1)
    third = bench.directory("restic-third")
    bench.run(*repository, "restore", "latest", "--target", third)
    bench.check("restore after prune", not (different := same(source, third / inside)), different)


# --- s3cmd ----------------------------------------------------------------------------------------------------------------

@client("s3cmd")
def s3cmd(bench):
    root, source, target = bench.directory("s3cmd"), bench.directory("s3cmd-tree"), bench.directory("s3cmd-back")
    (root / "config").write_text(f"[default]\naccess_key = {bench.key.id}\nsecret_key = {bench.key.secret}\nhost_base = {bench.host}\nhost_bucket = {bench.host}\n"
                                 f"use_https = False\nbucket_location = {REGION}\nsignature_v2 = False\n")

    def call(*arguments, **options):
        return bench.run("s3cmd", "-c", root / "config", "--no-progress", *arguments, **options)
    call("mb", "s3://s3cmd")
    content = noise(40 * MIB + 11, 9)
    (root / "file").write_bytes(content)
    call("put", "--multipart-chunk-size-mb=5", root / "file", "s3://s3cmd/dir/file")
    call("get", "s3://s3cmd/dir/file", root / "back")
    bench.check("put in parts, and get", (root / "back").read_bytes() == content)
    (root / "small").write_bytes(b"small")
    call("put", "--add-header=x-amz-meta-a:b", "--mime-type=text/x-small", root / "small", "s3://s3cmd/größe & mehr.txt")
    info = call("info", "s3://s3cmd/größe & mehr.txt").decode()
    bench.check("info", "text/x-small" in info and "x-amz-meta-a: b" in info, info)
    write_tree(source, 60, 10)
    call("sync", f"{source}/", "s3://s3cmd/tree/")
    call("sync", "s3://s3cmd/tree/", f"{target}/")
    bench.check("sync there and back", not (different := same(source, target)), different)
    change(source)
    call("sync", "--delete-removed", f"{source}/", "s3://s3cmd/tree/")
    call("sync", "--delete-removed", "s3://s3cmd/tree/", f"{target}/")
    bench.check("sync --delete-removed", not (different := same(source, target)), different)
    call("cp", "s3://s3cmd/dir/file", "s3://s3cmd/copy")
    call("mv", "s3://s3cmd/copy", "s3://s3cmd/moved")
    call("get", "s3://s3cmd/moved", root / "moved")
    bench.check("cp and mv", (root / "moved").read_bytes() == content)
    url = call("signurl", "s3://s3cmd/dir/file", "+60").decode().strip()
    bench.check("signurl signs the old way, which is refused", b"AccessDenied" in bench.run("curl", "-sS", url))
    call("del", "--recursive", "--force", "s3://s3cmd")
    call("rb", "s3://s3cmd")
    bench.check("del and rb", b"s3cmd" not in call("ls"))


# --- MinIO's clients --------------------------------------------------------------------------------------------------------

@client("mc")
def mc(bench):
    source, target = bench.directory("mc"), bench.directory("mc-back")
    write_tree(source, 100, 11)
    (source / "large.bin").write_bytes(noise(40 * MIB, 12))
    bench.run("mc", "alias", "set", "node", bench.url, bench.key.id, bench.key.secret, "--api", "S3v4")
    bench.run("mc", "mb", "node/mc-bucket")
    bench.run("mc", "mirror", source, "node/mc-bucket/tree")
    bench.run("mc", "mirror", "node/mc-bucket/tree", target)
    bench.check("mirror there and back", not (different := same(source, target)), different)
    change(source)
    bench.run("mc", "mirror", "--overwrite", "--remove", source, "node/mc-bucket/tree")
    bench.check("diff after mirror --remove", bench.run("mc", "diff", source, "node/mc-bucket/tree") == b"")
    bench.run("mc", "rb", "--force", "node/mc-bucket")
    bench.check("rb --force", b"mc-bucket" not in bench.run("mc", "ls", "node"))


@client("minio")
def minio_sdk(bench):
    import io

    import minio
    from minio.commonconfig import ComposeSource, CopySource, Tags
    from minio.deleteobjects import DeleteObject
    from minio.versioningconfig import ENABLED, VersioningConfig

    made = minio.Minio(endpoint=bench.host, access_key=bench.key.id, secret_key=bench.key.secret, secure=False, region=REGION)
    made.make_bucket(bucket_name="minio-sdk")
    content = noise(23 * MIB + 7, 13)
    made.put_object(bucket_name="minio-sdk", object_name="dir/big", data=io.BytesIO(content), length=-1, part_size=5 * MIB, metadata={"a": "b"}, content_type="text/x-big")
    stat = made.stat_object(bucket_name="minio-sdk", object_name="dir/big")
    bench.check("put of a stream in parts, and stat", (stat.size, stat.content_type, stat.metadata.get("x-amz-meta-a")) == (len(content), "text/x-big", "b"))

    def read(name, **more):
        answer = made.get_object(bucket_name="minio-sdk", object_name=name, **more)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()
    bench.check("get", read("dir/big") == content)
    bench.check("get of a range", read("dir/big", offset=5 * MIB - 4, length=8) == content[5 * MIB - 4:5 * MIB + 4])
    made.put_object(bucket_name="minio-sdk", object_name="größe +&.txt", data=io.BytesIO(b"small"), length=5)
    made.put_object(bucket_name="minio-sdk", object_name="empty", data=io.BytesIO(b""), length=0)
    names = [one.object_name for one in made.list_objects(bucket_name="minio-sdk", recursive=True)]
    bench.check("a list", names == ["dir/big", "empty", "größe +&.txt"], names)
    made.copy_object(bucket_name="minio-sdk", object_name="copy", source=CopySource(bucket_name="minio-sdk", object_name="größe +&.txt"))
    made.compose_object(bucket_name="minio-sdk", object_name="composed", sources=[ComposeSource(bucket_name="minio-sdk", object_name="dir/big"), ComposeSource(bucket_name="minio-sdk", object_name="copy")])
    bench.check("copy and compose", read("composed") == content + b"small")
    tags = Tags(for_object=True)
    tags["k"] = "v"
    made.set_object_tags(bucket_name="minio-sdk", object_name="copy", tags=tags)
    bench.check("tags", dict(made.get_object_tags(bucket_name="minio-sdk", object_name="copy")) == {"k": "v"})
    url = made.presigned_get_object(bucket_name="minio-sdk", object_name="copy")
    bench.check("a presigned get", bench.run("curl", "-sSf", url) == b"small")
    url = made.presigned_put_object(bucket_name="minio-sdk", object_name="by-curl")
    bench.run("curl", "-sSf", "-X", "PUT", "--data-binary", "sent", url)
    bench.check("a presigned put", read("by-curl") == b"sent")
    made.set_bucket_versioning(bucket_name="minio-sdk", config=VersioningConfig(ENABLED))
    made.put_object(bucket_name="minio-sdk", object_name="copy", data=io.BytesIO(b"newer"), length=5)
    found = list(made.list_objects(bucket_name="minio-sdk", prefix="copy", include_version=True))
    bench.check("versions", len(found) == 2)
    every = [DeleteObject(one.object_name, one.version_id) for one in made.list_objects(bucket_name="minio-sdk", recursive=True, include_version=True)]
    errors = list(made.remove_objects(bucket_name="minio-sdk", delete_object_list=every))
    made.remove_bucket(bucket_name="minio-sdk")
    bench.check("all deleted", not errors and not made.bucket_exists(bucket_name="minio-sdk"), errors)


# --- curl -----------------------------------------------------------------------------------------------------------------

@client("curl")
def curl(bench):
    root = bench.directory("curl")
    signed = ("curl", "-sS", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{bench.key.id}:{bench.key.secret}")
    # curl 7.88 signs the content only where the header says so.
    unsigned = ("-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
    content = noise(3 * MIB, 14)
    (root / "file").write_bytes(content)
    bench.run(*signed, *unsigned, "-f", "-X", "PUT", f"{bench.url}/curl-bucket")
    bench.run(*signed, *unsigned, "-f", "-T", root / "file", f"{bench.url}/curl-bucket/dir/file")
    bench.check("put and get", bench.run(*signed, *unsigned, "-f", f"{bench.url}/curl-bucket/dir/file") == content)
    bench.check("a range", bench.run(*signed, *unsigned, "-f", "-r", "100-199", f"{bench.url}/curl-bucket/dir/file") == content[100:200])
    bench.check("a list", b"<Key>dir/file</Key>" in bench.run(*signed, *unsigned, "-f", f"{bench.url}/curl-bucket?list-type=2"))
    head = bench.run(*signed, *unsigned, "-f", "-I", f"{bench.url}/curl-bucket/dir/file").decode().lower()
    bench.check("head", f"content-length: {len(content)}" in head and hashlib.md5(content).hexdigest() in head, head)
    answer = bench.run(*signed[:-1], f"{bench.key.id}:wrong", *unsigned, "-w", "%{http_code}", f"{bench.url}/curl-bucket")
    bench.check("a wrong secret is refused", answer.endswith(b"403") and b"SignatureDoesNotMatch" in answer, answer)
    bench.check("nothing without a signature", bench.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{bench.url}/curl-bucket/dir/file") == b"403")
    bench.run(*signed, *unsigned, "-f", "-X", "DELETE", f"{bench.url}/curl-bucket/dir/file")
    bench.run(*signed, *unsigned, "-f", "-X", "DELETE", f"{bench.url}/curl-bucket")
    bench.check("delete", bench.run(*signed, *unsigned, "-o", "/dev/null", "-w", "%{http_code}", f"{bench.url}/curl-bucket") == b"404")


def virtual_host(bench):
    """A node of its own, with a domain: buckets are named in the host."""
    raw, port = Raw(bench.host, bench.key), bench.host.rpartition(":")[2]
    made = bench.endpoint.client(bench.key)
    made.create_bucket(Bucket="in-host")
    host = f"in-host.{DOMAIN}"

    def call(method, path, host, body=b"", *options):
        target, headers = raw.signed(method, path, body=body, host=host)
        lines = [part for name, value in headers.items() if name != "content-length" for part in ("-H", f"{name}: {value}")]
        return bench.run("curl", "-sS", "-X", method, *lines, *(["--data-binary", body.decode(), "-H", "content-type:"] if body else []), *options, bench.url + target)
    call("PUT", "/dir/file", host, b"content")
    bench.check("put, with the bucket in the host", made.get_object(Bucket="in-host", Key="dir/file")["Body"].read() == b"content")
    bench.check("get", call("GET", "/dir/file", host) == b"content")
    said = call("GET", "/dir/file", f"{host}:{port}")
    bench.check("get, with a port", said == b"content", said)
    bench.check("a list", b"<Key>dir/file</Key>" in call("GET", "/", host))
    bench.check("the domain alone is path style", call("GET", "/in-host/dir/file", DOMAIN) == b"content")
    bench.check("an address is path style", call("GET", "/in-host/dir/file", bench.host) == b"content")
    said = call("GET", "/x", f"there-is-none.{DOMAIN}")
    bench.check("no such bucket", b"NoSuchBucket" in said, said)
    url = bench.url + raw.presigned("GET", "/dir/file", host=host)
    bench.check("presigned", bench.run("curl", "-sSf", "-H", f"Host: {host}", url) == b"content")
    virtual = bench.run("curl", "-sSf", "--resolve", f"{host}:{port}:127.0.0.1", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user",
                        f"{bench.key.id}:{bench.key.secret}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", f"http://{host}:{port}/dir/file")
    bench.check("curl with the name resolved", virtual == b"content")


def attempt(bench, name, function):
    """Runs a client's workflow; prints how it went, and returns its checks."""
    bench.checks, began = [], time.monotonic()
    try:
        function(bench)
    except Failed as error:
        bench.check("the workflow", False, str(error))
    except Exception as error:  # a client's exceptions are its own
        place = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__][-1:]
        bench.check("the workflow", False, f"{type(error).__name__}: {error} (line {place})")
    for what, good, detail in bench.checks:
        print(f"ok   {name}: {what}" if good else f"FAIL {name}: {what}: {str(detail)[-1200:]}")
    print(f"     {name}: {time.monotonic() - began:.0f} s", flush=True)
    return bench.checks


def main():
    absent = missing()
    if "--missing" in sys.argv:
        for name, how in absent.items():
            print(f"{name}: {how}")
        return
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    binary, names = pathlib.Path(arguments[0]).resolve(), arguments[1:]
    chosen = [one for one in CLIENTS if not names or one[0] in names]
    checks, skipped, began = [], [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="casemate-s3-clients-", ignore_cleanup_errors=True) as scratch:
        scratch = pathlib.Path(scratch)
        endpoint = Endpoint(binary, scratch / "data")
        try:
            bench = Bench(endpoint, scratch)
            for name, needs, function in chosen:
                lacking = [need for need in needs if need in absent]
                if lacking:
                    skipped.append(f"{name}: {', '.join(f'{need} is not installed ({absent[need]})' for need in lacking)}")
                else:
                    checks += attempt(bench, name, function)
        finally:
            endpoint.node.stop()
            keep_log(endpoint)
        if (not names or "virtual_host" in names) and "curl" not in absent:
            (scratch / "second").mkdir()
            endpoint = Endpoint(binary, scratch / "second" / "data", domain=DOMAIN)
            try:
                checks += attempt(Bench(endpoint, scratch / "second"), "virtual_host", virtual_host)
            finally:
                endpoint.node.stop()
    for reason in skipped:
        print(f"skip {reason}")
    failed = sum(not good for _, good, _ in checks)
    print(f"{len(checks) - failed} passed, {failed} failed, {len(skipped)} clients skipped, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)


def keep_log(endpoint):
    if os.environ.get("KEEP_LOG"):
        shutil.copy(endpoint.node.log.name, os.environ["KEEP_LOG"])


if __name__ == "__main__":
    main()
