#!/usr/bin/env python3
"""Plants every kind of secret in a node that logs all it can, also in wrong places, and looks for them everywhere.

`planted_secrets.py BINARY`

The node is used as it should be and as it should not: secrets come in queries, in headers of other names, in bodies that are not
what they should be, as user agent, as user name, as part of an address. Then the log (at level trace), answers that refuse,
the audit log, metrics, the feed of events, a backup, and every file of the data directory but the secrets themselves are searched
for each secret as it is written, as bytes, in hexadecimal and in base64. A crash must leave no core file. That the search
finds what is there is shown by planting one thing on purpose.
"""

import argparse
import base64
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from node import Node
from s3_node import Key, Raw

PASSWORD, OTHER_PASSWORD = "planted horse staple one", "planted horse staple two"
REDIS_PASSWORD = "planted-redis-password"
# Nothing may be refused for its number here.
LIMITS = "{" + ",".join(f"{tier}={{per_second=100000,burst=100000}}" for tier in ("auth", "names", "tasks", "objects", "s3", "general")) + "}"
TOKEN = re.compile(r"casemate_[a-z]{3}_[0-9a-z]{26}_([0-9a-z]{52})_[0-9a-f]{8}")
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Secrets:
    """What was planted, by what it is, and all forms in which it may show."""

    def __init__(self):
        self.texts, self.bytes = {}, {}

    def text(self, kind, text):
        self.texts[kind] = text
        self.bytes.setdefault(kind, set()).update(forms(text.encode()))
        found = TOKEN.fullmatch(text)
        if found:
            # The id is public; the secret is what opens.
            self.bytes[kind] |= forms(found.group(1).encode())
        return text

    def raw(self, kind, content):
        self.bytes.setdefault(kind, set()).update(forms(content))


def forms(content):
    """The content itself, and as people and programs write it."""
    found = {content, content.hex().encode(), content.hex().upper().encode(), urllib.parse.quote(content).encode()}
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        # Wherever in a longer text it begins.
        found |= {encode(b"\0" * shift + content)[4 * (shift > 0) + shift:-4] for shift in range(3)}
    return {form for form in found if len(form) >= 12}


class Http:
    """Requests over the node's public address; answers that refuse are kept."""

    def __init__(self, address):
        self.address, self.refusals = address, []

    def send(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body).encode(), {"content-type": "application/json"} | (headers or {})
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            self.refusals.append(f"{method} {answer.status}\n{answer.headers}\n".encode() + content)
        return answer.status, answer.headers, content

    def json(self, method, path, headers=None, body=None):
        status, headers, content = self.send(method, "/api/v1" + path, headers, body)
        assert status < 300, (method, path, status, content)
        return headers, json.loads(content) if content else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="casemate-planted-") as scratch:
        scratch = pathlib.Path(scratch)
        problems = leaks(arguments.binary, scratch)
        problems += core_files(arguments.binary, scratch)
    for problem in problems:
        print("  " + problem)
    print(f"problems: {len(problems)}")
    sys.exit(1 if problems else 0)


def leaks(binary, scratch):
    secrets = Secrets()
    content_key = scratch / "content.key"
    content_key.write_text("5a3c" * 16)
    content_key.chmod(0o600)
    secrets.text("encryption key", "5a3c" * 16)
    redis = scratch / "redis.url"
    # Nothing listens there, so that each attempt fails and is spoken of.
    redis.write_text(f"redis://somebody:{REDIS_PASSWORD}@127.0.0.1:1/0")
    redis.chmod(0o600)
    secrets.text("password of Redis", REDIS_PASSWORD)
    settings = LIMITS[:-1] + f',redis_url_file="{redis}"' + "}"
    os.environ |= {"RUST_LOG": "trace", "CASEMATE_LIMITS": settings, "CASEMATE_ENCRYPTION_KEY_FILE": str(content_key)}
    node = Node(binary, scratch / "data")
    node.start()
    try:
        http_, host = places(node)
        feed = Feed(http_.address)
        credentials = plant(node, http_, host, secrets)
        feed.follow(credentials["api key"])
        misuse(http_, host, secrets, node)
        feed.wait_for_something(http_, credentials["api key"])
        haystacks = collect(node, http_, credentials, scratch)
        haystacks["feed of events"] = feed.seen()
    finally:
        code = node.stop()
    assert code == 0, code
    for path in sorted((scratch / "data").rglob("*")):
        if path.is_file() and path.parent.name != "secrets":
            haystacks[f"file {path.relative_to(scratch)}"] = path.read_bytes()
    haystacks["log"] = (scratch / "data.log").read_bytes()
    print(f"{len(secrets.bytes)} secrets in {len(haystacks)} places, {sum(map(len, haystacks.values())) >> 10} KiB", flush=True)
    check_the_search(secrets, haystacks)
    return search(secrets, haystacks)


