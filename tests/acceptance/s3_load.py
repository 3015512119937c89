"""Clients that put, overwrite, delete and upload in parts over S3 and the native API, and remember what was acknowledged.

What a node acknowledged must be there; a request that broke off may have been done or not. So each key is remembered with
all the contents that it may have, `None` for none, and only one client uses it.
"""

import hashlib
import http.client
import json
import random
import socket
import threading
import urllib.parse

from node import Client, Unreachable
from s3_node import Key, Raw, texts

PLAIN, VERSIONED = "storm", "versions"
MIB = 1 << 20
# Answers of a node that stops, starts, is full or is asked for too much; nothing was done.
REFUSED = (429, 500, 503, 507)


class Remembered:
    """What the node acknowledged, and what is not known."""

    def __init__(self):
        self.lock = threading.Lock()
        self.objects = {}  # (bucket, key): set of digests, None for absent
        self.versions = {}  # (key, version): digest
        self.uploads = []  # (key, upload, [(number, etag)], digest of the whole)
        self.acknowledged, self.refused, self.unknown = 0, 0, 0
        self.problems = []

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def done(self, place, digest):
        with self.lock:
            self.objects[place] = {digest}
            self.acknowledged += 1

    def maybe(self, place, digest):
        with self.lock:
            self.unknown += 1
            if place[0] == VERSIONED and place not in self.objects:
                return  # An older version may be the newest now: nothing is promised of this key.
            self.objects.setdefault(place, {None}).add(digest)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(node, host):
    """Makes a key and the buckets."""
    done = node.run("key", "create", "--data-dir", str(node.directory), "--label", "s3", "--role", "developer", "--s3")
    pairs = dict(line.split("=", 1) for line in done.stdout.split())
    key = Key(pairs["AWS_ACCESS_KEY_ID"], pairs["AWS_SECRET_ACCESS_KEY"])
    raw = Raw(host, key)
    for bucket in (PLAIN, VERSIONED):
        answer = raw.send("PUT", f"/{bucket}")
        assert answer.status == 200, answer
    rule = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
    answer = raw.send("PUT", f"/{VERSIONED}", {"versioning": ""}, body=rule)
    assert answer.status == 200, answer
    return key


class Load(threading.Thread):
    """One client: random writes until `stop`."""

    def __init__(self, directory, host, key, remembered, stop, name, seed, large=False):
        super().__init__()
        self.client, self.raw = Client(directory, timeout=20), Raw(host, key)
        self.remembered, self.stop, self.owner = remembered, stop, name
        self.chance, self.large = random.Random(seed), large
        # Versions of one thing, which the packer makes differences of.
        self.family = random.Random(name).randbytes(20_000)

    def run(self):
        acts = [self.put_s3] * 4 + [self.put_native] * 2 + [self.delete_s3] * 2 + [self.delete_native] + \
            [self.put_version] * 2 + [self.delete_version, self.upload_parts, self.leave_upload]
        while not self.stop.is_set():
            act = self.chance.choice(acts)
            try:
                act()
            except (Unreachable, OSError, http.client.HTTPException):
                if self.stop.wait(0.005):
                    break
        self.client.close()

    def content(self):
        kind = self.chance.randrange(4)
        if kind == 0:
            return self.chance.randbytes(self.chance.choice([0, 1, 900, 300_000 if self.large else 9_000]))
        at = self.chance.randrange(len(self.family))
        return self.family[:at] + self.chance.randbytes(8) + self.family[at:]

    def place(self, bucket=PLAIN):
        return bucket, f"{self.owner}/{self.chance.randrange(12)}"

    def attempt(self, place, digest, send, *fine):
        """Sends a change of one key and remembers what may come of it."""
        try:
            status, answer = send()
        except (Unreachable, OSError, http.client.HTTPException):
            self.remembered.maybe(place, digest)
            raise
        if status in fine:
            self.remembered.done(place, digest)
            return answer
        self.refusal(status, answer)
        # A refusal of a node that was about to commit: it says that it does not know.
        self.remembered.maybe(place, digest)
        return None

    def refusal(self, status, answer):
        if status not in REFUSED:
            self.remembered.problem(f"unexpected status {status}: {answer!r}")
        self.remembered.refused += 1

    def put_s3(self):
        place, body = self.place(), self.content()
        self.attempt(place, digest_of(body), lambda: answer_of(self.raw.send("PUT", f"/{place[0]}/{place[1]}", body=body)), 200)

    def put_native(self):
        place, body = self.place(), self.content()
        self.attempt(place, digest_of(body), lambda: self.native("PUT", place, body), 200, 201)

    def delete_s3(self):
        place = self.place()
        self.attempt(place, None, lambda: answer_of(self.raw.send("DELETE", f"/{place[0]}/{place[1]}")), 204)

    def delete_native(self):
        place = self.place()
        self.attempt(place, None, lambda: self.native("DELETE", place), 204, 404)

    def native(self, method, place, body=None):
        status, _, answer = self.client.request(method, f"/api/v1/objects/{place[0]}/{urllib.parse.quote(place[1])}", body)
        return status, answer

    def put_version(self):
        place, body = self.place(VERSIONED), self.content()
        answer = self.attempt(place, digest_of(body), lambda: whole_answer(self.raw.send("PUT", f"/{place[0]}/{place[1]}", body=body)), 200)
        if answer:
            with self.remembered.lock:
                self.remembered.versions[place[1], answer.headers["x-amz-version-id"]] = digest_of(body)

    def delete_version(self):
        """Marks a key as deleted, or takes one of its versions away for good."""
        mine = [found for found in list(self.remembered.versions) if found[0].startswith(f"{self.owner}/")]
        if not mine or self.chance.random() < 0.5:
            place = self.place(VERSIONED)
            self.attempt(place, None, lambda: answer_of(self.raw.send("DELETE", f"/{place[0]}/{place[1]}")), 204)
            return
        key, version = self.chance.choice(mine)
        with self.remembered.lock:
            # Whatever comes of it, the version is not promised any more, and which is the newest is not followed.
            del self.remembered.versions[key, version]
            self.remembered.objects.pop((VERSIONED, key), None)
        answer = self.raw.send("DELETE", f"/{VERSIONED}/{key}", {"versionId": version})
        if answer.status != 204:
            self.refusal(answer.status, answer.body)
        with self.remembered.lock:
            self.remembered.objects.pop((VERSIONED, key), None)

    def upload_parts(self):
        place = self.place()
        begun = self.begin(place)
        if begun:
            upload, parts, whole = begun
            self.attempt(place, digest_of(whole), lambda: complete(self.raw, place, upload, parts), 200)

    def leave_upload(self):
        """An upload that is not completed: its parts must be there, whatever happens to the node."""
        place = (PLAIN, f"{self.owner}/left-{self.chance.getrandbits(40)}")
        begun = self.begin(place)
        if begun:
            with self.remembered.lock:
                self.remembered.uploads.append((place, begun[0], begun[1], digest_of(begun[2])))

    def begin(self, place):
        target = f"/{place[0]}/{place[1]}"
        answer = self.raw.send("POST", target, {"uploads": ""})
        if answer.status != 200:
            return self.refusal(answer.status, answer.body)
        upload, parts, whole = texts(answer.body, "UploadId")[0], [], b""
        contents = [self.content()]
        if self.large and self.chance.random() < 0.2:
            contents.insert(0, self.chance.randbytes(5 * MIB))
        for number, content in enumerate(contents, 1):
            answer = self.raw.send("PUT", target, {"partNumber": str(number), "uploadId": upload}, body=content)
            if answer.status != 200:
                return self.refusal(answer.status, answer.body)
            parts.append((number, answer.headers["etag"]))
            whole += content
        return upload, parts, whole


