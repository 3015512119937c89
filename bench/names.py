#!/usr/bin/env python3
"""Measures names: `names.py CASEMATE`, a release build. Claims and reads beside etcd, DNS beside knot, each in the same run on
loopback, and how long a node with many names takes to start. All load is bounded in time."""

import base64
import contextlib
import hashlib
import json
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "acceptance"))
from node import Client, Node  # noqa: E402

SECONDS = 8
CLIENTS = 64
ZONE = "names.bench"
NAMES = 1_000
# What the start is measured with.
MANY = 1_000_000
# So that 64 connections ask about ten thousand times a second.
PAUSE_MS = 6
DIGEST = "sha256:" + hashlib.sha256(b"app").hexdigest()


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        for title, measure in (("Claims and reads", claims), ("DNS", dns), ("Start", start)):
            print(f"{title}:", flush=True)
            with contextlib.ExitStack() as stack:
                measure(stack, binary, scratch)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(stack, binary, scratch, name, more=""):
    """A node whose limits are out of the way: they are not what is measured, and all load comes from one network."""
    config = scratch / f"{name}.toml"
    tiers = "".join(f"[limits.{tier}]\nper_second = 1000000\nburst = 1000000\n" for tier in ("names", "general", "objects"))
    config.write_text(more + tiers)
    node = Node(binary, scratch / name, "--config", str(config))
    node.start()
    stack.callback(node.stop)

    def said():
        found = re.search(r"http://127\.0\.0\.1:(\d+)", pathlib.Path(node.log.name).read_text())
        if found is None:
            raise OSError
        return int(found.group(1))
    return node, await_answer(said)


def claims(stack, binary, scratch):
    node, port = started(stack, binary, scratch, "claims")
    client = Client(node.directory, timeout=60)
    status, _, _ = client.request("PUT", "/api/v1/objects/bench/app", b"app")
    assert status == 201, status
    status, made = client.json("POST", "/keys", {"label": "bench", "role": "admin", "scopes": ["names:write", "names:read", "objects:read"]})
    assert status == 201, made
    token, digest = made["secret"], DIGEST
    etcd = etcd_server(stack, scratch)
    headers = f'["authorization"] = "Bearer {token}", ["content-type"] = "application/json"'
    body = json.dumps({"name": "NAME", "digest": digest})
    ours = wrk(scratch, f"http://127.0.0.1:{port}", "POST", "/api/v1/names", headers, body, "tools")
    put = json.dumps({
        "compare": [{"target": "CREATE", "key": "NAME", "createRevision": "0"}],
        "success": [{"requestPut": {"key": "NAME", "value": base64.b64encode(digest.encode()).decode()}}],
    })
    theirs = wrk(scratch, etcd, "POST", "/v3/kv/txn", '["content-type"] = "application/json"', put, None)
    say("durable claims, first come", ours, theirs, "etcd")
    # The connection of before has been idle for too long.
    status, _ = Client(node.directory).json("POST", "/names", {"name": "one.tools", "digest": digest})
    assert status == 201, status
    for title, path in (("strict", "/api/v1/names/one.tools"), ("up to 5 s old", "/api/v1/names/one.tools?max_age=5")):
        ours = wrk(scratch, f"http://127.0.0.1:{port}", "GET", path, headers, None, None)
        serializable = path.endswith("5")
        one = base64.b64encode(b"one").decode()
        read = json.dumps({"key": one, "serializable": serializable})
        theirs = wrk(scratch, etcd, "POST", "/v3/kv/range", '["content-type"] = "application/json"', read, None)
        say(f"reads, {title}", ours, theirs, "etcd")
    paced = wrk(scratch, f"http://127.0.0.1:{port}", "GET", "/api/v1/names/one.tools?max_age=5", headers, None, None, pause_ms=PAUSE_MS)
    print(f"  reads, up to 5 s old, each connection {PAUSE_MS} ms after its last answer: {paced[0]:.0f}/s (p50 {paced[1]:.2f} ms, p99 {paced[2]:.2f} ms)",
          flush=True)


