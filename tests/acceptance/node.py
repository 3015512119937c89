"""A node under test and a client for it, on nothing but the standard library.

The client shares no code with Casemate, so what it sees is what a stranger's client sees.
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

# The smallest WASI command: `(module (func (export "_start")))`.
NOTHING_WASM = bytes.fromhex("0061736d01000000" "010401600000" "03020100" "070a01065f737461727400" "00" "0a040102000b")

SOCKET = "casemate.sock"


class Unreachable(Exception):
    """The node did not answer: the outcome of the request is unknown."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("casemate", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Speaks to a node over its private socket. One per thread."""

    def __init__(self, directory, timeout=30):
        self._path = str(pathlib.Path(directory) / SOCKET)
        self._timeout = timeout
        self._connection = None

    def request(self, method, path, body=None, headers=None):
        """Returns (status, headers, bytes); raises Unreachable when there was no whole answer."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        try:
            if self._connection is None:
                self._connection = _UnixConnection(self._path, self._timeout)
            self._connection.request(method, path, body=body, headers=headers)
            answer = self._connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(str(error)) from error

    def json(self, method, path, body=None):
        """Like request, with the body parsed."""
        status, _, content = self.request(method, "/api/v1" + path, body)
        return status, json.loads(content) if content else None

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Node:
    """A process of the binary under test with a data directory of its own."""

    def __init__(self, binary, directory, *options):
        self.binary = str(binary)
        self.directory = pathlib.Path(directory)
        self.options = list(options)
        self.process = None

    def start(self, timeout=60):
        """Starts the node and waits until it answers."""
        self.log = open(self.directory.parent / (self.directory.name + ".log"), "ab")
        command = [self.binary, "serve", "--data-dir", str(self.directory), "--listen", "127.0.0.1:0", *self.options]
        # Variables that are about the tests are no configuration, and a node refuses what it does not know.
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CASEMATE_TEST_", "CASEMATE_UPDATE_"))}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=env)
        deadline = time.monotonic() + timeout
        client = Client(self.directory, timeout=5)
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"the node ended with {self.process.returncode}; see {self.log.name}")
            try:
                status, _, _ = client.request("GET", "/api/v1/health")
                if status == 200:
                    client.close()
                    return
            except Unreachable:
                pass
            if time.monotonic() > deadline:
                raise SystemExit(f"the node did not get ready in {timeout} s; see {self.log.name}")
            time.sleep(0.01)

    def kill(self):
        """Ends the node as a power cut would, as far as its process is concerned."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self, timeout=60):
        """Asks the node to stop and waits for it."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.log.close()
        return code

    def run(self, *arguments, check=True):
        """Runs a command of the binary against this node's directory."""
        done = subprocess.run([self.binary, *arguments], capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise SystemExit(f"`casemate {' '.join(arguments)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done
