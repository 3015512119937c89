#!/usr/bin/env python3
"""Functions beside other servers: `functions.py CASEMATE BARE_FUNCTIONS GUESTS`, release builds. Needs `wrk` and `npm`.

The same JavaScript, hello and a JSON sum, as a component in Casemate and in bare wasmtime, and as itself in workerd; and hello in C
as a component in Casemate and in bare wasmtime. Each is loaded in turn, several times, and ratios of one round are compared: the
machine's mood is in both sides of a ratio. Beside it, how long one request takes that has the node for itself.
"""

import http.client
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "acceptance"))
import js_function  # noqa: E402
from node import Node  # noqa: E402

SECONDS = 4
ROUNDS = 3
CONNECTIONS = 16
ITEMS = '{"items":[' + ",".join(f'{{"price":{price},"count":2}}' for price in range(10)) + "]}"
SUM = '{"count":10,"sum":90}'


def wrk(url, script=None):
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s", url]
    if script:
        command[1:1] = ["--script", str(script)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in text, text
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def alone(where, path, count=400):
    """Milliseconds of single requests, one after the other: median and 99th percentile."""
    connection, times = http.client.HTTPConnection(where, timeout=30), []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times), sorted(times)[int(count * 0.99)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(where):
    host, port = where.split(":")
    for _ in range(600):
        try:
            return socket.create_connection((host, int(port))).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nobody listens at {where}")


def workerd(tools):
    """workerd on the same JavaScript, in its own syntax for the same thing."""
    where = f"127.0.0.1:{free_port()}"
    (tools / "config.capnp").write_text(f'''using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "{where}", http = (), service = "main")],
);
const worker :Workerd.Worker = (serviceWorkerScript = embed "hello.js", compatibilityDate = "2024-09-01");
''')
    binary = next((tools / "node_modules/@cloudflare").glob("workerd-*/bin/workerd"))
    return subprocess.Popen([binary, "serve", "config.capnp"], cwd=tools), where


def bare(program, component):
    process = subprocess.Popen([program, component], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def main():
    binary, peer, guests = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    processes = []
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        tools = js_function.tools(scratch)
        module, edge = js_function.component(tools), guests / "edge.wasm"
        config = scratch / "config.toml"
        config.write_text("[limits]\ndry_run = true\n")
        node = Node(binary, scratch / "data", "--config", str(config))
        node.start()
        try:
            own = re.search(r"http://(127\.0\.0\.1:\d+)", pathlib.Path(node.log.name).read_text()).group(1)
            for name, component in (("js", module), ("edge", edge)):
                node.run("fn", "deploy", name, str(component), "--public", "--concurrency", "64", "--data-dir", str(node.directory))
            started = [workerd(tools), bare(peer, module), bare(peer, edge)]
            processes = [process for process, _ in started]
            places = [where for _, where in started]
            for where in places:
                await_port(where)
            script = scratch / "post.lua"
            script.write_text(f"wrk.method = 'POST'\nwrk.body = '{ITEMS}'\n")
            table(own, places, script)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            node.stop()


def table(own, places, script):
    of_workerd, of_bare_js, of_bare_c = places
    works = [
        ("hello in JavaScript", None, [("Casemate", f"http://{own}/fn/js/"), ("workerd", f"http://{of_workerd}/"), ("bare wasmtime", f"http://{of_bare_js}/")]),
        ("JSON sum in JavaScript", script, [("Casemate", f"http://{own}/fn/js/json"), ("workerd", f"http://{of_workerd}/json"), ("bare wasmtime", f"http://{of_bare_js}/json")]),
        ("hello in C", None, [("Casemate", f"http://{own}/fn/edge/hello"), ("bare wasmtime", f"http://{of_bare_c}/hello")]),
    ]
    for what, with_script, servers in works:
        rounds = [[wrk(url, with_script) for _, url in servers] for _ in range(ROUNDS)]
        for column, (name, _) in enumerate(servers):
            rates = [row[column] for row in rounds]
            ratios = [row[0] / row[column] for row in rounds]
            print(f"{what}, {name}: {statistics.median(rates):.0f} a second"
                  + ("" if column == 0 else f"; Casemate's ratio to it {statistics.median(ratios):.3f}"), flush=True)
    for what, path in (("hello in C", "/fn/edge/hello"), ("hello in JavaScript", "/fn/js/")):
        median, high = alone(own, path)
        print(f"{what}, one at a time: p50 {median:.2f} ms, p99 {high:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