def etcd_server(stack, scratch):
    client, peer = free_port(), free_port()
    url = f"http://127.0.0.1:{client}"
    log = stack.enter_context(open(scratch / "etcd.log", "wb"))
    process = subprocess.Popen(
        ["etcd", "--data-dir", scratch / "etcd", "--listen-client-urls", url, "--advertise-client-urls", url,
         "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
         "--initial-cluster", f"default=http://127.0.0.1:{peer}"], stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    await_answer(lambda: urllib.request.urlopen(f"{url}/health", timeout=1).read())
    return url


def await_answer(ask):
    for _ in range(300):
        try:
            return ask()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not come up")


def wrk(scratch, url, method, path, headers, body, suffix, pause_ms=None):
    """Requests per second by 64 connections, and how long one takes. NAME in the body is another one each time: of letters and
    digits in base 36, in base64 unless it has a suffix."""
    script = scratch / "load.lua"
    script.write_text(f"""
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
function init(args) n = 0; started = os.time() end
local b = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function base64(text)
  return ((text:gsub('.', function(x) local r, c = '', x:byte()
    for i = 8, 1, -1 do r = r .. (c % 2 ^ i - c % 2 ^ (i - 1) > 0 and '1' or '0') end return r end) .. '0000'):gsub('%d%d%d?%d?%d?%d?', function(x)
    if #x < 6 then return '' end local c = 0
    for i = 1, 6 do c = c + (x:sub(i, i) == '1' and 2 ^ (6 - i) or 0) end return b:sub(c + 1, c + 1) end) .. ({{ '', '==', '=' }})[#text % 3 + 1])
end
local body = {json.dumps(body) if body else 'nil'}
local headers = {{ {headers} }}
function request()
  n = n + 1
  local sent = body
  if body then
    local name = string.format('n%d-%d', id, n)
    name = {f'name .. ".{suffix}"' if suffix else 'base64(name)'}
    sent = body:gsub('NAME', name)
  end
  return wrk.format('{method}', '{path}', headers, sent)
end
{f'function delay() return {pause_ms} end' if pause_ms else ''}
function response(status) if status > 299 then bad = (bad or 0) + 1; last = status end end
function done(summary, latency)
  io.write(string.format('requests %d us %d p50 %d p99 %d errors %d\\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.connect + summary.errors.timeout))
end
""")
    done = subprocess.run(["wrk", "-t2", f"-c{CLIENTS}", f"-d{SECONDS}s", "-s", script, url], capture_output=True, text=True, check=True)
    found = re.search(r"requests (\d+) us (\d+) p50 (\d+) p99 (\d+) errors (\d+)", done.stdout)
    requests, micros, p50, p99, errors = map(int, found.groups())
    if errors * 100 > requests:
        raise SystemExit(f"{errors} of {requests} requests failed: {done.stdout}")
    return requests / micros * 1e6, p50 / 1e3, p99 / 1e3


def say(what, ours, theirs, name):
    print(f"  {what}, {CLIENTS} connections: {ours[0]:.0f}/s (p50 {ours[1]:.2f} ms, p99 {ours[2]:.2f} ms); "
          f"{name} {theirs[0]:.0f}/s (p50 {theirs[1]:.2f} ms, p99 {theirs[2]:.2f} ms); ratio {ours[0] / theirs[0]:.2f}", flush=True)


def dns(stack, binary, scratch):
    port = free_port(socket.SOCK_DGRAM)
    more = f'[dns]\nlisten = "127.0.0.1:{port}"\nzone = "{ZONE}"\nservers = ["ns1.{ZONE}=127.0.0.1"]\nanswers_per_second = 0\n'
    node, _ = started(stack, binary, scratch, "dns", more)
    client = Client(node.directory, timeout=60)
    client.request("PUT", "/api/v1/objects/bench/app", b"app")
    for index in range(NAMES):
        address = f"192.0.{index // 250 + 2}.{index % 250 + 1}"
        status, said = client.json("POST", "/names", {"name": f"n{index}.tools", "digest": DIGEST,
                                                      "dns": {"ttl": 60, "records": [f"A {address}"]}})
        assert status == 201, said
    other = knot(stack, scratch)
    queries = scratch / "queries"
    queries.write_text("".join(f"n{index % NAMES}.tools.{ZONE} A\n" for index in range(50_000)))
    for title, options in (("A", []), ("A with DNSSEC", ["-D"])):
        ours, theirs = (dnsperf(where, queries, options) for where in (port, other))
        print(f"  {title}, by datagrams: {ours[0]:.0f} queries/s (mean {ours[1]:.3f} ms, lost {ours[2]}); "
              f"knot {theirs[0]:.0f} (mean {theirs[1]:.3f} ms, lost {theirs[2]}); ratio {ours[0] / theirs[0]:.2f}", flush=True)


def start(stack, binary, scratch):
    """How long a node takes from its start to its first answer, with one name and with a million. The million are rows made from the
    first one's by SQL: their signatures do not hold, which nothing looks at when a node starts or resolves."""
    node, _ = started(stack, binary, scratch, "start")
    client = Client(node.directory, timeout=60)
    client.request("PUT", "/api/v1/objects/bench/app", b"app")
    status, said = client.json("POST", "/names", {"name": "first.tools", "digest": DIGEST})
    assert status == 201, said
    one = restarted(node)
    node.stop()
    with sqlite3.connect(f"{node.directory}/state/casemate.db") as database:
        for table, change in (("names", {"name": "'n' || number || '.tools'", "reversed": "'tools.n' || number"}),
                              ("name_versions", {"name": "'n' || number || '.tools'", "entry": "1000000 + number"}),
                              ("name_skeletons", {"name": "'n' || number || '.tools'", "skeleton": "'n' || number || '.tools'"})):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(change.get(column, column) for column in columns)
            database.execute(f"WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {MANY}) "
                             f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} JOIN numbers WHERE name = 'first.tools'")
    node.start()
    many = restarted(node)
    status, said = Client(node.directory, timeout=60).json("GET", f"/names/n{MANY // 2}.tools")
    assert status == 200 and said["sequence"] == 1, said
    print(f"  to the first answer: {one:.2f} s with 1 name, {many:.2f} s with {MANY} more", flush=True)


def restarted(node):
    node.stop()
    begun = time.monotonic()
    node.start()
    client = Client(node.directory, timeout=60)

    def ask():
        if client.json("GET", "/names/first.tools")[0] != 200:
            raise OSError
    await_answer(ask)
    return time.monotonic() - begun


def dnsperf(port, queries, options):
    done = subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", queries, "-l", str(SECONDS), "-c", "8", "-T", "1", *options],
                          capture_output=True, text=True, check=True).stdout
    number = lambda pattern: float(re.search(pattern, done).group(1))  # noqa: E731
    answered = re.search(r"Response codes:\s+(.*)", done).group(1)
    if not answered.startswith("NOERROR"):
        raise SystemExit(f"not all was answered: {answered}")
    return number(r"Queries per second:\s+([\d.]+)"), number(r"Average Latency \(s\):\s+([\d.]+)") * 1e3, int(number(r"Queries lost:\s+(\d+)"))


