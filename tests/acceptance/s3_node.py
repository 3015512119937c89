"""A node with its S3 endpoint, and requests to it that are signed here, byte by byte, without any client library.

boto3 sends what a well-behaved client sends; `Raw` sends what a case wants sent.
"""

import collections
import datetime
import hashlib
import hmac
import http.client
import os
import re
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

from node import Node

REGION = "us-east-1"
EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

Answer = collections.namedtuple("Answer", "status headers body")
Key = collections.namedtuple("Key", "id secret")


class Endpoint:
    """A running node, where its S3 is, and keys for it."""

    def __init__(self, binary, directory, domain=None, timeout=30):
        self.node = Node(binary, directory)
        if domain:
            os.environ["CASEMATE_S3_DOMAIN"] = domain
        try:
            self.node.start()
        finally:
            os.environ.pop("CASEMATE_S3_DOMAIN", None)
        self.url = self._find(timeout)
        self.host = self.url.removeprefix("http://")

    def _find(self, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = re.search(r"S3 is at (http://[0-9.:]+);", open(self.node.log.name, encoding="utf-8").read())
            if found:
                return found.group(1)
            time.sleep(0.02)
        raise SystemExit(f"the node does not say where its S3 is; see {self.node.log.name}")

    def key(self, *options, role="developer"):
        """Makes a key of the node and returns it as S3 clients want it."""
        done = self.node.run("key", "create", "--data-dir", str(self.node.directory), "--label", "s3", "--role", role, "--s3", *options)
        pairs = dict(line.split("=", 1) for line in done.stdout.split())
        return Key(pairs["AWS_ACCESS_KEY_ID"], pairs["AWS_SECRET_ACCESS_KEY"])

    def client(self, key, **config):
        """A boto3 client; without a key, one that signs nothing."""
        import boto3
        import botocore
        from botocore.config import Config

        options = {"retries": {"total_max_attempts": 1}, "s3": {"addressing_style": "path"}, "max_pool_connections": 32,
                   "connect_timeout": 10, "read_timeout": 60, "signature_version": "s3v4" if key else botocore.UNSIGNED} | config
        secrets = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret} if key else {}
        return boto3.session.Session().client("s3", endpoint_url=self.url, region_name=REGION, config=Config(**options), **secrets)


def quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def code(answer):
    """The code of an error's body; empty where there is none."""
    try:
        return ElementTree.fromstring(answer.body).findtext("Code") or ""
    except ElementTree.ParseError:
        return ""


def texts(body, name):
    """The texts of all elements of a name, in whatever name space."""
    return [element.text or "" for element in ElementTree.fromstring(body).iter() if element.tag.rpartition("}")[2] == name]


class Raw:
    """Sends requests with signatures of version 4."""

    def __init__(self, host, key, region=REGION):
        self.host, self.id, self.secret, self.region = host, key.id, key.secret, region

    def send(self, method, path, query=None, headers=None, body=b"", **options):
        """Signs and sends a request.

        `path` is `/bucket/key`, unquoted; `headers` are signed; `late` headers come after signing, and None as a value
        takes one away. `date` is the time of the signature, `payload` what to say of the content.
        """
        target, headers = self.signed(method, path, query, headers, body, **options)
        return self.transmit(method, target, headers, body)

    def transmit(self, method, target, headers, body=b"", half_close=False):
        host, _, port = self.host.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            try:
                if body:
                    connection.send(body)
                if half_close:
                    connection.sock.shutdown(1)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def signed(self, method, path, query=None, headers=None, body=b"", late=None, date=None, payload=None, secret=None, host=None,
               service="s3", length=True):
        """The target and the headers of a request."""
        date = date or now()
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        headers.setdefault("host", host or self.host)
        headers.setdefault("x-amz-date", date)
        headers.setdefault("x-amz-content-sha256", payload or hashlib.sha256(body).hexdigest())
        canonical_path = urllib.parse.quote(path, safe="/-_.~")
        canonical_query = "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted((query or {}).items()))
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
        canonical = "\n".join([method, canonical_path, canonical_query, lines, names, headers["x-amz-content-sha256"]])
        scope = f"{date[:8]}/{self.region}/{service}/aws4_request"
        self.seed = self.signature(date, scope, canonical, secret, service)
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, SignedHeaders={names}, Signature={self.seed}"
        if length and (body or method in ("PUT", "POST")):
            headers.setdefault("content-length", str(len(body)))
        for name, value in (late or {}).items():
            headers.pop(name.lower(), None)
            if value is not None:
                headers[name.lower()] = value
        return canonical_path + (f"?{canonical_query}" if canonical_query else ""), headers

    def presigned(self, method, path, query=None, expires=60, date=None, headers=None, secret=None, host=None):
        """The target of a presigned request."""
        date = date or now()
        headers = {"host": host or self.host} | {name.lower(): value for name, value in (headers or {}).items()}
        scope = f"{date[:8]}/{self.region}/s3/aws4_request"
        names = ";".join(sorted(headers))
        query = dict(query or {}) | {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{self.id}/{scope}", "X-Amz-Date": date,
                                     "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": names}
        canonical_path = urllib.parse.quote(path, safe="/-_.~")
        canonical_query = "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted(query.items()))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = "\n".join([method, canonical_path, canonical_query, lines, names, UNSIGNED])
        signature = self.signature(date, scope, canonical, secret, "s3")
        return f"{canonical_path}?{canonical_query}&X-Amz-Signature={signature}"

    def signing_key(self, day, secret=None, service="s3"):
        key = ("AWS4" + (secret or self.secret)).encode()
        for step in (day, self.region, service, "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        return key

    def signature(self, date, scope, canonical, secret=None, service="s3"):
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return hmac.digest(self.signing_key(date[:8], secret, service), text.encode(), "sha256").hex()

    def chunked(self, path, pieces, headers=None, spoil=None, length=None):
        """A PUT whose content is signed piece by piece; the signature of the piece `spoil` is wrong."""
        date = now()
        headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(length if length is not None else sum(map(len, pieces)))} \
            | (headers or {})
        target, headers = self.signed("PUT", path, headers=headers, date=date, payload=CHUNKED, length=False)
        former, scope, body = self.seed, f"{date[:8]}/{self.region}/s3/aws4_request", b""
        for index, piece in enumerate([*pieces, b""]):
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{former}\n{EMPTY}\n{hashlib.sha256(piece).hexdigest()}"
            former = hmac.digest(self.signing_key(date[:8]), text.encode(), "sha256").hex()
            shown = former if index != spoil else former[:-1] + ("0" if former[-1] != "0" else "1")
            body += f"{len(piece):x};chunk-signature={shown}\r\n".encode() + piece + b"\r\n"
        return self.transmit("PUT", target, headers | {"content-length": str(len(body))}, body)


def now(**shift):
    """The time as signatures write it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**shift)).strftime("%Y%m%dT%H%M%SZ")