def places(node):
    said = pathlib.Path(node.log.name).read_text()
    address = re.search(r"The console is at http://(\S+)", said).group(1)
    return Http(address), re.search(r"S3 is at http://([0-9.:]+)", said).group(1)


def command(node, *words, stdin=None):
    done = subprocess.run([node.binary, *words, "--data-dir", str(node.directory)], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()


def plant(node, http_, host, secrets):
    """Makes and uses every kind of credential as it should be used."""
    for name in ("pepper.1", "node.key"):
        secrets.raw(name, (node.directory / "secrets" / name).read_bytes())
    key = secrets.text("api key", command(node, "key", "create", "--label", "planted", "--role", "admin"))
    using = {"x-api-key": key}
    _, made = http_.json("POST", "/keys", using, {"label": "turned", "role": "developer", "scopes": []})
    secrets.text("former api key", made["secret"])
    identity = made["key"]["id"] if "key" in made else made["id"]
    _, turned = http_.json("POST", f"/keys/{identity}/rotate", using, {"overlap_seconds": 3600})
    secrets.text("rotated api key", turned["secret"])
    pairs = dict(line.split("=", 1) for line in command(node, "key", "create", "--label", "s3", "--role", "developer", "--s3").split())
    secrets.text("s3 secret", pairs["AWS_SECRET_ACCESS_KEY"])
    raw = Raw(host, Key(pairs["AWS_ACCESS_KEY_ID"], pairs["AWS_SECRET_ACCESS_KEY"]))
    for method, path, body in (("PUT", "/planted", b""), ("PUT", "/planted/one", b"content"), ("GET", "/planted/one", b"")):
        assert raw.send(method, path, body=body).status == 200

    command(node, "user", "create", "ada", "--role", "admin", stdin=PASSWORD + "\n")
    secrets.text("password", PASSWORD)
    secrets.text("new password", OTHER_PASSWORD)
    _, tokens = http_.json("POST", "/auth/login", None, {"username": "ada", "password": PASSWORD})
    secrets.text("first refresh token", tokens["refresh_token"])
    _, tokens = http_.json("POST", "/auth/refresh", None, {"refresh_token": tokens["refresh_token"]})
    secrets.text("refresh token", tokens["refresh_token"])
    secrets.text("access token", tokens["access_token"])
    http_.json("GET", "/session", {"authorization": f"Bearer {tokens['access_token']}"})
    link = command(node, "login")
    secrets.text("login link", link.split("token=")[1])
    headers, _ = http_.json("POST", "/session", None, {"link_token": secrets.texts["login link"]})
    secrets.text("session cookie", re.search("casemate_session=([^;]+)", headers["set-cookie"]).group(1))
    http_.json("GET", "/session", {"cookie": f"casemate_session={secrets.texts['session cookie']}"})
    invitation = command(node, "user", "invite", "--role", "viewer").split("token=")[1]
    secrets.text("used invitation", invitation)
    http_.json("POST", "/auth/register", None, {"username": "bob", "password": OTHER_PASSWORD, "invitation": invitation})
    secrets.text("invitation", command(node, "user", "invite", "--role", "viewer").split("token=")[1])
    share = command(node, "share", "cm://planted/one")
    secrets.text("share link", re.search(r"casemate_shr_[\w-]+", share).group(0))
    status, _, content = http_.send("GET", urllib.parse.urlsplit(share).path)
    assert (status, content) == (200, b"content"), status
    return secrets.texts


def misuse(http_, host, secrets, node):
    """Everything in places where it does not belong."""
    key = {"x-api-key": secrets.texts["api key"]}
    for kind, text in sorted(secrets.texts.items()):
        quoted = urllib.parse.quote(text, safe="")
        for path in ("/api/v1/names", "/api/v1/audit", "/nothing", "/metrics", "/api/v1/objects/planted/one"):
            http_.send("GET", f"{path}?api_key={quoted}&token={quoted}&after={quoted}&{quoted}=1", key)
            http_.send("GET", f"{path}?api_key={quoted}&token={quoted}&limit={quoted}")
        for header in ("authorization", "x-auth-token", "x-casemate-project", "x-request-id", "cookie", "traceparent", "idempotency-key",
                       "if-match", "if-none-match", "range", "origin", "last-event-id", "content-type", "x-forwarded-for", "forwarded",
                       "referer", "user-agent", "accept", "x-amz-security-token", "te"):
            for value in (text, f"Bearer {text}", f"Basic {text}", f"token={text}"):
                http_.send("GET", "/api/v1/names", {header: value})
                http_.send("POST", "/api/v1/names", key | {header: value}, b"{}")
        http_.send("GET", "/api/v1/names", {"x-api-key": text + "x"})
        http_.send("GET", "/api/v1/names", {"x-api-key": text[:-1]})
        misuse_bodies(http_, key, kind, text)
        # What has not the shape of a credential of ours is a name where a name belongs, and is kept as one.
        if kind in TOKENS:
            misuse_paths(http_, key, quoted)
        misuse_s3(http_, host, text)
    for _ in range(3):
        http_.send("POST", "/api/v1/auth/login", None, {"username": "ada", "password": OTHER_PASSWORD})
    # People type the password where the name belongs.
    for password in (PASSWORD, OTHER_PASSWORD, PASSWORD.replace(" ", "-")):
        http_.send("POST", "/api/v1/auth/login", None, {"username": password, "password": password})
    secrets.text("password as a user name", PASSWORD.replace(" ", "-"))
    _, tokens = http_.json("POST", "/auth/login", {"user-agent": f"curl {secrets.texts['api key']}"}, {"username": "ada", "password": PASSWORD})
    using = {"authorization": f"Bearer {tokens['access_token']}"}
    status, _, _ = http_.send("PUT", "/api/v1/users/ada/password", using, {"current": PASSWORD, "new": OTHER_PASSWORD})
    subprocess.run([node.binary, "user", "password", "ada", "--data-dir", str(node.directory)], input=OTHER_PASSWORD + "\n",
                   capture_output=True, text=True, check=False)


def misuse_bodies(http_, key, kind, text):
    secret_fields = ("password", "current", "new", "api_key", "link_token", "refresh_token", "invitation", "secret")
    bodies = [json.dumps({name: wrong}) for name in secret_fields for wrong in (text, [text], {text: 1} if kind in TOKENS else [text], [[text]])]
    bodies += [json.dumps({"username": "ada", "password": text, "other": text}) if kind in TOKENS else "{}", '{"password": "' + text,
               json.dumps({"username": "ada", "password": text})[:-1] + ",}", f'"{text}"' if kind in TOKENS else "{}"]
    if kind in TOKENS:
        bodies += [json.dumps({text: 1}), json.dumps({"name": text, "digest": text}), json.dumps({"label": text, "role": text}),
                   json.dumps({"username": text, "password": "wrong horse"})]
    for body in bodies:
        for path in ("/auth/login", "/auth/refresh", "/auth/register", "/session", "/names", "/keys", "/tasks", "/users"):
            http_.send("POST", "/api/v1" + path, {"content-type": "application/json"} | (key if path in ("/names", "/tasks") else {}), body)


def misuse_paths(http_, key, quoted):
    for path in ("/", "/api/v1/", "/api/v1/keys/", "/api/v1/names/", "/api/v1/shares/", "/api/v1/users/", "/api/v1/buckets/", "/api/v1/tasks/",
                 "/api/v1/objects/planted/", "/api/v1/uploads/"):
        for method in ("GET", "DELETE"):
            http_.send(method, path + quoted, key)
            http_.send(method, path + quoted)


def misuse_s3(http_, host, text):
    """As the id of a key, in the address, and as a session's token; the secret of S3 signs nothing here."""
    for key in (Key(text, "0" * 43), Key("key_01kga0j4tv04106081040g2081", text)):
        raw = Raw(host, key)
        for query in (None, {"prefix": text}, {"X-Amz-Security-Token": text}):
            try:
                answer = raw.send("GET", "/planted", query, {"x-amz-security-token": text})
                if query is None:
                    http_.refusals.append(f"S3 {answer.status} {answer.headers}\n".encode() + answer.body)
            except (OSError, http.client.HTTPException):
                pass


TOKENS = {"api key", "former api key", "rotated api key", "first refresh token", "refresh token", "access token", "login link",
          "session cookie", "used invitation", "invitation", "share link"}


class Feed(threading.Thread):
    """Follows the node's events."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.content, self.key = address, bytearray(), None

    def follow(self, key):
        self.key = key
        self.start()

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        connection.request("GET", "/api/v1/events", headers={"x-api-key": self.key})
        answer = connection.getresponse()
        try:
            while piece := answer.read1(65536):
                self.content += piece
        except (OSError, http.client.HTTPException):
            pass

    def wait_for_something(self, http_, key):
        for number in range(200):
            http_.send("PUT", f"/api/v1/objects/planted/{number}", {"x-api-key": key}, b"x")
            if self.content:
                return
            time.sleep(0.05)
        raise SystemExit("the feed of events says nothing")

    def seen(self):
        return bytes(self.content)


def collect(node, http_, credentials, scratch):
    using = {"x-api-key": credentials["api key"]}
    status, _, metrics = http_.send("GET", "/metrics", using)
    assert status == 200 and b"casemate_" in metrics, status
    audit = whole_log(http_, using)
    assert '"keys.create"' in audit, audit[:400]
    command(node, "db", "backup", str(scratch / "backup.db"))
    lists = b"".join(http_.send("GET", f"/api/v1/{path}", using)[2] for path in ("keys", "sessions", "users", "invitations", "members", "limits"))
    return {"refusals": b"\n".join(http_.refusals), "metrics": metrics, "audit log": audit.encode(), "lists": lists,
            "backup": (scratch / "backup.db").read_bytes()}


def whole_log(http_, using):
    texts, start = [], 0
    while True:
        page = http_.json("GET", f"/audit/entries?from={start}&limit=200", using)[1]
        texts += [json.dumps(entry) for entry in page["items"]]
        if not page["items"]:
            return "\n".join(texts)
        start = page["items"][-1]["sequence"] + 1


def search(secrets, haystacks):
    problems = []
    for place, content in haystacks.items():
        for kind, written in secrets.bytes.items():
            for form in written:
                at = content.find(form)
                if at >= 0:
                    around = content[max(0, at - 160):at] + b"[SECRET]" + content[at + len(form):at + len(form) + 40]
                    problems.append(f"{kind} in {place}: {around!r}")
                    break
    return problems


def check_the_search(secrets, haystacks):
    """Each secret, put into each place on purpose, is found; whatever else is found is not for this to say."""
    for place in haystacks:
        for kind, written in secrets.bytes.items():
            planted = {place: b"before " + max(written, key=len) + b" after"}
            assert any(said.startswith(kind) for said in search(secrets, planted)), (place, kind)
    text = secrets.texts["api key"].encode()
    for shift in range(3):
        assert search(secrets, {"": base64.b64encode(b"x" * (30 + shift) + text + b"x" * 9)}), "in the middle of base64"


def core_files(binary, scratch):
    """A node that crashes leaves no core file, although its starter would allow one."""
    here = scratch / "cores"
    here.mkdir()

    def allow():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    def crashed(command):
        process = subprocess.Popen(command, cwd=here, preexec_fn=allow, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return process

    other = crashed(["sleep", "60"])
    time.sleep(0.05)
    os.kill(other.pid, signal.SIGABRT)
    dumps = os.WCOREDUMP(os.waitpid(other.pid, 0)[1])
    other.returncode = 0
    node = crashed([str(binary), "serve", "--data-dir", str(scratch / "crash"), "--listen", "127.0.0.1:0"])
    for line in node.stderr:
        if line.startswith(b"Ctrl-C"):
            break
    problems = []
    limit = re.search(r"Max core file size\s+(\S+)\s+(\S+)", pathlib.Path(f"/proc/{node.pid}/limits").read_text()).groups()
    if limit != ("0", "0"):
        problems.append(f"the node may write core files of {limit}")
    os.kill(node.pid, signal.SIGABRT)
    if os.WCOREDUMP(os.waitpid(node.pid, 0)[1]):
        problems.append("the node left a core file")
    node.returncode = 0
    if not dumps:
        print("this machine writes no core files, so that only the limits of the node were looked at", flush=True)
    return problems


if __name__ == "__main__":
    main()