def knot(stack, scratch):
    """The same zone, from a file, signed by knot itself."""
    port = free_port(socket.SOCK_DGRAM)
    place = scratch / "knot"
    place.mkdir()
    zone = [f"$ORIGIN {ZONE}.", "$TTL 60", f"@ SOA ns1.{ZONE}. hostmaster.{ZONE}. 1 3600 600 86400 60", f"@ NS ns1.{ZONE}.", "ns1 A 127.0.0.1"]
    zone += [f"n{index}.tools A 192.0.{index // 250 + 2}.{index % 250 + 1}" for index in range(NAMES)]
    (place / "zone").write_text("\n".join(zone) + "\n")
    (place / "knot.conf").write_text(f"""
server:
    rundir: {place}
    listen: 127.0.0.1@{port}
    udp-workers: 2
database:
    storage: {place}
policy:
  - id: ours
    algorithm: ed25519
    single-type-signing: on
    nsec3: off
zone:
  - domain: {ZONE}
    file: {place}/zone
    dnssec-signing: on
    dnssec-policy: ours
    zonefile-sync: -1
    journal-content: none
""")
    log = stack.enter_context(open(scratch / "knot.log", "wb"))
    process = subprocess.Popen([shutil.which("knotd") or "/usr/sbin/knotd", "-c", place / "knot.conf"], stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)

    def ask():
        said = subprocess.run(["kdig", "@127.0.0.1", "-p", str(port), "+short", "+timeout=1", "+retry=0", f"n1.tools.{ZONE}"],
                              capture_output=True, text=True, check=False)
        if "192.0.2.2" not in said.stdout:
            raise OSError
    await_answer(ask)
    return port


if __name__ == "__main__":
    main()