def complete(raw, place, upload, parts):
    body = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    body = f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{body}</CompleteMultipartUpload>'
    answer = raw.send("POST", f"/{place[0]}/{place[1]}", {"uploadId": upload}, body=body.encode())
    # S3 may begin to answer 200 and then say in the body what went wrong.
    return (500 if answer.status == 200 and b"<Error>" in answer.body else answer.status), answer.body


def verify(remembered, host, key):
    """Holds a node to everything that it acknowledged."""
    raw = Raw(host, key)
    for (bucket, name), contents in remembered.objects.items():
        answer = raw.send("GET", f"/{bucket}/{name}")
        found = None if answer.status == 404 else digest_of(answer.body) if answer.status == 200 else answer.status
        if found not in contents:
            remembered.problems.append(f"{bucket}/{name}: {found} instead of one of {contents}")
    for (name, version), digest in remembered.versions.items():
        answer = raw.send("GET", f"/{VERSIONED}/{name}", {"versionId": version})
        if answer.status != 200 or digest_of(answer.body) != digest:
            remembered.problems.append(f"version {version} of {name}: status {answer.status}")
    waiting = []
    for place, upload, parts, digest in remembered.uploads:
        status, body = complete(raw, place, upload, parts)
        if status == 503 and b"no space is left" in body:
            waiting.append((place, upload, parts, digest))
            continue
        answer = raw.send("GET", f"/{place[0]}/{place[1]}")
        if status != 200 or answer.status != 200 or digest_of(answer.body) != digest:
            remembered.problems.append(f"upload {upload}: completed with {status} {body!r}, read with {answer.status}")
    remembered.uploads[:] = waiting


def fsck(node, remembered, when, *options, only=None):
    """Checks a node that does not run; of the findings only kinds of `only` are no problem, and no damage ever."""
    done = node.run("fsck", "--objects", "--json", "--data-dir", str(node.directory), *options, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        remembered.problems.append(f"fsck {when}: {done.stdout}{done.stderr}")
        return []
    findings = report["objects"]["findings"]
    bad = [found["text"] for found in findings if not found["leftover"] or (only is not None and found["kind"] not in only)]
    bad += report["database"]["findings"]
    remembered.problems.extend(f"fsck {when}: {text}" for text in bad)
    return [found["kind"] for found in findings]


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def answer_of(answer):
    return answer.status, answer.body


def whole_answer(answer):
    return answer.status, answer
