#!/usr/bin/env python3
"""Whether the S3 endpoint does what S3 does: `s3_conformance.py BINARY [--excluded] [PART-OF-A-NAME...]`.

The cases follow the families of Ceph's s3-tests (github.com/ceph/s3-tests) and bear the names of the cases there where
there is one; what they demand is what AWS does where the two differ. `EXCLUDED` says which families do not apply and why.

Every case has buckets of its own, so they run in any order, some at a time. Needs boto3.
"""

import base64
import collections
import concurrent.futures
import datetime
import email.header
import email.utils
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import random
import socket
import sys
import tempfile
import time
import traceback
import urllib.parse
import zlib

from tools import install

REQUIREMENTS = ["boto3==1.43.11"]

if "--tools" in sys.argv:
    # Once more, in an environment that has what is needed.
    at = sys.argv.index("--tools")
    cache = pathlib.Path(sys.argv[at + 1])
    cache.mkdir(parents=True, exist_ok=True)
    program = install(cache, REQUIREMENTS) / "python3"
    os.execv(program, [program, sys.argv[0], *sys.argv[1:at], *sys.argv[at + 2 :]])

from botocore.exceptions import ClientError

from node import Client
from s3_node import Endpoint, Key, Raw, code, now, texts

THREADS = 4
MIB = 1 << 20
PART = 5 * MIB
CASES = {}

# Names of s3-tests, or `family_*` of several; the number is how many cases a family has there, roughly.
EXCLUDED = {
    "test_bucket_policy_*, test_bucketv2_policy_*, test_get_*policy_status*, test_block_public_*": "no bucket policies: keys and their scopes decide (~45)",
    "test_bucket_acl_grant_*, test_object_acl_canned_*, test_access_bucket_*, test_bucket_header_acl_grants": "no grants: only the list `private` (~70)",
    "test_object_lock_*": "no object lock (~30)",
    "test_lifecycle_transition_*, test_lifecycle_cloud_*, test_lifecycle_set_date": "one storage class, and age in days only (~12)",
    "test_lifecycle_expiration, ..._days0, ..._noncur_*, ..._multipart_expiration": "they wait for days that RGW shortens; a test of the catalog advances the clock (~15)",
    "test_lifecycle_expiration_*tags*, ..._size_*": "rules choose by prefix only, and say so (~6)",
    "test_encryption_*, test_sse_kms_*, test_bucket_sse_*, test_get_bucket_encryption_*": "no SSE-C, no SSE-KMS: the disk is the operator's (~45)",
    "test_website_* (test_s3_website.py)": "no websites (~30)",
    "test_bucket_logging_*, test_logging_*": "no access logs in buckets: the audit log has them (~50)",
    "test_*notification*, test_sns.py": "no notifications (~5)",
    "test_replication_*": "no replication (~5)",
    "test_sts.py, test_iam.py, test_s3control.py, test_account_*": "no STS, IAM or control accounts (~150)",
    "test_s3select.py": "no S3 Select, which AWS closed to new customers (~60)",
    "test_*restore*, test_*cloud_tier*, test_read_through*": "no cold storage (~15)",
    "test_bucket_list_unordered, test_bucket_listv2_unordered, test_append_object_*": "extensions of RGW, not of S3 (~5)",
    "test_bucket_list_objects_anonymous, test_object_raw_get, test_object_raw_get_bucket_acl, test_object_raw_get_object_acl, "
    "test_object_anon_put_write_access, test_post_object_anonymous_request": "nothing is public: the cases ..._fail and ..._acl say that it is refused (~12)",
    "test_*_aws2, test_object_raw_*_v2": "signatures of version 2 are refused: the case test_sigv2_* says so (~25)",
    "test_bucket_recreate_new_acl, test_bucket_recreate_overwrite_acl, test_*torrent*": "no grants and no torrents (~5)",
    "test_requester_pays_*, test_bucket_request_payment": "nobody pays (~3)",
    "test_object_create_bad_expect_mismatch": "contested: AWS says 417, RGW 200; the HTTP library reads only 100-continue (1)",
    "test_bucket_create_naming_good_contains_underscore, test_bucket_create_naming_good_long_*": "names by today's rule of AWS, 3 to 63 of a-z0-9.- (~8)",
    "test_bucket_create_naming_dns_dot_dash, test_bucket_create_naming_dns_dash_dot": "AWS takes them today, but clients cannot; contested (2)",
    "test_object_read_unreadable": "asks for bytes that are no UTF-8, which AWS and RGW refuse in different ways (1)",
    "test_bucket_create_unicode, keys with control characters": "control characters in keys are refused by the design of ObjectKey (2)",
    "test_versioning_concurrent_multi_object_delete, test_atomic_dual_*": "covered at 1 MiB and with fewer threads (6)",
    "test_*storage_class*": "one class: STANDARD (~8)",
    "test_ownership_*, test_*ownership_controls*": "no ownership controls: as with BucketOwnerEnforced (~6)",
    "test_bucket_get_location with a region, test_create_bucket_*zonegroup*": "one region (2)",
    "test_post_object_*": "forms of browsers are not served: an address for PUT is signed instead (~40)",
    "test_*_ratelimit, test_*usage*, test_head_bucket_usage": "extensions of RGW (~4)",
}

# Cases that fail today, and why. The list only shrinks: one of them that passes fails the run.
GAPS = {
    "test_get_multipart_object_attributes": "the library writes the ETag of GetObjectAttributes with quotes",
    "test_get_single_object_attributes": "the library writes the ETag of GetObjectAttributes with quotes",
    "test_list_multipart_upload_prefix_delimiter": "lists of uploads have no folders yet",
    "test_multipart_checksum_3parts": "GetObjectAttributes names no parts yet",
    "test_object_checksum_of_every_new_object": "an upload without a checksum is given none (MD5 and SHA-256 are kept)",
    "test_object_write_expires_that_is_no_date": "the library takes dates only in Expires",
    "test_ranged_request_backwards_is_ignored": "the library refuses ranges that make no sense",
    "test_ranged_request_garbage_is_ignored": "the library refuses ranges that make no sense",
    "test_ranged_request_of_several_is_ignored": "the library refuses several ranges",
    "test_ranged_request_other_unit_is_ignored": "the library refuses ranges of other units",
}


class Suite:
    """What every case shares."""

    def __init__(self, endpoint):
        self.endpoint, self.host = endpoint, endpoint.host
        self.key, self.viewer_key, self.other_key = endpoint.key(), endpoint.key(role="viewer"), endpoint.key("--project", "other")
        self.client, self.viewer = endpoint.client(self.key), endpoint.client(self.viewer_key)
        self.other, self.anonymous = endpoint.client(self.other_key), endpoint.client(None)
        self.numbers = itertools.count()


class Case:
    """What a case works with: `c` is boto3's client, `raw` sends whatever the case wants sent."""

    def __init__(self, suite):
        self.suite, self.c, self.host, self.url = suite, suite.client, suite.host, suite.endpoint.url
        self.viewer, self.other, self.anonymous = suite.viewer, suite.other, suite.anonymous
        self.raw = Raw(suite.host, suite.key)
        self.buckets = []

    def name(self):
        """A name of a bucket that there is not yet; it is deleted in the end."""
        self.buckets.append(f"case-{os.getpid()}-{next(self.suite.numbers)}")
        return self.buckets[-1]

    def bucket(self, *keys, versioning=None):
        """A new bucket with objects whose content is their key."""
        name = self.name()
        self.c.create_bucket(Bucket=name)
        for key in keys:
            self.put(name, key, key)
        if versioning:
            self.versioning(name, versioning)
        return name

    def versioning(self, bucket, status="Enabled"):
        self.c.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def put(self, bucket, key="foo", body=b"bar", **more):
        return self.c.put_object(Bucket=bucket, Key=key, Body=body, **more)

    def get(self, bucket, key="foo", **more):
        """The content of an object."""
        return self.c.get_object(Bucket=bucket, Key=key, **more)["Body"].read()

    def head(self, bucket, key="foo", **more):
        return self.c.head_object(Bucket=bucket, Key=key, **more)

    def names(self, bucket, **more):
        return keys(self.c.list_objects_v2(Bucket=bucket, **more))

    def clean(self):
        for bucket in self.buckets:
            try:
                self.empty(bucket)
                self.c.delete_bucket(Bucket=bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise

    def empty(self, bucket):
        for upload in self.c.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            self.c.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        while True:
            page = self.c.list_object_versions(Bucket=bucket)
            found = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in page.get("Versions", []) + page.get("DeleteMarkers", [])]
            if not found:
                return
            gone = self.c.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            assert not gone.get("Errors"), gone["Errors"]


def case(function):
    add("test_" + function.__name__, function)
    return function


def add(name, function):
    assert name not in CASES, name
    CASES[name] = function


def eq(found, wanted, what=""):
    assert found == wanted, f"{what + ': ' if what else ''}got {shorten(found)}, wanted {shorten(wanted)}"


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"


def fails(status, codes, call, *arguments, **named):
    """The call ends with that status and one of those codes (separated by `|`); any code if there are none."""
    try:
        answer = call(*arguments, **named)
    except ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        matches(found, status, codes)
        return error.response
    shown = {name: value for name, value in (answer or {}).items() if name != "ResponseMetadata"}
    raise AssertionError(f"it succeeded, wanted {status} {codes}; got {shorten(shown)}")


def refused(answer, status, codes=""):
    """Like `fails` for an answer to a raw request."""
    matches((answer.status, code(answer)), status, codes)
    return answer


def matches(found, status, codes):
    wanted = status if isinstance(status, tuple) else (status,)
    right = found[0] in wanted and (not codes or found[1] in codes.split("|"))
    assert right, f"got {found[0]} {found[1]}, wanted {status} {codes}"


def status(answer, wanted):
    eq(answer.status, wanted, f"status, with the body {shorten(answer.body)}")
    return answer


def keys(page):
    return [one["Key"] for one in page.get("Contents", [])]


def folders(page):
    return [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def sent(response):
    """The headers of an answer to boto3."""
    return response["ResponseMetadata"]["HTTPHeaders"]


def md5(content):
    return hashlib.md5(content).hexdigest()


def b64(content):
    return base64.b64encode(content).decode()


def crc32(content):
    return b64(zlib.crc32(content).to_bytes(4))


def noise(length, seed=0):
    return random.Random(seed).randbytes(length)


# --- Lists of objects ---------------------------------------------------------------------------------------------------

# Name, keys, parameters, keys of the answer, folders of the answer.
TREE = ["foo/bar", "foo/baz/xyzzy", "quux/thud", "asdf"]
FLAT = ["bar", "baz", "cab", "foo"]
LISTS = [
    ("delimiter_basic", TREE, {"Delimiter": "/"}, ["asdf"], ["foo/", "quux/"]),
    ("encoding_basic", ["foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "asdf+b"], {"Delimiter": "/", "EncodingType": "url"},
     ["asdf%2Bb"], ["foo%2B1/", "foo/", "quux%20ab/"]),
    ("delimiter_alt", FLAT, {"Delimiter": "a"}, ["foo"], ["ba", "ca"]),
    ("delimiter_prefix_ends_with_delimiter", ["asdf/"], {"Delimiter": "/", "Prefix": "asdf/"}, ["asdf/"], []),
    ("delimiter_percentage", ["b%ar", "b%az", "c%ab", "foo"], {"Delimiter": "%"}, ["foo"], ["b%", "c%"]),
    ("delimiter_whitespace", ["b ar", "b az", "c ab", "foo"], {"Delimiter": " "}, ["foo"], ["b ", "c "]),
    ("delimiter_dot", ["b.ar", "b.az", "c.ab", "foo"], {"Delimiter": "."}, ["foo"], ["b.", "c."]),
    ("delimiter_unreadable", FLAT, {"Delimiter": "\x0a"}, FLAT, []),
    ("delimiter_empty", FLAT, {"Delimiter": ""}, FLAT, []),
    ("delimiter_none", FLAT, {}, FLAT, []),
    ("delimiter_not_exist", FLAT, {"Delimiter": "/"}, FLAT, []),
    ("delimiter_not_skip_special", [f"0/{n}" for n in range(1000, 1019)] + ["1999", "1999#", "1999+", "2000"], {"Delimiter": "/"},
     ["1999", "1999#", "1999+", "2000"], ["0/"]),
    ("delimiter_of_two_characters", ["a--b", "a--c", "a-d", "b"], {"Delimiter": "--"}, ["a-d", "b"], ["a--"]),
    ("delimiter_at_the_start", ["/a", "/b", "c"], {"Delimiter": "/"}, ["c"], ["/"]),
    ("delimiter_doubled", ["a//b", "a/c"], {"Delimiter": "/", "Prefix": "a/"}, ["a/c"], ["a//"]),
    ("delimiter_beyond_ascii", ["xéa", "xéb", "y"], {"Delimiter": "é"}, ["y"], ["xé"]),
    ("prefix_basic", ["foo/bar", "foo/baz", "quux"], {"Prefix": "foo/"}, ["foo/bar", "foo/baz"], []),
    ("prefix_alt", ["bar", "baz", "foo"], {"Prefix": "ba"}, ["bar", "baz"], []),
    ("prefix_empty", ["foo/bar", "foo/baz", "quux"], {"Prefix": ""}, ["foo/bar", "foo/baz", "quux"], []),
    ("prefix_none", ["foo/bar", "foo/baz", "quux"], {}, ["foo/bar", "foo/baz", "quux"], []),
    ("prefix_not_exist", ["foo/bar", "foo/baz", "quux"], {"Prefix": "d"}, [], []),
    ("prefix_unreadable", ["foo/bar", "foo/baz", "quux"], {"Prefix": "\x0a"}, [], []),
    ("prefix_is_a_whole_key", ["foo", "foo/bar", "foobar"], {"Prefix": "foo/bar"}, ["foo/bar"], []),
    ("prefix_has_wildcards_of_databases", ["a%b", "axb", "a_b", "a\\b"], {"Prefix": "a_"}, ["a_b"], []),
    ("prefix_is_sensitive_to_case", ["Foo", "foo"], {"Prefix": "f"}, ["foo"], []),
    ("prefix_delimiter_basic", ["foo/bar", "foo/baz/xyzzy", "quux/thud", "asdf"], {"Prefix": "foo/", "Delimiter": "/"}, ["foo/bar"], ["foo/baz/"]),
    ("prefix_delimiter_alt", ["bar", "bazar", "cab", "foo"], {"Prefix": "ba", "Delimiter": "a"}, ["bar"], ["baza"]),
    ("prefix_delimiter_prefix_not_exist", ["b/a/r", "b/a/c", "b/a/g", "g"], {"Prefix": "/", "Delimiter": "d"}, [], []),
    ("prefix_delimiter_delimiter_not_exist", ["b/a/c", "b/a/g", "b/a/r", "g"], {"Prefix": "b", "Delimiter": "z"}, ["b/a/c", "b/a/g", "b/a/r"], []),
    ("prefix_delimiter_prefix_delimiter_not_exist", ["b/a/c", "b/a/g", "b/a/r", "g"], {"Prefix": "y", "Delimiter": "z"}, [], []),
    ("prefix_within_a_folder", ["a/bb/1", "a/bc/2", "a/bd"], {"Prefix": "a/b", "Delimiter": "/"}, ["a/bd"], ["a/bb/", "a/bc/"]),
    ("special_prefix", ["_bla/1", "_bla/2", "_bla/3", "_bla/4", "abcd"], {"Prefix": "_bla/"}, ["_bla/1", "_bla/2", "_bla/3", "_bla/4"], []),
    ("maxkeys_none", ["bar", "baz", "foo", "quxx"], {}, ["bar", "baz", "foo", "quxx"], []),
    ("order_is_that_of_bytes", ["b", "B", "a", "é", "z", "𝄞", "～"], {}, ["B", "a", "b", "z", "é", "～", "𝄞"], []),
]

# Pages: keys, prefix, page sizes with the pages (keys, folders) that must come one after another.
PAGES = [
    ("delimiter_prefix", ["asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla"], "",
     {1: [(["asdf"], []), ([], ["boo/"]), ([], ["cquux/"])], 2: [(["asdf"], ["boo/"]), ([], ["cquux/"])]}),
    ("delimiter_prefix_inner", ["asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla"], "boo/",
     {1: [(["boo/bar"], []), ([], ["boo/baz/"])], 2: [(["boo/bar"], ["boo/baz/"])]}),
    ("delimiter_prefix_underscore", ["_obj1_", "_under1/bar", "_under1/baz/xyzzy", "_under2/thud", "_under2/bla"], "",
     {1: [(["_obj1_"], []), ([], ["_under1/"]), ([], ["_under2/"])], 2: [(["_obj1_"], ["_under1/"]), ([], ["_under2/"])]}),
    ("delimiter_folder_after_its_name", ["a", "a/1", "a/2", "a0", "b/1"], "",
     {1: [(["a"], []), ([], ["a/"]), (["a0"], []), ([], ["b/"])], 3: [(["a", "a0"], ["a/"]), ([], ["b/"])]}),
]


def lister(version):
    """Lists with version 1 or 2 of the operation; `after` is the key to begin behind."""
    def call(t, bucket, after=None, client=None, **more):
        client = client or t.c
        if version == 1:
            return client.list_objects(Bucket=bucket, **({"Marker": after} if after is not None else {}), **more)
        return client.list_objects_v2(Bucket=bucket, **({"StartAfter": after} if after is not None else {}), **more)
    return call


def one_list(call, content, parameters, wanted_keys, wanted_folders):
    def run(t):
        page = call(t, t.bucket(*content), **parameters)
        eq(keys(page), sorted(wanted_keys, key=str.encode))
        eq(folders(page), wanted_folders)
        eq(page["IsTruncated"], False)
        for name in ("Delimiter", "Prefix"):
            # boto3 asks for quoted texts and does not unquote the prefix of version 1.
            eq(urllib.parse.unquote(page.get(name) or ""), urllib.parse.unquote(parameters.get(name, "")), name)
    return run


def some_pages(version, content, prefix, sizes):
    def run(t):
        bucket = t.bucket(*content)
        for size, pages in sizes.items():
            after = {}
            for number, (wanted_keys, wanted_folders) in enumerate(pages):
                call = t.c.list_objects if version == 1 else t.c.list_objects_v2
                page = call(Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=size, **after)
                eq((keys(page), folders(page)), (wanted_keys, wanted_folders), f"page {number} of {size}")
                eq(page["IsTruncated"], number + 1 < len(pages), f"truncation of page {number} of {size}")
                if page["IsTruncated"]:
                    after = {"Marker": page["NextMarker"]} if version == 1 else {"ContinuationToken": page["NextContinuationToken"]}
                else:
                    assert not page.get("NextMarker") and not page.get("NextContinuationToken")
    return run


def list_cases(version):
    call, word = lister(version), "list" if version == 1 else "listv2"
    prefix = f"test_bucket_{word}_"
    for name, content, parameters, wanted_keys, wanted_folders in LISTS:
        add(prefix + name, one_list(call, content, parameters, wanted_keys, wanted_folders))
    for name, content, within, sizes in PAGES:
        add(prefix + name, some_pages(version, content, within, sizes))

    def in_list(function):
        add(prefix + function.__name__, function)

    @in_list
    def empty(t):
        page = call(t, t.bucket())
        eq((keys(page), page["IsTruncated"], page["MaxKeys"]), ([], False, 1000))

    @in_list
    def distinct(t):
        one, two = t.bucket("asdf"), t.bucket()
        eq(keys(call(t, two)), [])
        eq(keys(call(t, one)), ["asdf"])

    @in_list
    def many(t):
        bucket = t.bucket("foo", "bar", "baz")
        page = call(t, bucket, MaxKeys=2)
        eq((keys(page), page["IsTruncated"]), (["bar", "baz"], True))
        page = call(t, bucket, after="baz", MaxKeys=2)
        eq((keys(page), page["IsTruncated"]), (["foo"], False))

    @in_list
    def maxkeys_one(t):
        bucket = t.bucket("bar", "baz", "foo", "quxx")
        page = call(t, bucket, MaxKeys=1)
        eq((keys(page), page["IsTruncated"], page["MaxKeys"]), (["bar"], True, 1))
        page = call(t, bucket, after="bar")
        eq((keys(page), page["IsTruncated"]), (["baz", "foo", "quxx"], False))

    @in_list
    def maxkeys_zero(t):
        page = call(t, t.bucket("bar", "baz"), MaxKeys=0)
        eq((keys(page), page["IsTruncated"]), ([], False))

    @in_list
    def maxkeys_more_than_there_may_be(t):
        page = call(t, t.bucket("bar"), MaxKeys=5000)
        eq((keys(page), page["MaxKeys"]), (["bar"], 1000))

    @in_list
    def maxkeys_invalid(t):
        kind = {"list-type": "2"} if version == 2 else {}
        refused(t.raw.send("GET", "/" + t.bucket("bar"), kind | {"max-keys": "blah"}), 400, "InvalidArgument")

    @in_list
    def maxkeys_negative(t):
        fails(400, "InvalidArgument", call, t, t.bucket("bar"), MaxKeys=-1)

    @in_list
    def encoding_invalid(t):
        kind = {"list-type": "2"} if version == 2 else {}
        refused(t.raw.send("GET", "/" + t.bucket("bar"), kind | {"encoding-type": "base64"}), 400, "InvalidArgument")

    @in_list
    def marker_unreadable(t):
        page = call(t, t.bucket("bar", "baz", "foo", "quxx"), after="\x0a")
        eq((keys(page), page["IsTruncated"]), (["bar", "baz", "foo", "quxx"], False))

    @in_list
    def marker_not_in_list(t):
        eq(keys(call(t, t.bucket("bar", "baz", "foo", "quxx"), after="blah")), ["foo", "quxx"])

    @in_list
    def marker_after_list(t):
        page = call(t, t.bucket("bar", "baz", "foo", "quxx"), after="zzz")
        eq((keys(page), page["IsTruncated"]), ([], False))

    @in_list
    def marker_empty(t):
        eq(keys(call(t, t.bucket("bar", "baz"), after="")), ["bar", "baz"])

    @in_list
    def marker_before_prefix(t):
        eq(keys(call(t, t.bucket("a/1", "b/1", "b/2", "c"), after="a/0", Prefix="b/")), ["b/1", "b/2"])

    @in_list
    def marker_in_a_folder(t):
        page = call(t, t.bucket("a/1", "a/2", "a/3", "b"), after="a/1", Delimiter="/")
        eq((keys(page), folders(page)), (["b"], ["a/"]))

    @in_list
    def return_data(t):
        bucket = t.bucket("bar", "baz", "foo")
        more = {"FetchOwner": True} if version == 2 else {}
        for item in call(t, bucket, **more)["Contents"]:
            head = t.head(bucket, item["Key"])
            eq((item["ETag"], item["Size"], item["StorageClass"]), (head["ETag"], head["ContentLength"], "STANDARD"))
            assert abs((item["LastModified"] - head["LastModified"]).total_seconds()) < 1
            assert item["Owner"]["ID"]

    @in_list
    def return_data_versioning(t):
        bucket = t.bucket(versioning="Enabled")
        put = {key: t.put(bucket, key, key) for key in ("bar", "baz", "foo")}
        for item in t.c.list_object_versions(Bucket=bucket)["Versions"]:
            eq((item["VersionId"], item["ETag"], item["IsLatest"]), (put[item["Key"]]["VersionId"], put[item["Key"]]["ETag"], True))
        eq(keys(call(t, bucket)), ["bar", "baz", "foo"])

    @in_list
    def long_name(t):
        names = ["k" * 1024, "é" * 512]
        eq(keys(call(t, t.bucket(*names))), names)

    @in_list
    def objects_anonymous_fail(t):
        fails(403, "AccessDenied", call, t, t.bucket("foo"), client=t.anonymous)

    @in_list
    def of_another_project(t):
        fails((403, 404), "AccessDenied|NoSuchBucket", call, t, t.bucket("foo"), client=t.other)

    @in_list
    def with_a_viewers_key(t):
        eq(keys(call(t, t.bucket("foo"), client=t.viewer)), ["foo"])

    @in_list
    def hides_deleted_and_old(t):
        bucket = t.bucket("gone", "kept", versioning="Enabled")
        t.put(bucket, "kept", b"new")
        t.c.delete_object(Bucket=bucket, Key="gone")
        page = call(t, bucket)
        eq([(item["Key"], item["Size"]) for item in page["Contents"]], [("kept", 3)])

    @in_list
    def bucket_not_exist(t):
        fails(404, "NoSuchBucket", call, t, t.name())

    @in_list
    def keys_that_xml_must_escape(t):
        names = ["a&b", "a<b>c", 'a"b', "a'b", "]]>", "a;b", "%41"]
        eq(keys(call(t, t.bucket(*names))), sorted(names))


list_cases(1)
list_cases(2)


@case
def bucket_list_marker_none(t):
    eq(t.c.list_objects(Bucket=t.bucket("bar"))["Marker"], "")


@case
def bucket_list_marker_echoed(t):
    eq(t.c.list_objects(Bucket=t.bucket("bar", "foo"), Marker="bar")["Marker"], "bar")


@case
def bucket_list_next_marker_only_with_delimiter(t):
    page = t.c.list_objects(Bucket=t.bucket("a", "b"), MaxKeys=1)
    eq((page["IsTruncated"], page.get("NextMarker")), (True, None))


@case
def basic_key_count(t):
    bucket = t.bucket("0", "1", "2", "3", "4")
    eq(t.c.list_objects_v2(Bucket=bucket)["KeyCount"], 5)


@case
def bucket_listv2_key_count_counts_folders(t):
    eq(t.c.list_objects_v2(Bucket=t.bucket(*TREE), Delimiter="/")["KeyCount"], 3)


@case
def bucket_listv2_continuationtokenempty(t):
    page = t.c.list_objects_v2(Bucket=t.bucket("bar", "baz", "foo", "quxx"), ContinuationToken="")
    eq((page["ContinuationToken"], page["IsTruncated"], keys(page)), ("", False, ["bar", "baz", "foo", "quxx"]))


@case
def bucket_listv2_continuationtoken(t):
    bucket = t.bucket("bar", "baz", "foo", "quxx")
    token = t.c.list_objects_v2(Bucket=bucket, MaxKeys=1)["NextContinuationToken"]
    page = t.c.list_objects_v2(Bucket=bucket, ContinuationToken=token)
    eq((page["ContinuationToken"], page["IsTruncated"], keys(page)), (token, False, ["baz", "foo", "quxx"]))


@case
def bucket_listv2_both_continuationtoken_startafter(t):
    bucket = t.bucket("bar", "baz", "foo", "quxx")
    first = t.c.list_objects_v2(Bucket=bucket, StartAfter="bar", MaxKeys=1)
    eq((keys(first), first["StartAfter"]), (["baz"], "bar"))
    page = t.c.list_objects_v2(Bucket=bucket, StartAfter="bar", ContinuationToken=first["NextContinuationToken"])
    eq((keys(page), page["IsTruncated"]), (["foo", "quxx"], False))


@case
def bucket_listv2_continuationtoken_of_nobody(t):
    fails(400, "InvalidArgument", t.c.list_objects_v2, Bucket=t.bucket("bar"), ContinuationToken="%%%")


@case
def bucket_listv2_fetchowner_notempty(t):
    assert t.c.list_objects_v2(Bucket=t.bucket("a"), FetchOwner=True)["Contents"][0]["Owner"]["ID"]


@case
def bucket_listv2_fetchowner_defaultempty(t):
    assert "Owner" not in t.c.list_objects_v2(Bucket=t.bucket("a"))["Contents"][0]


@case
def bucket_listv2_fetchowner_empty(t):
    assert "Owner" not in t.c.list_objects_v2(Bucket=t.bucket("a"), FetchOwner=False)["Contents"][0]


@case
def bucket_list_pages_of_1100(t):
    bucket, wanted = t.bucket(), [f"k/{n:05}" for n in range(1100)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: t.put(bucket, key, b""), wanted))
    for operation in ("list_objects", "list_objects_v2"):
        pages = list(t.c.get_paginator(operation).paginate(Bucket=bucket))
        eq([len(keys(page)) for page in pages], [1000, 100])
        eq([key for page in pages for key in keys(page)], wanted)
        page = getattr(t.c, operation)(Bucket=bucket, Delimiter="/")
        eq((keys(page), folders(page), page["IsTruncated"]), ([], ["k/"], False))
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in wanted[:1000]]})
    eq(len(answer["Deleted"]), 1000)
    fails(400, "MalformedXML", t.c.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": f"{n}"} for n in range(1001)]})


add("test_multi_object_delete_key_limit", lambda t: fails(
    400, "MalformedXML", t.c.delete_objects, Bucket=t.bucket(), Delete={"Objects": [{"Key": f"{n}"} for n in range(1001)]}))


# --- Buckets ------------------------------------------------------------------------------------------------------------

@case
def bucket_notexist(t):
    fails(404, "NoSuchBucket", t.c.list_objects, Bucket=t.name())


@case
def bucketv2_notexist(t):
    fails(404, "NoSuchBucket", t.c.list_objects_v2, Bucket=t.name())


@case
def bucket_delete_notexist(t):
    fails(404, "NoSuchBucket", t.c.delete_bucket, Bucket=t.name())


@case
def bucket_delete_nonempty(t):
    fails(409, "BucketNotEmpty", t.c.delete_bucket, Bucket=t.bucket("foo"))


@case
def bucket_delete_with_only_a_delete_marker(t):
    bucket = t.bucket(versioning="Enabled")
    t.c.delete_object(Bucket=bucket, Key="foo")
    fails(409, "BucketNotEmpty", t.c.delete_bucket, Bucket=bucket)


@case
def bucket_create_delete(t):
    bucket = t.bucket()
    eq(t.c.delete_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"], 204)
    fails(404, "NoSuchBucket", t.c.delete_bucket, Bucket=bucket)


@case
def bucket_create_again_after_delete(t):
    bucket = t.bucket("foo", versioning="Enabled")
    t.c.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    t.empty(bucket)
    t.c.delete_bucket(Bucket=bucket)
    t.c.create_bucket(Bucket=bucket)
    assert "Status" not in t.c.get_bucket_versioning(Bucket=bucket)
    fails(404, "NoSuchTagSet", t.c.get_bucket_tagging, Bucket=bucket)
    eq(t.names(bucket), [])


@case
def bucket_create_exists(t):
    fails(409, "BucketAlreadyOwnedByYou", t.c.create_bucket, Bucket=t.bucket())


@case
def bucket_create_exists_nonowner(t):
    """Names are unique within a project here, so another project's bucket is another bucket."""
    bucket = t.bucket("foo")
    t.other.create_bucket(Bucket=bucket)
    try:
        eq(keys(t.other.list_objects_v2(Bucket=bucket)), [])
        eq(t.names(bucket), ["foo"])
    finally:
        t.other.delete_bucket(Bucket=bucket)


def naming(name, text):
    def run(t):
        refused(t.raw.send("PUT", "/" + text), 400, "InvalidBucketName")
    add(f"test_bucket_create_naming_bad_{name}", run)


for naming_name, naming_text in [("starts_nonalpha", "_alphasoup"), ("short_one", "a"), ("short_two", "ab"), ("ip", "192.168.5.123"),
                                 ("long", "a" * 64), ("underscore", "foo_bar"), ("dns_dot_dot", "foo..bar"), ("dns_dash_at_end", "foo-"),
                                 ("uppercase", "FooBar"), ("punctuation", "alpha!soup"), ("ends_with_dot", "foo.bar."), ("starts_with_dash", "-foo")]:
    naming(naming_name, naming_text)


def good_naming(name, text):
    def run(t):
        t.buckets.append(text)
        t.c.create_bucket(Bucket=text)
        t.put(text)
        eq(t.get(text), b"bar")
    add(f"test_bucket_create_naming_{name}", run)


for naming_name, naming_text in [("good_long_63", "b" * 63), ("good_starts_digit", "0casemate-case"), ("good_contains_period", "aaa.111"),
                                 ("good_contains_hyphen", "aaa-111"), ("dns_long", "c" + "d" * 59), ("good_short_three", "q3z")]:
    good_naming(naming_name, naming_text)


@case
def bucket_get_location(t):
    assert t.c.get_bucket_location(Bucket=t.bucket())["LocationConstraint"] in (None, "us-east-1", "")


@case
def bucket_get_location_notexist(t):
    fails(404, "NoSuchBucket", t.c.get_bucket_location, Bucket=t.name())


@case
def bucket_head(t):
    eq(t.c.head_bucket(Bucket=t.bucket())["ResponseMetadata"]["HTTPStatusCode"], 200)


@case
def bucket_head_region(t):
    eq(sent(t.c.head_bucket(Bucket=t.bucket())).get("x-amz-bucket-region"), "us-east-1")


@case
def bucket_head_notexist(t):
    fails(404, "", t.c.head_bucket, Bucket=t.name())


@case
def bucket_head_anonymous(t):
    fails(403, "", t.anonymous.head_bucket, Bucket=t.bucket())


@case
def buckets_create_then_list(t):
    wanted = {t.bucket() for _ in range(5)}
    found = t.c.list_buckets()
    assert wanted <= {one["Name"] for one in found["Buckets"]} and found["Owner"]["ID"]


@case
def buckets_list_ctime(t):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=60)
    bucket = t.bucket()
    made = [one["CreationDate"] for one in t.c.list_buckets()["Buckets"] if one["Name"] == bucket]
    assert before < made[0] < before + datetime.timedelta(seconds=120), made


@case
def list_buckets_paginated(t):
    wanted = {t.bucket() for _ in range(3)}
    found, token, pages = [], {}, 0
    while True:
        page = t.c.list_buckets(MaxBuckets=1, Prefix="case-", **token)
        found += [one["Name"] for one in page["Buckets"]]
        pages += 1
        assert len(page["Buckets"]) <= 1
        if not page.get("ContinuationToken"):
            break
        token = {"ContinuationToken": page["ContinuationToken"]}
    assert wanted <= set(found) and len(found) == len(set(found)) and pages >= 3
    eq(found, sorted(found))


@case
def list_buckets_prefix(t):
    bucket = t.bucket()
    eq([one["Name"] for one in t.c.list_buckets(Prefix=bucket)["Buckets"]][:1], [bucket])


@case
def list_buckets_prefix_in_pages(t):
    """A page is filled with buckets of the prefix, or says that there are more."""
    bucket, last = t.bucket(), "zzz-" + t.name()
    t.buckets.append(last)
    t.c.create_bucket(Bucket=last)
    page = t.c.list_buckets(Prefix="zzz-" + bucket[:5], MaxBuckets=1)
    eq([one["Name"][:4] for one in page["Buckets"]], ["zzz-"])


@case
def list_buckets_of_another_project(t):
    bucket = t.bucket()
    assert bucket not in {one["Name"] for one in t.other.list_buckets()["Buckets"]}


@case
def list_buckets_anonymous(t):
    fails(403, "AccessDenied", t.anonymous.list_buckets)


@case
def list_buckets_invalid_auth(t):
    client = t.suite.endpoint.client(Key("INVALIDACCESSKEY1234", "invalid"))
    fails(403, "InvalidAccessKeyId", client.list_buckets)


@case
def list_buckets_bad_auth(t):
    client = t.suite.endpoint.client(Key(t.suite.key.id, "wrong-secret"))
    fails(403, "SignatureDoesNotMatch", client.list_buckets)


@case
def bucket_create_with_location(t):
    bucket = t.name()
    body = b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>'
    answer = t.raw.send("PUT", "/" + bucket, body=body)
    assert answer.status in (200, 400), answer


@case
def bucket_create_location_header(t):
    bucket = t.name()
    eq(status(t.raw.send("PUT", "/" + bucket), 200).headers.get("location"), "/" + bucket)


@case
def bucket_create_malformed_configuration(t):
    refused(t.raw.send("PUT", "/" + t.name(), body=b"<CreateBucketConfiguration><Loc"), 400, "MalformedXML")


@case
def bucket_create_with_a_viewers_key(t):
    fails(403, "AccessDenied", t.viewer.create_bucket, Bucket=t.name())


@case
def bucket_create_trailing_slash(t):
    bucket = t.name()
    status(t.raw.send("PUT", f"/{bucket}/"), 200)
    status(t.raw.send("GET", f"/{bucket}/"), 200)
    status(t.raw.send("DELETE", f"/{bucket}/"), 204)


@case
def set_bucket_tagging(t):
    bucket, tags = t.bucket(), [{"Key": "Hello", "Value": "World"}]
    fails(404, "NoSuchTagSet", t.c.get_bucket_tagging, Bucket=bucket)
    t.c.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    eq(t.c.get_bucket_tagging(Bucket=bucket)["TagSet"], tags)
    t.c.delete_bucket_tagging(Bucket=bucket)
    fails(404, "NoSuchTagSet", t.c.get_bucket_tagging, Bucket=bucket)


@case
def bucket_tagging_fifty(t):
    """A bucket has up to 50 tags, an object 10."""
    bucket, tags = t.bucket(), [{"Key": f"k{n:02}", "Value": "v"} for n in range(50)]
    t.c.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    eq(len(t.c.get_bucket_tagging(Bucket=bucket)["TagSet"]), 50)
    fails(400, "", t.c.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": [*tags, {"Key": "more", "Value": ""}]})


@case
def bucket_tagging_duplicate(t):
    tags = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    fails(400, "InvalidTag", t.c.put_bucket_tagging, Bucket=t.bucket(), Tagging={"TagSet": tags})


def not_served(name, query, method="GET", body=b""):
    def run(t):
        refused(t.raw.send(method, "/" + t.bucket(), {query: ""}, body=body), (404, 501), "")
    add(f"test_not_served_{name}", run)


for served_name, served_query in [("get_bucket_policy", "policy"), ("get_bucket_website", "website"),
                                  ("get_bucket_logging", "logging"), ("get_bucket_notification", "notification"),
                                  ("get_bucket_replication", "replication"), ("get_object_lock", "object-lock"), ("get_bucket_encryption", "encryption")]:
    not_served(served_name, served_query)


def lifecycle(t, *rules, bucket=None):
    bucket = bucket or t.bucket()
    t.c.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})
    return bucket


def rule(id="rule1", prefix="test1/", status="Enabled", **more):
    return {"ID": id, "Filter": {"Prefix": prefix}, "Status": status, **(more or {"Expiration": {"Days": 1}})}


@case
def lifecycle_get_none(t):
    fails(404, "NoSuchLifecycleConfiguration", t.c.get_bucket_lifecycle_configuration, Bucket=t.bucket())


@case
def lifecycle_set(t):
    rules = [rule(), rule("rule2", "test2/", "Disabled", Expiration={"Days": 2})]
    eq(t.c.get_bucket_lifecycle_configuration(Bucket=lifecycle(t, *rules))["Rules"], rules)


@case
def lifecycle_get_no_id(t):
    bucket = lifecycle(t, {"Filter": {"Prefix": "a/"}, "Status": "Enabled", "Expiration": {"Days": 31}}, {"Filter": {"Prefix": "b/"}, "Status": "Enabled", "Expiration": {"Days": 120}})
    ids = {one["ID"] for one in t.c.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    eq(len(ids), 2)


@case
def lifecycle_set_noncurrent(t):
    wanted = rule(NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 5})
    eq(t.c.get_bucket_lifecycle_configuration(Bucket=lifecycle(t, wanted))["Rules"], [wanted])


@case
def lifecycle_set_deletemarker(t):
    wanted = rule(Expiration={"ExpiredObjectDeleteMarker": True})
    eq(t.c.get_bucket_lifecycle_configuration(Bucket=lifecycle(t, wanted))["Rules"], [wanted])


@case
def lifecycle_set_multipart(t):
    wanted = rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2})
    eq(t.c.get_bucket_lifecycle_configuration(Bucket=lifecycle(t, wanted))["Rules"], [wanted])


@case
def lifecycle_set_empty_filter(t):
    wanted = rule(prefix="")
    eq(t.c.get_bucket_lifecycle_configuration(Bucket=lifecycle(t, wanted))["Rules"], [wanted])


@case
def lifecycle_replaces_and_deletes(t):
    bucket = lifecycle(t, rule(), rule("rule2", "b/"))
    lifecycle(t, rule("rule3", "c/"), bucket=bucket)
    eq([one["ID"] for one in t.c.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]], ["rule3"])
    t.c.delete_bucket_lifecycle(Bucket=bucket)
    fails(404, "NoSuchLifecycleConfiguration", t.c.get_bucket_lifecycle_configuration, Bucket=bucket)


for wrong_name, wrong_status, wrong_code, wrong_rules in [
        ("id_too_long", 400, "InvalidRequest|InvalidArgument", [rule("a" * 256)]),
        ("same_id", 400, "InvalidRequest|InvalidArgument", [rule(), rule(prefix="other/")]),
        ("invalid_status", 400, "MalformedXML", [rule(status="enabled")]),
        ("expiration_days0", 400, "InvalidArgument", [rule(Expiration={"Days": 0})]),
        ("tags_are_refused", 501, "NotImplemented", [{"ID": "r", "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Status": "Enabled", "Expiration": {"Days": 1}}]),
        ("transitions_are_refused", 501, "NotImplemented", [rule(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])]),
        ("dates_are_refused", 501, "NotImplemented", [rule(Expiration={"Date": "2030-01-01T00:00:00Z"})])]:
    def wrong_lifecycle(t, status=wrong_status, codes=wrong_code, rules=wrong_rules):
        bucket = t.bucket()
        fails(status, codes, t.c.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        fails(404, "NoSuchLifecycleConfiguration", t.c.get_bucket_lifecycle_configuration, Bucket=bucket)
    add(f"test_lifecycle_{wrong_name}", wrong_lifecycle)


@case
def lifecycle_of_others(t):
    bucket = lifecycle(t, rule())
    fails(403, "AccessDenied", t.viewer.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [rule("r2")]})
    fails(404, "NoSuchBucket", t.other.get_bucket_lifecycle_configuration, Bucket=bucket)
    eq([one["ID"] for one in t.viewer.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]], ["rule1"])


@case
def not_served_put_bucket_policy_changes_nothing(t):
    bucket = t.bucket("foo")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}
    fails(501, "NotImplemented", t.c.put_bucket_policy, Bucket=bucket, Policy=json.dumps(policy))
    fails(403, "AccessDenied", t.anonymous.get_object, Bucket=bucket, Key="foo")


@case
def not_served_object_lock_bucket(t):
    fails(501, "NotImplemented", t.c.create_bucket, Bucket=t.name(), ObjectLockEnabledForBucket=True)


# --- Objects ------------------------------------------------------------------------------------------------------------

@case
def object_write_to_nonexist_bucket(t):
    fails(404, "NoSuchBucket", t.put, t.name())


@case
def object_read_not_exist(t):
    fails(404, "NoSuchKey", t.get, t.bucket(), "bar")


@case
def object_read_from_nonexist_bucket(t):
    fails(404, "NoSuchBucket", t.get, t.name(), "bar")


@case
def object_head_not_exist(t):
    fails(404, "", t.head, t.bucket(), "bar")


@case
def object_delete_not_exist(t):
    eq(t.c.delete_object(Bucket=t.bucket(), Key="foo")["ResponseMetadata"]["HTTPStatusCode"], 204)


@case
def object_delete_in_nonexist_bucket(t):
    fails(404, "NoSuchBucket", t.c.delete_object, Bucket=t.name(), Key="foo")


@case
def object_requestid_matches_header_on_error(t):
    answer = refused(t.raw.send("GET", f"/{t.bucket()}/bar"), 404, "NoSuchKey")
    assert answer.headers.get("x-amz-request-id"), answer.headers
    eq(texts(answer.body, "RequestId"), [answer.headers["x-amz-request-id"]])


@case
def object_requestid_on_success(t):
    assert t.raw.send("GET", f"/{t.bucket('foo')}/foo").headers.get("x-amz-request-id")


@case
def error_body_is_xml(t):
    answer = refused(t.raw.send("GET", f"/{t.bucket()}/bar"), 404, "NoSuchKey")
    eq(answer.headers.get("content-type"), "application/xml")
    assert texts(answer.body, "Message")[0]


@case
def error_names_the_resource(t):
    bucket = t.bucket()
    answer = refused(t.raw.send("GET", f"/{bucket}/bar"), 404, "NoSuchKey")
    assert "bar" in (texts(answer.body, "Key") + texts(answer.body, "Resource"))[0], answer.body


@case
def object_head_zero_bytes(t):
    bucket = t.bucket()
    t.put(bucket, body=b"")
    eq((t.head(bucket)["ContentLength"], t.get(bucket)), (0, b""))


@case
def object_write_check_etag(t):
    eq(t.put(t.bucket())["ETag"], '"37b51d194a7513e45b56f6524f2d51f2"')


@case
def object_write_cache_control(t):
    bucket = t.bucket()
    t.put(bucket, CacheControl="public, max-age=14400")
    eq(sent(t.head(bucket))["cache-control"], "public, max-age=14400")


@case
def object_write_expires(t):
    bucket, expires = t.bucket(), datetime.datetime(2031, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
    t.put(bucket, Expires=expires)
    eq(sent(t.head(bucket))["expires"], "Mon, 03 Feb 2031 04:05:06 GMT")


@case
def object_write_expires_that_is_no_date(t):
    bucket = t.bucket()
    status(t.raw.send("PUT", f"/{bucket}/foo", headers={"Expires": "0"}, body=b"bar"), 200)
    eq(t.raw.send("GET", f"/{bucket}/foo").headers.get("expires"), "0")


def system_header(name, field, value):
    def run(t):
        bucket = t.bucket()
        t.put(bucket, **{field: value})
        eq(sent(t.head(bucket)).get(name), value, "HEAD")
        eq(sent(t.c.get_object(Bucket=bucket, Key="foo")).get(name), value, "GET")
        eq(sent(t.c.get_object(Bucket=bucket, Key="foo", Range="bytes=0-0")).get(name), value, "range")
    add(f"test_object_write_{name.replace('-', '_')}", run)


for header_name, header_field, header_value in [
        ("content-disposition", "ContentDisposition", 'attachment; filename="a b.txt"'), ("content-encoding", "ContentEncoding", "gzip"),
        ("content-language", "ContentLanguage", "de, en"), ("content-type", "ContentType", "text/plain; charset=utf-8")]:
    system_header(header_name, header_field, header_value)


@case
def object_content_type_default(t):
    bucket = t.bucket()
    status(t.raw.send("PUT", f"/{bucket}/foo", body=b"bar"), 200)
    eq(t.head(bucket)["ContentType"], "binary/octet-stream")


@case
def object_write_read_update_read_delete(t):
    bucket = t.bucket()
    t.put(bucket)
    eq(t.get(bucket), b"bar")
    t.put(bucket, body=b"soup")
    eq(t.get(bucket), b"soup")
    t.c.delete_object(Bucket=bucket, Key="foo")
    fails(404, "NoSuchKey", t.get, bucket)


@case
def object_write_file(t):
    bucket = t.bucket()
    with tempfile.TemporaryFile() as file:
        file.write(b"bar" * 1000)
        file.seek(0)
        t.c.put_object(Bucket=bucket, Key="foo", Body=file)
    eq(t.get(bucket), b"bar" * 1000)


def written(size):
    def run(t):
        bucket, content = t.bucket(), noise(size, size)
        eq(t.put(bucket, body=content)["ETag"].strip('"'), md5(content))
        eq(hashlib.sha256(t.get(bucket)).digest(), hashlib.sha256(content).digest())
        eq(t.head(bucket)["ContentLength"], size)
    add(f"test_object_write_read_{size}_bytes", run)


for written_size in (1, 255, 4096, 65535, 65536, 65537, MIB - 1, MIB, 9 * MIB + 1):
    written(written_size)


@case
def atomic_read_1mb(t):
    """A reader that began before the object was replaced reads the old content to its end."""
    bucket, old = t.bucket(), noise(8 * MIB, 1)
    t.put(bucket, body=old)
    body = t.c.get_object(Bucket=bucket, Key="foo")["Body"]
    first = body.read(1000)
    t.put(bucket, body=b"new" * 1000)
    eq(first + body.read() == old, True)
    eq(t.get(bucket), b"new" * 1000)


@case
def atomic_read_while_deleted(t):
    bucket, old = t.bucket(), noise(8 * MIB, 2)
    t.put(bucket, body=old)
    body = t.c.get_object(Bucket=bucket, Key="foo")["Body"]
    first = body.read(1000)
    t.c.delete_object(Bucket=bucket, Key="foo")
    eq(first + body.read() == old, True)


@case
def atomic_write_1mb(t):
    """What is half written is not there: the connection breaks off."""
    bucket = t.bucket()
    t.put(bucket, body=b"A" * MIB)
    target, headers = t.raw.signed("PUT", f"/{bucket}/foo", body=b"B" * MIB)
    try:
        t.raw.transmit("PUT", target, headers, b"B" * (MIB // 2), half_close=True)
    except OSError:
        pass
    except Exception as error:
        assert "RemoteDisconnected" in type(error).__name__ or "BadStatus" in type(error).__name__, error
    eq(t.get(bucket), b"A" * MIB)


@case
def atomic_dual_write_1mb(t):
    bucket, contents = t.bucket(), [bytes([letter]) * MIB for letter in b"ABCDEF"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda content: t.put(bucket, body=content), contents))
    assert t.get(bucket) in contents


@case
def atomic_conditional_write_1mb(t):
    bucket = t.bucket()
    tag = t.put(bucket, body=b"A" * MIB)["ETag"]
    t.put(bucket, body=b"B" * MIB, IfMatch=tag)
    eq(t.get(bucket), b"B" * MIB)


@case
def atomic_dual_conditional_write_1mb(t):
    """Of writers that all want to be the one after a version, one is."""
    bucket = t.bucket()
    tag = t.put(bucket, body=b"A" * MIB)["ETag"]

    def write(letter):
        try:
            t.put(bucket, body=letter * MIB, IfMatch=tag)
            return letter
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), error
            return None
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        won = [letter for letter in pool.map(write, [b"B", b"C", b"D", b"E"]) if letter]
    eq(len(won), 1)
    eq(t.get(bucket), won[0] * MIB)


@case
def put_object_ifnonmatch_only_one_creates(t):
    bucket = t.bucket()

    def write(number):
        try:
            t.put(bucket, body=b"%d" % number, IfNoneMatch="*")
            return number
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), error
            return None
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = [number for number in pool.map(write, range(8)) if number is not None]
    eq(len(won), 1)
    eq(t.get(bucket), b"%d" % won[0])


@case
def atomic_write_bucket_gone(t):
    bucket = t.bucket()
    target, headers = t.raw.signed("PUT", f"/{bucket}/foo", body=b"B" * 1000)
    t.c.delete_bucket(Bucket=bucket)
    refused(t.raw.transmit("PUT", target, headers, b"B" * 1000), 404, "NoSuchBucket")


# User metadata.

def metadata(name, value, wanted=None):
    def run(t):
        bucket = t.bucket()
        t.put(bucket, Metadata={"meta1": value})
        eq(t.head(bucket)["Metadata"], {"meta1": wanted if wanted is not None else value})
        eq(t.c.get_object(Bucket=bucket, Key="foo")["Metadata"], {"meta1": wanted if wanted is not None else value})
    add(f"test_object_set_get_metadata_{name}", run)


for metadata_name, metadata_value in [("none_to_good", "mymeta"), ("none_to_empty", ""), ("with_signs", "a=b; c,d \"e\" 'f' %41 +"),
                                      ("long", "x" * 2000)]:
    metadata(metadata_name, metadata_value)


@case
def object_set_get_metadata_overwrite_to_empty(t):
    bucket = t.bucket()
    t.put(bucket, Metadata={"meta1": "oldmeta"})
    t.put(bucket, Metadata={"meta1": ""})
    eq(t.head(bucket)["Metadata"], {"meta1": ""})


@case
def object_set_get_metadata_overwrite_to_none(t):
    bucket = t.bucket()
    t.put(bucket, Metadata={"meta1": "oldmeta"})
    t.put(bucket)
    eq(t.head(bucket)["Metadata"], {})


@case
def object_set_get_unicode_metadata(t):
    """Bytes beyond ASCII come back as they are, or as RFC 2047 has them, which AWS does."""
    bucket = t.bucket()
    target, headers = t.raw.signed("PUT", f"/{bucket}/foo", headers={"x-amz-meta-meta1": "Hello World\u00e9"}, body=b"bar")
    headers["x-amz-meta-meta1"] = "Hello World\u00e9".encode()
    status(t.raw.transmit("PUT", target, headers, b"bar"), 200)
    got = t.raw.send("GET", f"/{bucket}/foo").headers["x-amz-meta-meta1"]
    decoded = "".join(part if isinstance(part, str) else part.decode(charset or "latin-1") for part, charset in email.header.decode_header(got))
    assert "Hello World\u00e9" in (got.encode("latin-1").decode("utf-8", "replace"), decoded), got


@case
def object_metadata_names_are_lowercase(t):
    bucket = t.bucket()
    t.put(bucket, Metadata={"CamelCase": "Value"})
    eq(t.head(bucket)["Metadata"], {"camelcase": "Value"})


@case
def object_metadata_several(t):
    bucket, wanted = t.bucket(), {f"n{number}": f"v{number}" for number in range(40)}
    t.put(bucket, Metadata=wanted)
    eq(t.head(bucket)["Metadata"], wanted)


@case
def object_metadata_too_large(t):
    fails(400, "MetadataTooLarge", t.put, t.bucket(), Metadata={"a": "x" * 2048})


@case
def object_metadata_replaced_on_put(t):
    bucket = t.bucket()
    t.put(bucket, Metadata={"meta1": "bar"})
    eq(t.head(bucket)["Metadata"], {"meta1": "bar"})
    t.put(bucket, Metadata={"meta2": "baz"})
    eq(t.head(bucket)["Metadata"], {"meta2": "baz"})


# Keys.

def special_key(name, key):
    def run(t):
        bucket = t.bucket()
        t.put(bucket, key, b"bar")
        eq(t.get(bucket, key), b"bar")
        eq(t.names(bucket), [key])
        eq(status(t.raw.send("GET", f"/{bucket}/{key}"), 200).body, b"bar")
        t.c.copy_object(Bucket=bucket, Key=key + "2", CopySource={"Bucket": bucket, "Key": key})
        eq(t.get(bucket, key + "2"), b"bar")
        t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
        eq(t.names(bucket), [key + "2"])
    add(f"test_bucket_create_special_key_names_{name}", run)


for special_name, special in [
        ("space", " "), ("quote", '"'), ("dollar", "$"), ("percent", "%"), ("ampersand", "&"), ("apostrophe", "'"), ("less", "<"), ("greater", ">"),
        ("underscore", "_"), ("underscore_space", "_ "), ("underscore_space_underscore", "_ _"), ("underscores", "__"), ("slash", "a/"),
        ("slashes_doubled", "a//b///c"), ("slash_first", "/a"), ("dots", "../../etc/passwd"), ("dot", "."), ("dot_dot", ".."), ("dot_slash", "a/./b"),
        ("plus", "a+b c"), ("quoted", "a%20b%2Fc%"), ("hash", "a#b"), ("question", "a?b=c"), ("equals", "a=b&c"), ("backslash", "a\\b"),
        ("unicode", "größe/日本語/\U0001F5DD"), ("combining", "e\u0301"), ("tilde", "~a*b(c)!"), ("brackets", "[a]{b}|^`"), ("semicolon", "a;b,c:d@e"),
        ("trailing_space", "a "), ("long", "x" * 1022)]:
    special_key(special_name, special)


@case
def object_key_1024_bytes(t):
    bucket = t.bucket("k" * 1024)
    eq(t.get(bucket, "k" * 1024), b"k" * 1024)
    eq(refused(t.raw.send("PUT", f"/{bucket}/" + "k" * 1025, body=b"bar"), 400, "KeyTooLongError").status, 400)


@case
def object_keys_differ_in_case_and_normal_form(t):
    names = ["A", "a", "e\u0301", "\u00e9"]
    bucket = t.bucket(*names)
    for name in names:
        eq(t.get(bucket, name), name.encode())


# Anonymous and foreign requests.

@case
def object_raw_get_object_acl(t):
    fails(403, "AccessDenied", t.anonymous.get_object, Bucket=t.bucket("foo"), Key="foo")


@case
def object_raw_get_object_gone(t):
    fails(403, "AccessDenied", t.anonymous.get_object, Bucket=t.bucket(), Key="foo")


@case
def object_raw_get_bucket_gone(t):
    fails(403, "AccessDenied", t.anonymous.get_object, Bucket=t.name(), Key="foo")


@case
def object_delete_key_bucket_gone(t):
    fails(403, "AccessDenied", t.anonymous.delete_object, Bucket=t.name(), Key="foo")


@case
def object_anon_put(t):
    bucket = t.bucket("foo")
    fails(403, "AccessDenied", t.anonymous.put_object, Bucket=bucket, Key="foo", Body=b"foo2")
    eq(t.get(bucket), b"foo")


@case
def object_put_authenticated(t):
    t.put(t.bucket())


@case
def object_raw_put_authenticated_expired(t):
    target = t.raw.presigned("PUT", f"/{t.bucket()}/foo", expires=1, date=now(hours=-1))
    refused(t.raw.transmit("PUT", target, {"host": t.host, "content-length": "3"}, b"foo"), 403, "AccessDenied")


def as_viewer(name, call):
    def run(t):
        bucket = t.bucket("foo")
        fails(403, "AccessDenied", call, t.viewer, bucket)
        eq(t.get(bucket), b"foo")
    add(f"test_viewer_may_not_{name}", run)


as_viewer("put", lambda c, bucket: c.put_object(Bucket=bucket, Key="foo", Body=b"x"))
as_viewer("delete", lambda c, bucket: c.delete_object(Bucket=bucket, Key="foo"))
as_viewer("copy", lambda c, bucket: c.copy_object(Bucket=bucket, Key="new", CopySource=f"{bucket}/foo"))
as_viewer("tag", lambda c, bucket: c.put_object_tagging(Bucket=bucket, Key="foo", Tagging={"TagSet": []}))
as_viewer("begin_upload", lambda c, bucket: c.create_multipart_upload(Bucket=bucket, Key="foo"))
as_viewer("delete_bucket", lambda c, bucket: c.delete_bucket(Bucket=bucket))
as_viewer("configure", lambda c, bucket: c.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}))


@case
def viewer_may_not_delete_many(t):
    bucket = t.bucket("foo")
    try:
        answer = t.viewer.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo"}]})
        eq([one["Code"] for one in answer["Errors"]], ["AccessDenied"])
    except ClientError as error:
        eq(error.response["Error"]["Code"], "AccessDenied")
    eq(t.names(bucket), ["foo"])


@case
def viewer_may_read(t):
    bucket = t.bucket("foo")
    eq(t.viewer.get_object(Bucket=bucket, Key="foo")["Body"].read(), b"foo")
    eq(t.viewer.head_object(Bucket=bucket, Key="foo")["ContentLength"], 3)


def as_stranger(name, call):
    def run(t):
        bucket = t.bucket("foo")
        fails((403, 404), "AccessDenied|NoSuchBucket|404|403", call, t.other, bucket)
        eq(t.get(bucket), b"foo")
    add(f"test_other_project_may_not_{name}", run)


as_stranger("get", lambda c, bucket: c.get_object(Bucket=bucket, Key="foo"))
as_stranger("head", lambda c, bucket: c.head_object(Bucket=bucket, Key="foo"))
as_stranger("put", lambda c, bucket: c.put_object(Bucket=bucket, Key="foo", Body=b"x"))
as_stranger("delete", lambda c, bucket: c.delete_object(Bucket=bucket, Key="foo"))
as_stranger("head_bucket", lambda c, bucket: c.head_bucket(Bucket=bucket))
as_stranger("delete_bucket", lambda c, bucket: c.delete_bucket(Bucket=bucket))


@case
def other_project_may_not_copy_from(t):
    bucket, mine = t.bucket("foo"), t.name()
    t.other.create_bucket(Bucket=mine)
    try:
        fails((403, 404), "AccessDenied|NoSuchBucket|NoSuchKey", t.other.copy_object, Bucket=mine, Key="x", CopySource=f"{bucket}/foo")
    finally:
        t.other.delete_bucket(Bucket=mine)


@case
def key_revoked_is_refused(t):
    key = t.suite.endpoint.key()
    client = t.suite.endpoint.client(key)
    client.list_buckets()
    t.suite.endpoint.node.run("key", "revoke", "--data-dir", str(t.suite.endpoint.node.directory), key.id)
    fails(403, "InvalidAccessKeyId|AccessDenied", client.list_buckets)


@case
def key_with_scope_of_reading_reads_only(t):
    bucket = t.bucket("foo")
    client = t.suite.endpoint.client(t.suite.endpoint.key("--scope", "objects:read"))
    eq(client.get_object(Bucket=bucket, Key="foo")["Body"].read(), b"foo")
    fails(403, "AccessDenied", client.put_object, Bucket=bucket, Key="foo", Body=b"x")


# Ranges.

CONTENT = b"testcontent"


def ranged(name, header, wanted, shown, content=CONTENT):
    def run(t):
        bucket = t.bucket()
        t.put(bucket, body=content)
        answer = t.c.get_object(Bucket=bucket, Key="foo", Range=header)
        eq(answer["Body"].read(), wanted)
        eq((answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("ContentRange")), (206 if shown else 200, shown))
        eq(answer["ContentLength"], len(wanted))
    add(f"test_ranged_{name}", run)


ranged("request_response_code", "bytes=4-7", b"cont", "bytes 4-7/11")
ranged("request_return_trailing_bytes_response_code", "bytes=-7", b"content", "bytes 4-10/11")
ranged("request_skip_leading_bytes_response_code", "bytes=4-", b"content", "bytes 4-10/11")
ranged("request_of_one_byte", "bytes=0-0", b"t", "bytes 0-0/11")
ranged("request_past_the_end", "bytes=4-1000000", b"content", "bytes 4-10/11")
ranged("request_suffix_longer_than_object", "bytes=-1000", CONTENT, "bytes 0-10/11")
ranged("request_whole", "bytes=0-", CONTENT, "bytes 0-10/11")
ranged("big_request_response_code", "bytes=3145728-5242880", noise(8 * MIB, 7)[3 * MIB:5 * MIB + 1], f"bytes 3145728-5242880/{8 * MIB}", noise(8 * MIB, 7))


def raw_range(name, header, wanted):
    """Ranges that make no sense are passed over, as RFC 9110 says, and AWS does."""
    def run(t):
        bucket = t.bucket()
        t.put(bucket, body=CONTENT)
        answer = status(t.raw.send("GET", f"/{bucket}/foo", headers={"Range": header}), wanted)
        if wanted == 200:
            eq(answer.body, CONTENT)
    add(f"test_ranged_{name}", run)


raw_range("request_invalid_range", "bytes=40-50", 416)
raw_range("request_suffix_of_nothing", "bytes=-0", 416)
raw_range("request_backwards_is_ignored", "bytes=7-4", 200)
raw_range("request_garbage_is_ignored", "bytes=abc", 200)
raw_range("request_other_unit_is_ignored", "lines=1-2", 200)
raw_range("request_of_several_is_ignored", "bytes=0-1,3-4", 200)


@case
def ranged_request_invalid_range_code(t):
    bucket = t.bucket()
    t.put(bucket, body=CONTENT)
    fails(416, "InvalidRange", t.get, bucket, Range="bytes=40-50")


@case
def ranged_request_empty_object(t):
    bucket = t.bucket()
    t.put(bucket, body=b"")
    fails(416, "InvalidRange", t.get, bucket, Range="bytes=40-50")


@case
def ranged_head(t):
    bucket = t.bucket()
    t.put(bucket, body=CONTENT)
    head = t.head(bucket, Range="bytes=4-7")
    eq((head["ResponseMetadata"]["HTTPStatusCode"], head["ContentLength"], head.get("ContentRange")), (206, 4, "bytes 4-7/11"))


@case
def object_accept_ranges(t):
    eq(t.head(t.bucket("foo"))["AcceptRanges"], "bytes")


# Conditional requests.

PAST, FUTURE = "Sat, 29 Oct 1994 19:43:31 GMT", "Tue, 29 Oct 2080 19:43:31 GMT"
WRONG = '"ABCORZ"'


def conditional(name, wanted, **given):
    """`ETAG` stands for the tag of the object."""
    def run(t):
        bucket = t.bucket()
        tag = t.put(bucket)["ETag"]
        given_now = {field: tag if value == "ETAG" else value for field, value in given.items()}
        for method, content in (("get_object", b"bar"), ("head_object", None)):
            call = getattr(t.c, method)
            if wanted == 200:
                answer = call(Bucket=bucket, Key="foo", **given_now)
                eq(answer["ETag"], tag)
                if content:
                    eq(answer["Body"].read(), content)
            else:
                response = fails(wanted, "", call, Bucket=bucket, Key="foo", **given_now)
                if wanted == 304:
                    eq(sent(response).get("etag"), tag, "the ETag of a 304")
    add(f"test_get_object_{name}", run)


conditional("ifmatch_good", 200, IfMatch="ETAG")
conditional("ifmatch_failed", 412, IfMatch=WRONG)
conditional("ifmatch_any", 200, IfMatch="*")
conditional("ifnonematch_good", 304, IfNoneMatch="ETAG")
conditional("ifnonematch_failed", 200, IfNoneMatch="ABCORZ")
conditional("ifmodifiedsince_good", 200, IfModifiedSince=PAST)
conditional("ifmodifiedsince_failed", 304, IfModifiedSince=FUTURE)
conditional("ifunmodifiedsince_good", 412, IfUnmodifiedSince=PAST)
conditional("ifunmodifiedsince_failed", 200, IfUnmodifiedSince=FUTURE)
conditional("ifmatch_wins_over_ifunmodifiedsince", 200, IfMatch="ETAG", IfUnmodifiedSince=PAST)
conditional("ifnonematch_wins_over_ifmodifiedsince", 304, IfNoneMatch="ETAG", IfModifiedSince=PAST)
conditional("ifmatch_failed_wins_over_ifnonematch", 412, IfMatch=WRONG, IfNoneMatch="ETAG")
conditional("ifnonematch_failed_with_ifmodifiedsince_failed", 200, IfNoneMatch=WRONG, IfModifiedSince=FUTURE)


@case
def get_object_ifmodifiedsince_of_its_own_date(t):
    bucket = t.bucket("foo")
    fails(304, "", t.get, bucket, IfModifiedSince=t.head(bucket)["LastModified"])
    t.get(bucket, IfUnmodifiedSince=t.head(bucket)["LastModified"])


@case
def get_object_ifnonematch_weak(t):
    bucket = t.bucket()
    tag = t.put(bucket)["ETag"]
    status(t.raw.send("GET", f"/{bucket}/foo", headers={"If-None-Match": f"W/{tag}"}), 304)


@case
def get_object_304_has_no_body(t):
    bucket = t.bucket()
    tag = t.put(bucket)["ETag"]
    answer = status(t.raw.send("GET", f"/{bucket}/foo", headers={"If-None-Match": tag}), 304)
    eq(answer.body, b"")


@case
def put_object_ifmatch_good(t):
    bucket = t.bucket("foo")
    t.put(bucket, body=b"zar", IfMatch=t.head(bucket)["ETag"].strip('"'))
    eq(t.get(bucket), b"zar")


@case
def put_object_ifmatch_failed(t):
    bucket = t.bucket("foo")
    fails(412, "PreconditionFailed", t.put, bucket, body=b"zar", IfMatch=WRONG)
    eq(t.get(bucket), b"foo")


@case
def put_object_ifmatch_overwrite_existed_good(t):
    bucket = t.bucket("foo")
    t.put(bucket, body=b"zar", IfMatch="*")
    eq(t.get(bucket), b"zar")


@case
def put_object_ifmatch_nonexisted_failed(t):
    bucket = t.bucket()
    fails(404, "NoSuchKey", t.put, bucket, IfMatch='"37b51d194a7513e45b56f6524f2d51f2"')
    fails(404, "NoSuchKey", t.get, bucket)


@case
def put_object_ifnonmatch_nonexisted_good(t):
    bucket = t.bucket()
    t.put(bucket, IfNoneMatch="*")
    eq(t.get(bucket), b"bar")


@case
def put_object_ifnonmatch_overwrite_existed_failed(t):
    bucket = t.bucket("foo")
    fails(412, "PreconditionFailed", t.put, bucket, IfNoneMatch="*")
    eq(t.get(bucket), b"foo")


@case
def put_object_ifnonmatch_of_a_tag(t):
    fails(501, "NotImplemented", t.put, t.bucket("foo"), IfNoneMatch=WRONG)


@case
def put_object_ifnonmatch_after_delete_marker(t):
    bucket = t.bucket("foo", versioning="Enabled")
    t.c.delete_object(Bucket=bucket, Key="foo")
    t.put(bucket, IfNoneMatch="*")
    eq(t.get(bucket), b"bar")


@case
def put_object_ifmatch_current_version_good(t):
    bucket = t.bucket("foo", versioning="Enabled")
    tag = t.put(bucket, body=b"one")["ETag"]
    t.put(bucket, body=b"two", IfMatch=tag)
    fails(412, "PreconditionFailed", t.put, bucket, body=b"three", IfMatch=tag)


@case
def put_object_ifmatch_after_delete_marker(t):
    bucket = t.bucket("foo", versioning="Enabled")
    tag = t.head(bucket)["ETag"]
    t.c.delete_object(Bucket=bucket, Key="foo")
    fails((404, 412), "NoSuchKey|PreconditionFailed", t.put, bucket, IfMatch=tag)


@case
def delete_object_if_match(t):
    bucket = t.bucket("foo")
    fails(412, "PreconditionFailed", t.c.delete_object, Bucket=bucket, Key="foo", IfMatch=WRONG)
    eq(t.get(bucket), b"foo")
    t.c.delete_object(Bucket=bucket, Key="foo", IfMatch=t.head(bucket)["ETag"])
    fails(404, "NoSuchKey", t.get, bucket)


@case
def delete_object_if_match_any(t):
    bucket = t.bucket("foo")
    t.c.delete_object(Bucket=bucket, Key="foo", IfMatch="*")
    fails((404, 412), "", t.c.delete_object, Bucket=bucket, Key="foo", IfMatch="*")


@case
def delete_objects_if_match(t):
    bucket = t.bucket("foo", "bar")
    tag = t.head(bucket, "bar")["ETag"]
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo", "ETag": WRONG}, {"Key": "bar", "ETag": tag}]})
    eq(([one["Key"] for one in answer["Deleted"]], [(one["Key"], one["Code"]) for one in answer.get("Errors", [])]), (["bar"], [("foo", "PreconditionFailed")]))
    eq(t.names(bucket), ["foo"])


# Headers that a reader asks for.

@case
def object_raw_response_headers(t):
    bucket = t.bucket("foo")
    asked = {"ResponseCacheControl": "no-cache", "ResponseContentDisposition": "bla", "ResponseContentEncoding": "aaa",
             "ResponseContentLanguage": "esperanto", "ResponseContentType": "foo/bar"}
    found = sent(t.c.get_object(Bucket=bucket, Key="foo", **asked))
    for name, value in asked.items():
        header = "-".join("".join(f" {letter}" if letter.isupper() else letter for letter in name.removeprefix("Response")).split()).lower()
        eq(found.get(header), value, header)


@case
def object_raw_response_expires(t):
    bucket = t.bucket("foo")
    answer = t.raw.send("GET", f"/{bucket}/foo", {"response-expires": "Thu, 01 Dec 1994 16:00:00 GMT"})
    eq((answer.status, answer.headers.get("expires")), (200, "Thu, 01 Dec 1994 16:00:00 GMT"))


@case
def object_head_response_headers(t):
    bucket = t.bucket("foo")
    eq(sent(t.head(bucket, ResponseContentType="foo/bar"))["content-type"], "foo/bar")


@case
def object_last_modified_is_a_date_of_http(t):
    found = t.raw.send("HEAD", f"/{t.bucket('foo')}/foo").headers["last-modified"]
    assert abs(email.utils.parsedate_to_datetime(found).timestamp() - time.time()) < 60 and found.endswith("GMT"), found


# Deletes of many.

@case
def multi_object_delete(t):
    bucket = t.bucket("key0", "key1", "key2")
    named = {"Objects": [{"Key": f"key{n}"} for n in range(3)]}
    for _ in range(2):
        answer = t.c.delete_objects(Bucket=bucket, Delete=named)
        eq((len(answer["Deleted"]), answer.get("Errors")), (3, None))
        eq(keys(t.c.list_objects(Bucket=bucket)), [])


@case
def multi_objectv2_delete(t):
    bucket = t.bucket("key0", "key1", "key2")
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "key0"}, {"Key": "key2"}, {"Key": "never"}]})
    eq({one["Key"] for one in answer["Deleted"]}, {"key0", "key2", "never"})
    eq(t.names(bucket), ["key1"])


@case
def multi_object_delete_quiet(t):
    bucket = t.bucket("foo")
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo"}], "Quiet": True})
    eq((answer.get("Deleted"), t.names(bucket)), (None, []))


@case
def multi_object_delete_nonexist_bucket(t):
    fails(404, "NoSuchBucket", t.c.delete_objects, Bucket=t.name(), Delete={"Objects": [{"Key": "foo"}]})


@case
def multi_object_delete_malformed(t):
    body = b"<Delete><Object><Key>foo</Key>"
    refused(t.raw.send("POST", "/" + t.bucket("foo"), {"delete": ""}, {"content-md5": b64(hashlib.md5(body).digest())}, body), 400, "MalformedXML")


@case
def multi_object_delete_bad_md5(t):
    bucket, body = t.bucket("foo"), b"<Delete><Object><Key>foo</Key></Object></Delete>"
    refused(t.raw.send("POST", "/" + bucket, {"delete": ""}, {"content-md5": b64(hashlib.md5(b"other").digest())}, body), 400, "BadDigest")
    eq(t.names(bucket), ["foo"])


@case
def multi_object_delete_without_name_space(t):
    bucket, body = t.bucket("foo", "bar"), b"<Delete><Quiet>false</Quiet><Object><Key>foo</Key></Object></Delete>"
    answer = status(t.raw.send("POST", "/" + bucket, {"delete": ""}, {"content-md5": b64(hashlib.md5(body).digest())}, body), 200)
    eq((texts(answer.body, "Key"), t.names(bucket)), (["foo"], ["bar"]))


@case
def multi_object_delete_one_bad_key(t):
    bucket = t.bucket("foo")
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo"}, {"Key": "k" * 1025}]})
    eq([one["Key"] for one in answer["Deleted"]], ["foo"])
    eq([one["Code"] for one in answer["Errors"]], ["KeyTooLongError"])


# --- How requests are made ------------------------------------------------------------------------------------------------

def lone_client(t):
    """A client that has one connection."""
    return t.suite.endpoint.client(t.suite.key, max_pool_connections=1)


@case
def continue_100_then_empty_body(t):
    """boto3 expects a 100 even before an empty body; without one, it takes the next answer on the connection for this one's."""
    bucket, client, began = t.bucket(), lone_client(t), time.monotonic()
    for body in (b"", b"bar", b"", b"baz"):
        eq(client.put_object(Bucket=bucket, Key="foo", Body=body).get("ETag"), f'"{md5(body)}"')
    assert time.monotonic() - began < 5, "it stood still"


@case
def continue_100_then_refused(t):
    bucket, client, began = t.bucket("foo"), lone_client(t), time.monotonic()
    for _ in range(2):
        fails(412, "PreconditionFailed", client.put_object, Bucket=bucket, Key="foo", Body=b"bar", IfNoneMatch="*")
        eq(client.put_object(Bucket=bucket, Key="foo", Body=b"bar").get("ETag"), f'"{md5(b"bar")}"')
        fails(404, "NoSuchBucket", client.put_object, Bucket="there-is-no-such-bucket", Key="foo", Body=b"bar")
        eq(client.put_object(Bucket=bucket, Key="foo", Body=b"baz").get("ETag"), f'"{md5(b"baz")}"')
    assert time.monotonic() - began < 5, "it stood still"


def continue_100_closes(name, wanted, headers, body):
    """An answer without a 100 before it must end the connection: the body will never come."""
    def run(t):
        target, signed = t.raw.signed("PUT", f"/{t.bucket('foo')}/foo", headers=headers, body=body)
        signed |= {"expect": "100-continue", "content-length": str(len(body))}
        address, _, port = t.host.partition(":")
        with socket.create_connection((address, int(port)), timeout=10) as connection:
            lines = "".join(f"{field}: {value}\r\n" for field, value in signed.items())
            connection.sendall(f"PUT {target} HTTP/1.1\r\n{lines}\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = connection.recv(65536)
                assert piece, f"it hung up after {answer}"
                answer += piece
        first = answer.partition(b"\r\n\r\n")[0].decode().lower()
        code_of_it = int(first.split()[1])
        assert code_of_it == 100 or (code_of_it == wanted and "\r\nconnection: close" in first), first
    add(f"test_continue_100_{name}_closes", run)


continue_100_closes("empty", 200, {}, b"")
continue_100_closes("refused", 412, {"if-none-match": "*"}, b"bar")
continue_100_closes("bad_md5", 400, {"content-md5": "YWJyYWNhZGFicmE="}, b"bar")


@case
def continue_100_is_sent(t):
    bucket = t.bucket()
    target, headers = t.raw.signed("PUT", f"/{bucket}/foo", body=b"bar")
    eq(status(t.raw.transmit("PUT", target, headers | {"expect": "100-continue"}, b"bar"), 200).headers["etag"], f'"{md5(b"bar")}"')


def header_case(name, wanted, codes="", late=None, headers=None, body=b"bar", half_close=False, **options):
    """A PUT of an object with headers that are odd; `late` ones are not signed."""
    def run(t):
        bucket = t.bucket()
        target, signed = t.raw.signed("PUT", f"/{bucket}/foo", headers=headers, body=body, late=late, **options)
        answer = t.raw.transmit("PUT", target, signed, body, half_close)
        if wanted == 200:
            status(answer, 200)
            eq(t.get(bucket), body)
        else:
            refused(answer, wanted, codes)
            eq(t.names(bucket), [])
    add(f"test_object_create_{name}", run)


DENIED = "AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|RequestTimeTooSkewed|MissingSecurityHeader"
MALFORMED = "InvalidArgument|AuthorizationHeaderMalformed|InvalidRequest|IncompleteSignature"

header_case("bad_md5_invalid_short", 400, "InvalidDigest", headers={"Content-MD5": "YWJyYWNhZGFicmE="})
header_case("bad_md5_invalid_garbage_aws4", 400, "InvalidDigest", headers={"Content-MD5": "AWS4 HAHAHA"})
header_case("bad_md5_bad", 400, "BadDigest", headers={"Content-MD5": "rL0Y20zC+Fzt72VPzMSk2A=="})
header_case("bad_md5_empty", 400, "InvalidDigest", headers={"Content-MD5": ""})
header_case("bad_md5_none", 200)
header_case("good_md5", 200, headers={"Content-MD5": b64(hashlib.md5(b"bar").digest())})
header_case("bad_expect_empty", 200, late={"Expect": ""})
header_case("bad_expect_none", 200)
header_case("bad_contentlength_none", 411, "MissingContentLength", late={"Content-Length": None}, body=b"")
header_case("bad_contentlength_empty", 400, late={"Content-Length": ""})
header_case("bad_contentlength_negative", 400, late={"Content-Length": "-1"})
header_case("bad_contentlength_mismatch_above", 400, "IncompleteBody|RequestTimeout", late={"Content-Length": "4"}, half_close=True)
header_case("bad_contentlength_mismatch_below_aws4", 400, "XAmzContentSHA256Mismatch|BadDigest", late={"Content-Length": "2"})
header_case("bad_contenttype_empty", 200, headers={"Content-Type": ""})
header_case("bad_contenttype_none", 200)
header_case("bad_contenttype_odd", 200, headers={"Content-Type": "this is/not;a type"})
header_case("bad_authorization_empty", 403, "AccessDenied", late={"Authorization": ""})
header_case("bad_authorization_none", 403, "AccessDenied", late={"Authorization": None})
header_case("bad_authorization_incorrect_aws4", 403, DENIED, late={"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIGR7ZNNBHC5BKSUB/20150930/us-east-1/s3/"
            "aws4_request,SignedHeaders=host;user-agent,Signature=FWeDfwojDSdS2Ztmpfeubhd9isU="})
header_case("bad_authorization_invalid_aws4", 400, MALFORMED, late={"Authorization": "AWS4-HMAC-SHA256 HAHAHA"})
header_case("bad_authorization_basic", (400, 403), MALFORMED + "|" + DENIED, late={"Authorization": "Basic dXNlcjpwYXNz"})
header_case("bad_authorization_unreadable", (400, 403), "", late={"Authorization": "\x7f"})
header_case("bad_ua_empty_aws4", 200, headers={"User-Agent": ""})
header_case("bad_ua_none_aws4", 200)
header_case("date_and_amz_date", 200, headers={"Date": email.utils.formatdate(usegmt=True)})
header_case("amz_date_and_no_date", 200)
header_case("bad_date_invalid_aws4", 200, headers={"Date": "Bad Date"})
header_case("bad_date_empty_aws4", 200, headers={"Date": ""})
header_case("bad_date_before_today_aws4", 200, headers={"Date": "Tue, 07 Jul 2010 21:53:04 GMT"})
header_case("bad_date_after_today_aws4", 200, headers={"Date": "Tue, 07 Jul 2030 21:53:04 GMT"})
header_case("bad_amz_date_invalid_aws4", (400, 403), "", headers={"X-Amz-Date": "Bad Date"})
header_case("bad_amz_date_empty_aws4", (400, 403), "", headers={"X-Amz-Date": ""})
header_case("bad_amz_date_none_aws4", (400, 403), "", late={"X-Amz-Date": None})
header_case("bad_amz_date_before_today_aws4", 403, DENIED, date="20100707T215304Z")
header_case("bad_amz_date_after_today_aws4", 403, DENIED, date="20900707T215304Z")
header_case("bad_amz_date_before_epoch_aws4", (400, 403), "", date="19500707T215304Z")
header_case("bad_amz_date_after_end_aws4", (400, 403), "", date="99990707T215304Z")
header_case("bad_date_skewed_by_20_minutes", 403, "RequestTimeTooSkewed", date=now(minutes=-20))
header_case("bad_date_skewed_into_the_future", 403, "RequestTimeTooSkewed", date=now(minutes=20))
header_case("date_skewed_by_10_minutes", 200, date=now(minutes=-10))
header_case("bad_signature_of_another_secret", 403, "SignatureDoesNotMatch", secret="not-the-secret")
header_case("bad_signature_of_another_service", (400, 403, 501), "", service="iam")
header_case("bad_header_changed_after_signing", 403, "SignatureDoesNotMatch", headers={"x-amz-meta-a": "b"}, late={"x-amz-meta-a": "c"})
header_case("bad_content_sha256_of_other_content", 400, "XAmzContentSHA256Mismatch|BadDigest", payload=hashlib.sha256(b"other").hexdigest())
header_case("bad_content_sha256_garbage", (400, 403), "", payload="garbage")
header_case("bad_content_sha256_none", (400, 403), "", late={"x-amz-content-sha256": None})
header_case("unsigned_payload", 200, payload="UNSIGNED-PAYLOAD")
header_case("header_with_spaces", 200, headers={"x-amz-meta-a": "a   b  c"})
header_case("acl_private", 200, headers={"x-amz-acl": "private"})
header_case("acl_public", 400, "AccessControlListNotSupported", headers={"x-amz-acl": "public-read"})
header_case("acl_invalid", 400, "InvalidArgument|AccessControlListNotSupported", headers={"x-amz-acl": "whatever"})
header_case("grant", (400, 501), "AccessControlListNotSupported|NotImplemented", headers={"x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'})
header_case("sse_customer_key", (400, 501), "", headers={"x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": b64(b"k" * 32), "x-amz-server-side-encryption-customer-key-md5": b64(hashlib.md5(b"k" * 32).digest())})
header_case("sse_kms", (400, 501), "", headers={"x-amz-server-side-encryption": "aws:kms"})
header_case("object_lock", (400, 501), "", headers={"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2090-01-01T00:00:00Z"})
header_case("storage_class_standard", 200, headers={"x-amz-storage-class": "STANDARD"})


def bucket_header_case(name, wanted, codes="", late=None, headers=None):
    def run(t):
        bucket = t.name()
        target, signed = t.raw.signed("PUT", f"/{bucket}", headers=headers, late=late)
        answer = t.raw.transmit("PUT", target, signed)
        if wanted == 200:
            status(answer, 200)
            t.c.head_bucket(Bucket=bucket)
        else:
            refused(answer, wanted, codes)
            fails(404, "", t.c.head_bucket, Bucket=bucket)
    add(f"test_bucket_create_{name}", run)


bucket_header_case("contentlength_none", 200, late={"Content-Length": None})
bucket_header_case("bad_contentlength_empty", 400, late={"Content-Length": ""})
bucket_header_case("bad_contentlength_negative", 400, late={"Content-Length": "-1"})
bucket_header_case("bad_expect_mismatch", 200, late={"Expect": ""})
bucket_header_case("bad_authorization_empty", 403, "AccessDenied", late={"Authorization": ""})
bucket_header_case("bad_authorization_none", 403, "AccessDenied", late={"Authorization": None})
bucket_header_case("bad_authorization_invalid_aws4", 400, MALFORMED, late={"Authorization": "AWS4-HMAC-SHA256 HAHAHA"})
bucket_header_case("bad_amz_date_before_today_aws4", 403, DENIED, late={"X-Amz-Date": "20100707T215304Z"})
bucket_header_case("bad_date_none_aws4", 200)
bucket_header_case("acl_private", 200, headers={"x-amz-acl": "private"})
bucket_header_case("acl_public", 400, "AccessControlListNotSupported|InvalidBucketAclWithObjectOwnership", headers={"x-amz-acl": "public-read-write"})
bucket_header_case("acl_authenticated", 400, "AccessControlListNotSupported|InvalidBucketAclWithObjectOwnership", headers={"x-amz-acl": "authenticated-read"})


@case
def sigv2_header_is_refused(t):
    bucket, date = t.bucket("foo"), email.utils.formatdate(usegmt=True)
    signature = b64(hmac.digest(t.raw.secret.encode(), f"GET\n\n\n{date}\n/{bucket}/foo".encode(), "sha1"))
    headers = {"host": t.host, "date": date, "authorization": f"AWS {t.raw.id}:{signature}"}
    refused(t.raw.transmit("GET", f"/{bucket}/foo", headers), (400, 403), "AccessDenied|InvalidRequest|SignatureDoesNotMatch")


@case
def sigv2_query_is_refused(t):
    bucket, expires = t.bucket("foo"), int(time.time()) + 100
    signature = quote_plus(b64(hmac.digest(t.raw.secret.encode(), f"GET\n\n\n{expires}\n/{bucket}/foo".encode(), "sha1")))
    target = f"/{bucket}/foo?AWSAccessKeyId={t.raw.id}&Expires={expires}&Signature={signature}"
    refused(t.raw.transmit("GET", target, {"host": t.host}), (400, 403), "AccessDenied|InvalidRequest|SignatureDoesNotMatch")


def quote_plus(text):
    return urllib.parse.quote_plus(text)


@case
def path_traversal_in_the_target(t):
    """What a client normalises away is a key for S3, and never a path."""
    bucket = t.bucket("foo")
    for path in (f"/{bucket}/../../etc/passwd", f"/{bucket}/./foo", f"/{bucket}/%2e%2e"):
        answer = t.raw.send("GET", path)
        refused(answer, 404, "NoSuchKey")


@case
def method_not_known(t):
    refused(t.raw.send("PATCH", f"/{t.bucket('foo')}/foo"), (400, 403, 405, 501))


@case
def root_delete_is_refused(t):
    refused(t.raw.send("DELETE", "/"), (400, 403, 405, 501))


@case
def object_trailing_query_is_ignored(t):
    eq(status(t.raw.send("GET", f"/{t.bucket('foo')}/foo", {"x-id": "GetObject"}), 200).body, b"foo")


# Pieces that are signed one by one.

@case
def chunked_signed(t):
    bucket, pieces = t.bucket(), [noise(65536, 1), noise(65536, 2), b"end"]
    eq(status(t.raw.chunked(f"/{bucket}/foo", pieces), 200).headers["etag"].strip('"'), md5(b"".join(pieces)))
    eq(t.get(bucket), b"".join(pieces))


@case
def object_content_encoding_aws_chunked(t):
    bucket = t.bucket()
    status(t.raw.chunked(f"/{bucket}/foo", [b"bar"]), 200)
    assert "ContentEncoding" not in t.head(bucket)
    status(t.raw.chunked(f"/{bucket}/foo", [b"bar"], {"content-encoding": "aws-chunked,gzip"}), 200)
    eq(t.head(bucket)["ContentEncoding"], "gzip")
    status(t.raw.chunked(f"/{bucket}/foo", [b"bar"], {"content-encoding": "gzip, aws-chunked"}), 200)
    eq(t.head(bucket)["ContentEncoding"], "gzip")


@case
def chunked_empty(t):
    bucket = t.bucket()
    status(t.raw.chunked(f"/{bucket}/foo", []), 200)
    eq(t.get(bucket), b"")


@case
def chunked_bad_signature_of_a_piece(t):
    bucket = t.bucket()
    refused(t.raw.chunked(f"/{bucket}/foo", [b"a" * 9000, b"b" * 9000], spoil=1), (400, 403), "SignatureDoesNotMatch|IncompleteBody")
    eq(t.names(bucket), [])


@case
def chunked_bad_signature_of_the_end(t):
    bucket = t.bucket()
    refused(t.raw.chunked(f"/{bucket}/foo", [b"a" * 9000], spoil=1), (400, 403), "SignatureDoesNotMatch|IncompleteBody")
    eq(t.names(bucket), [])


@case
def chunked_bad_decoded_length(t):
    bucket = t.bucket()
    refused(t.raw.chunked(f"/{bucket}/foo", [b"a" * 9000], length=9001), 400, "")
    refused(t.raw.chunked(f"/{bucket}/foo", [b"a" * 9000], length=8999), 400, "")
    eq(t.names(bucket), [])


def trailing(t, bucket, content, checksum, name="x-amz-checksum-crc32"):
    body = f"{len(content):x}\r\n".encode() + content + f"\r\n0\r\n{name}:{checksum}\r\n\r\n".encode()
    return t.raw.send("PUT", f"/{bucket}/foo", body=body, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers={
        "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(content)), "x-amz-trailer": name})


@case
def chunked_unsigned_with_trailer(t):
    bucket = t.bucket()
    status(trailing(t, bucket, b"bar", crc32(b"bar")), 200)
    eq((t.get(bucket), t.head(bucket, ChecksumMode="ENABLED")["ChecksumCRC32"]), (b"bar", crc32(b"bar")))


@case
def chunked_unsigned_with_wrong_trailer(t):
    bucket = t.bucket()
    refused(trailing(t, bucket, b"bar", crc32(b"other")), 400, "BadDigest|InvalidRequest|XAmzContentChecksumMismatch")
    eq(t.names(bucket), [])


def in_chunks(t, bucket, body, length, name="x-amz-checksum-crc32"):
    return t.raw.send("PUT", f"/{bucket}/foo", body=body, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers={
        "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(length), "x-amz-trailer": name})


@case
def chunked_unsigned_without_the_trailer_it_announces(t):
    bucket = t.bucket()
    for end in [b"0\r\n\r\n", b"0\r\n", b"0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n"]:
        refused(in_chunks(t, bucket, b"3\r\nbar\r\n" + end, 3), 400, "MalformedTrailerError")
    eq(t.names(bucket), [])


@case
def chunked_trailer_that_nobody_checks(t):
    bucket = t.bucket()
    refused(trailing(t, bucket, b"bar", "AAAA", name="x-amz-checksum-other"), 400, "InvalidRequest")
    eq(t.names(bucket), [])


@case
def chunked_without_an_end(t):
    bucket = t.bucket()
    for body in [b"", b"3\r\nba", b"3\r\nbar", b"3\r\nbar\r\n"]:
        refused(in_chunks(t, bucket, body, 3), 400, "IncompleteBody")
    eq(t.names(bucket), [])


@case
def chunked_that_is_no_chunks(t):
    bucket = t.bucket()
    for body in [b"bar", b"+3\r\nbar\r\n0\r\n\r\n", b"x\r\nbar", b"3\r\nbarbar\r\n", b"3" * 2000]:
        refused(in_chunks(t, bucket, body, 3), 400, "InvalidRequest|IncompleteBody")
    eq(t.names(bucket), [])


@case
def chunked_unsigned_one_chunk_of_the_whole(t):
    bucket, content = t.bucket(), noise(9 * MIB, 7)
    status(trailing(t, bucket, content, crc32(content)), 200)
    eq(md5(t.get(bucket)), md5(content))


@case
def chunked_signed_large_chunks(t):
    bucket, content = t.bucket(), noise(16 * MIB + 1, 8)
    refused(t.raw.chunked(f"/{bucket}/foo", [content]), 400, "InvalidRequest")
    eq(t.names(bucket), [])
    pieces = [content[:16 * MIB], content[16 * MIB :]]
    eq(status(t.raw.chunked(f"/{bucket}/foo", pieces), 200).headers["etag"].strip('"'), md5(content))


@case
def object_response_headers_that_cannot_be(t):
    bucket = t.bucket("foo")
    for name in ["content-type", "cache-control", "content-disposition", "content-encoding", "content-language"]:
        for method in ("GET", "HEAD"):
            refused(t.raw.send(method, f"/{bucket}/foo", {f"response-{name}": "a\r\nb: c"}), 400, "InvalidArgument|InvalidRequest" if method == "GET" else "")


@case
def object_with_a_media_type_of_the_native_api(t):
    bucket = t.bucket()
    client = Client(t.suite.endpoint.node.directory)
    begin = {"bucket": bucket, "key": "foo", "media_type": "text/plain\r\nx-injected: yes"}
    for text in [begin["media_type"], "text/\u00e4", "\x7f", "a" * 256, ""]:
        answer = client.json("POST", "/uploads", begin | {"media_type": text})
        eq((answer[0], answer[1]["pointer"]), (400, "/media_type"), repr(text))


# Presigned requests.

@case
def object_raw_authenticated(t):
    bucket = t.bucket("foo")
    url = t.c.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "foo"})
    eq(status(t.raw.transmit("GET", url.removeprefix(t.url), {"host": t.host}), 200).body, b"foo")


def presigned(name, wanted, codes="", method="GET", key="foo", body=b"", send_headers=None, change=None, **options):
    def run(t):
        bucket = t.bucket("foo")
        target = t.raw.presigned(method, f"/{bucket}/{key}", **options)
        if change:
            target = change(target)
        headers = {"host": t.host} | (send_headers or {}) | ({"content-length": str(len(body))} if body else {})
        answer = t.raw.transmit(method, target, headers, body)
        if wanted in (200, 204):
            status(answer, wanted)
        else:
            refused(answer, wanted, codes)
            eq(t.get(bucket), b"foo")
    add(f"test_object_raw_{name}", run)


presigned("authenticated_object_gone", 404, "NoSuchKey", key="gone")
presigned("get_x_amz_expires_not_expired", 200, expires=100)
presigned("get_x_amz_expires_max", 200, expires=604800)
presigned("get_x_amz_expires_out_range_zero", (400, 403), "", expires=0)
presigned("get_x_amz_expires_out_max_range", (400, 403), "", expires=609901)
presigned("get_x_amz_expires_out_positive_range", (400, 403), "", expires=-7)
presigned("get_x_amz_expires_garbage", (400, 403), "", expires="soon")
presigned("get_expired", 403, "AccessDenied", expires=60, date=now(minutes=-2))
presigned("get_signed_in_the_future", 403, "AccessDenied|RequestTimeTooSkewed", expires=60, date=now(hours=2))
presigned("get_wrong_secret", 403, "SignatureDoesNotMatch", secret="other")
presigned("get_other_key_than_signed", 403, "SignatureDoesNotMatch", change=lambda target: target.replace("/foo?", "/bar?"))
presigned("get_longer_than_signed", 403, "SignatureDoesNotMatch", expires=60, change=lambda target: target.replace("Expires=60", "Expires=600"))
presigned("get_more_query_than_signed", 403, "SignatureDoesNotMatch", change=lambda target: target + "&response-content-type=text%2Fhtml")
presigned("get_without_signature", (400, 403), "", change=lambda target: target.partition("&X-Amz-Signature")[0])
presigned("get_without_credential", (400, 403), "", change=lambda target: "&".join(part for part in target.split("&") if "Credential" not in part))
presigned("head_of_a_get", 403, "", change=lambda target: target, method="HEAD", send_headers=None, secret="other")
presigned("put_presigned", 200, method="PUT", key="new", body=b"new")
presigned("delete_presigned", 204, method="DELETE", key="other")
presigned("put_with_a_signed_header", 200, method="PUT", key="new", body=b"new", headers={"content-type": "text/x"}, send_headers={"content-type": "text/x"})
presigned("put_with_another_header_than_signed", 403, "SignatureDoesNotMatch|AccessDenied", method="PUT", body=b"new", headers={"content-type": "text/x"},
          send_headers={"content-type": "text/y"})
presigned("put_without_the_signed_header", 403, "SignatureDoesNotMatch|AccessDenied", method="PUT", body=b"new", headers={"content-type": "text/x"})


@case
def object_presigned_put_object_with_acl(t):
    bucket = t.bucket()
    url = t.c.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "foo", "ContentType": "text/plain"})
    status(t.raw.transmit("PUT", url.removeprefix(t.url), {"host": t.host, "content-type": "text/plain", "content-length": "5"}, b"hello"), 200)
    eq((t.get(bucket), t.head(bucket)["ContentType"]), (b"hello", "text/plain"))


@case
def object_presigned_response_headers(t):
    bucket = t.bucket("foo")
    url = t.c.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "foo", "ResponseContentDisposition": 'attachment; filename="a.txt"'})
    eq(t.raw.transmit("GET", url.removeprefix(t.url), {"host": t.host}).headers.get("content-disposition"), 'attachment; filename="a.txt"')


@case
def object_presigned_range(t):
    bucket = t.bucket("foobar")
    target = t.raw.presigned("GET", f"/{bucket}/foobar")
    eq(status(t.raw.transmit("GET", target, {"host": t.host, "range": "bytes=3-"}), 206).body, b"bar")


@case
def object_presigned_special_key(t):
    bucket = t.bucket("a b+c%/é?&")
    url = t.c.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b+c%/é?&"})
    eq(status(t.raw.transmit("GET", url.removeprefix(t.url), {"host": t.host}), 200).body, "a b+c%/é?&".encode())


@case
def object_presigned_of_a_revoked_key(t):
    bucket, key = t.bucket("foo"), t.suite.endpoint.key()
    target = Raw(t.host, key).presigned("GET", f"/{bucket}/foo")
    status(t.raw.transmit("GET", target, {"host": t.host}), 200)
    t.suite.endpoint.node.run("key", "revoke", "--data-dir", str(t.suite.endpoint.node.directory), key.id)
    refused(t.raw.transmit("GET", target, {"host": t.host}), 403, "InvalidAccessKeyId|AccessDenied")


# --- Copies ---------------------------------------------------------------------------------------------------------------

def copy(t, bucket, source, key="bar", **more):
    return t.c.copy_object(Bucket=bucket, Key=key, CopySource=source if isinstance(source, str) else {"Bucket": source[0], "Key": source[1]}, **more)


@case
def object_copy_zero_size(t):
    bucket = t.bucket()
    t.put(bucket, body=b"")
    copy(t, bucket, (bucket, "foo"))
    eq(t.head(bucket, "bar")["ContentLength"], 0)


@case
def object_copy_16m(t):
    bucket, content = t.bucket(), noise(16 * MIB, 3)
    t.put(bucket, body=content)
    answer = copy(t, bucket, (bucket, "foo"))
    eq(answer["CopyObjectResult"]["ETag"].strip('"'), md5(content))
    assert t.get(bucket, "bar") == content


@case
def object_copy_same_bucket(t):
    bucket = t.bucket("foo")
    answer = copy(t, bucket, (bucket, "foo"))
    assert answer["CopyObjectResult"]["LastModified"]
    eq(t.get(bucket, "bar"), b"foo")


@case
def object_copy_verify_contenttype(t):
    bucket = t.bucket()
    t.put(bucket, ContentType="text/bla")
    copy(t, bucket, (bucket, "foo"))
    eq((t.get(bucket, "bar"), t.head(bucket, "bar")["ContentType"]), (b"bar", "text/bla"))


@case
def object_copy_to_itself(t):
    bucket = t.bucket("foo")
    fails(400, "InvalidRequest", copy, t, bucket, (bucket, "foo"), "foo")


@case
def object_copy_to_itself_with_metadata(t):
    bucket = t.bucket("foo")
    copy(t, bucket, (bucket, "foo"), "foo", Metadata={"foo": "bar"}, MetadataDirective="REPLACE")
    eq((t.head(bucket)["Metadata"], t.get(bucket)), ({"foo": "bar"}, b"foo"))


@case
def object_copy_diff_bucket(t):
    one, two = t.bucket("foo"), t.bucket()
    copy(t, two, (one, "foo"))
    eq(t.get(two, "bar"), b"foo")


@case
def object_copy_not_owned_bucket(t):
    bucket = t.bucket("foo")
    fails((403, 404), "AccessDenied|NoSuchBucket|NoSuchKey", t.other.copy_object, Bucket=bucket, Key="bar", CopySource=f"{bucket}/foo")


@case
def object_copy_canned_acl(t):
    bucket = t.bucket("foo")
    copy(t, bucket, (bucket, "foo"), ACL="private")
    fails(400, "AccessControlListNotSupported", copy, t, bucket, (bucket, "foo"), "public", ACL="public-read")
    eq(t.names(bucket), ["bar", "foo"])


def copied(name, size):
    def retaining(t):
        bucket, content = t.bucket(), noise(size, 4)
        t.put(bucket, body=content, Metadata={"key1": "value1"}, ContentType="audio/ogg", CacheControl="no-cache", Tagging="a=b")
        copy(t, bucket, (bucket, "foo"), Metadata={"ignored": "yes"})
        head = t.head(bucket, "bar")
        eq((head["Metadata"], head["ContentType"], head.get("CacheControl")), ({"key1": "value1"}, "audio/ogg", "no-cache"))
        eq(t.c.get_object_tagging(Bucket=bucket, Key="bar")["TagSet"], [{"Key": "a", "Value": "b"}])
        assert t.get(bucket, "bar") == content

    def replacing(t):
        bucket, content = t.bucket(), noise(size, 4)
        t.put(bucket, body=content, Metadata={"key1": "value1"}, ContentType="audio/ogg", CacheControl="no-cache")
        copy(t, bucket, (bucket, "foo"), Metadata={"key2": "value2"}, ContentType="audio/mpeg", MetadataDirective="REPLACE")
        head = t.head(bucket, "bar")
        eq((head["Metadata"], head["ContentType"], head.get("CacheControl")), ({"key2": "value2"}, "audio/mpeg", None))
        assert t.get(bucket, "bar") == content
    add(f"test_object_copy_retaining_metadata_{name}", retaining)
    add(f"test_object_copy_replacing_metadata_{name}", replacing)


copied("small", 3)
copied("1mb", MIB)


@case
def object_copy_tagging_directive(t):
    bucket = t.bucket()
    t.put(bucket, Tagging="a=b")
    copy(t, bucket, (bucket, "foo"), Tagging="c=d&e=f", TaggingDirective="REPLACE")
    eq(t.c.get_object_tagging(Bucket=bucket, Key="bar")["TagSet"], [{"Key": "c", "Value": "d"}, {"Key": "e", "Value": "f"}])


@case
def object_copy_bucket_not_found(t):
    fails(404, "NoSuchBucket", copy, t, t.bucket(), (t.name(), "foo"))


@case
def object_copy_to_bucket_not_found(t):
    fails(404, "NoSuchBucket", copy, t, t.name(), (t.bucket("foo"), "foo"))


@case
def object_copy_key_not_found(t):
    bucket = t.bucket()
    fails(404, "NoSuchKey", copy, t, bucket, (bucket, "foo"))


@case
def object_copy_source_forms(t):
    """With a slash first, quoted, and both."""
    bucket = t.bucket("a b+c/é")
    for number, source in enumerate([f"/{bucket}/a%20b%2Bc/%C3%A9", f"{bucket}/a%20b%2Bc%2F%C3%A9", f"{bucket}%2Fa%20b%2Bc%2F%C3%A9"]):
        status(t.raw.send("PUT", f"/{bucket}/to{number}", headers={"x-amz-copy-source": source}), 200)
        eq(t.get(bucket, f"to{number}"), "a b+c/é".encode())


@case
def object_copy_source_malformed(t):
    bucket = t.bucket("foo")
    for source in ("", "nothing", "/"):
        refused(t.raw.send("PUT", f"/{bucket}/to", headers={"x-amz-copy-source": source}), 400, "InvalidArgument|InvalidRequest|InvalidBucketName")
    eq(t.names(bucket), ["foo"])


@case
def object_copy_directive_invalid(t):
    bucket = t.bucket("foo")
    refused(t.raw.send("PUT", f"/{bucket}/to", headers={"x-amz-copy-source": f"{bucket}/foo", "x-amz-metadata-directive": "KEEP"}), 400, "InvalidArgument")


def copy_condition(name, wanted, **given):
    def run(t):
        bucket = t.bucket()
        tag = t.put(bucket)["ETag"]
        given_now = {field: tag if value == "ETAG" else value for field, value in given.items()}
        if wanted == 200:
            copy(t, bucket, (bucket, "foo"), "to", **given_now)
            eq(t.get(bucket, "to"), b"bar")
        else:
            fails(wanted, "PreconditionFailed", copy, t, bucket, (bucket, "foo"), "to", **given_now)
            eq(t.names(bucket), ["foo"])
    add(f"test_copy_object_{name}", run)


copy_condition("ifmatch_good", 200, CopySourceIfMatch="ETAG")
copy_condition("ifmatch_failed", 412, CopySourceIfMatch=WRONG)
copy_condition("ifnonematch_good", 412, CopySourceIfNoneMatch="ETAG")
copy_condition("ifnonematch_failed", 200, CopySourceIfNoneMatch="ABCORZ")
copy_condition("ifmodifiedsince_good", 200, CopySourceIfModifiedSince=PAST)
copy_condition("ifmodifiedsince_failed", 412, CopySourceIfModifiedSince="Sat, 29 Oct 2026 19:43:31 GMT" if time.time() < 1793000000 else FUTURE)
copy_condition("ifunmodifiedsince_good", 200, CopySourceIfUnmodifiedSince=FUTURE)
copy_condition("ifunmodifiedsince_failed", 412, CopySourceIfUnmodifiedSince=PAST)
copy_condition("ifmatch_good_ifunmodifiedsince_failed", 200, CopySourceIfMatch="ETAG", CopySourceIfUnmodifiedSince=PAST)
copy_condition("destination_ifnonematch_good", 200, IfNoneMatch="*")


@case
def copy_object_destination_ifnonematch_failed(t):
    bucket = t.bucket("foo", "to")
    fails(412, "PreconditionFailed", copy, t, bucket, (bucket, "foo"), "to", IfNoneMatch="*")
    eq(t.get(bucket, "to"), b"to")


@case
def copy_object_destination_ifmatch(t):
    bucket = t.bucket("foo", "to")
    fails(412, "PreconditionFailed", copy, t, bucket, (bucket, "foo"), "to", IfMatch=WRONG)
    eq(t.get(bucket, "to"), b"to")
    copy(t, bucket, (bucket, "foo"), "to", IfMatch=t.head(bucket, "to")["ETag"])
    eq(t.get(bucket, "to"), b"foo")


@case
def object_copy_versioned_bucket(t):
    bucket = t.bucket(versioning="Enabled")
    first = t.put(bucket, body=b"old")["VersionId"]
    t.put(bucket, body=b"new")
    answer = copy(t, bucket, f"{bucket}/foo?versionId={first}")
    eq((answer["CopySourceVersionId"], t.get(bucket, "bar")), (first, b"old"))
    eq(t.get(bucket, "bar", VersionId=answer["VersionId"]), b"old")
    again = copy(t, bucket, (bucket, "bar"), "bar2")
    eq(t.head(bucket, "bar2")["VersionId"], again["VersionId"])
    assert again.get("CopySourceVersionId") == answer["VersionId"], "a copy of the latest says which version it was"


@case
def object_copy_versioned_url_encoding(t):
    bucket = t.bucket(versioning="Enabled")
    version = t.put(bucket, "foo?bar", b"x")["VersionId"]
    t.put(bucket, "foo?bar", b"y")
    t.c.copy_object(Bucket=bucket, Key="bar", CopySource={"Bucket": bucket, "Key": "foo?bar", "VersionId": version})
    eq(t.get(bucket, "bar"), b"x")


@case
def object_copy_to_itself_of_an_old_version(t):
    bucket = t.bucket(versioning="Enabled")
    first = t.put(bucket, body=b"old")["VersionId"]
    t.put(bucket, body=b"new")
    copy(t, bucket, f"{bucket}/foo?versionId={first}", "foo")
    eq(t.get(bucket), b"old")


@case
def object_copy_of_a_delete_marker(t):
    bucket = t.bucket("foo", versioning="Enabled")
    marker = t.c.delete_object(Bucket=bucket, Key="foo")["VersionId"]
    fails(404, "NoSuchKey", copy, t, bucket, (bucket, "foo"))
    fails(400, "InvalidRequest", copy, t, bucket, f"{bucket}/foo?versionId={marker}")


@case
def object_copy_keeps_checksum(t):
    bucket = t.bucket()
    put = t.put(bucket, ChecksumAlgorithm="SHA256")
    copy(t, bucket, (bucket, "foo"))
    eq(t.head(bucket, "bar", ChecksumMode="ENABLED").get("ChecksumSHA256"), put["ChecksumSHA256"])


@case
def object_copy_versioning_multipart_upload(t):
    bucket = t.bucket(versioning="Enabled")
    content = noise(2 * PART + 5, 8)
    made = multipart(t, bucket, "foo", content, Metadata={"foo": "bar"}, ContentType="text/bla")
    copy(t, bucket, f"{bucket}/foo?versionId={made['VersionId']}")
    head = t.head(bucket, "bar")
    eq((head["ContentLength"], head["Metadata"], head["ContentType"]), (len(content), {"foo": "bar"}, "text/bla"))
    assert t.get(bucket, "bar") == content


# --- Uploads in parts -----------------------------------------------------------------------------------------------------

def begin(t, bucket, key="foo", **more):
    return t.c.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]


def send_part(t, bucket, upload, number, content, key="foo", **more):
    """Sends a part; returns how the completion names it."""
    answer = t.c.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=content, **more)
    sums = {name: value for name, value in answer.items() if name.startswith("Checksum") and more.get("ChecksumAlgorithm")}
    return {"PartNumber": number, "ETag": answer["ETag"], **sums}


def complete(t, bucket, upload, parts, key="foo", **more):
    return t.c.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **more)


def multipart(t, bucket, key, content, part=PART, **more):
    upload = begin(t, bucket, key, **more)
    pieces = [content[at:at + part] for at in range(0, len(content), part)]
    return complete(t, bucket, upload, [send_part(t, bucket, upload, number, piece, key) for number, piece in enumerate(pieces, 1)], key)


def tag_of(content, part=PART):
    pieces = [content[at:at + part] for at in range(0, len(content), part)]
    return f'"{md5(b"".join(hashlib.md5(piece).digest() for piece in pieces))}-{len(pieces)}"'


@case
def multipart_upload_empty(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    fails(400, "MalformedXML", complete, t, bucket, upload, [])
    answer = t.raw.send("POST", f"/{bucket}/foo", {"uploadId": upload}, body=b"")
    refused(answer, 400, "MalformedXML|InvalidRequest")


@case
def multipart_upload_small(t):
    bucket = t.bucket()
    made = multipart(t, bucket, "foo", b"x")
    eq((t.head(bucket)["ContentLength"], made["ETag"], t.get(bucket)), (1, tag_of(b"x"), b"x"))


@case
def multipart_upload_of_an_empty_part(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    complete(t, bucket, upload, [send_part(t, bucket, upload, 1, b"")])
    eq(t.head(bucket)["ContentLength"], 0)


@case
def multipart_upload(t):
    bucket, content = t.bucket(), noise(2 * PART + 1000, 1)
    made = multipart(t, bucket, "foo", content, Metadata={"foo": "bar"}, ContentType="text/bla", CacheControl="no-store", Tagging="a=b")
    eq(made["ETag"], tag_of(content))
    head = t.head(bucket)
    eq((head["ContentLength"], head["Metadata"], head["ContentType"], head.get("CacheControl"), head["ETag"]),
       (len(content), {"foo": "bar"}, "text/bla", "no-store", made["ETag"]))
    assert t.get(bucket) == content
    eq(t.get(bucket, Range=f"bytes={PART - 5}-{PART + 4}"), content[PART - 5:PART + 5])
    eq([one["ETag"] for one in t.c.list_objects_v2(Bucket=bucket)["Contents"]], [made["ETag"]])
    eq(t.c.get_object_tagging(Bucket=bucket, Key="foo")["TagSet"], [{"Key": "a", "Value": "b"}])


@case
def multipart_upload_complete_says_where(t):
    bucket = t.bucket()
    made = multipart(t, bucket, "foo", b"x")
    eq((made["Bucket"], made["Key"]), (bucket, "foo"))
    assert made["Location"].endswith(f"/{bucket}/foo"), made["Location"]


def sizes(name, size):
    def run(t):
        bucket, content = t.bucket(), noise(size, size)
        eq(multipart(t, bucket, "foo", content)["ETag"], tag_of(content))
        assert t.get(bucket) == content
    add(f"test_multipart_upload_multiple_sizes_{name}", run)


sizes("one", PART)
sizes("one_and_a_bit", PART + 100 * 1024)
sizes("one_and_more", PART + 600 * 1024)
sizes("two", 2 * PART)
sizes("two_and_a_byte", 2 * PART + 1)


@case
def multipart_upload_size_too_small(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    parts = [send_part(t, bucket, upload, number, b"x" * 10240) for number in (1, 2)]
    fails(400, "EntityTooSmall", complete, t, bucket, upload, parts)
    fails(404, "NoSuchKey", t.get, bucket)


@case
def multipart_upload_contents(t):
    """Letters in parts whose sizes differ."""
    bucket = t.bucket()
    upload, pieces = begin(t, bucket), [b"A" * PART, b"B" * (PART + 1), b"C" * 3]
    complete(t, bucket, upload, [send_part(t, bucket, upload, number, piece) for number, piece in enumerate(pieces, 1)])
    assert t.get(bucket) == b"".join(pieces)


@case
def multipart_upload_overwrite_existing_object(t):
    bucket, content = t.bucket("foo"), noise(PART + 7, 2)
    multipart(t, bucket, "foo", content)
    assert t.get(bucket) == content


@case
def multipart_upload_resend_part(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    send_part(t, bucket, upload, 1, b"old" * PART)
    parts = [send_part(t, bucket, upload, 1, b"A" * PART), send_part(t, bucket, upload, 2, b"end")]
    complete(t, bucket, upload, parts)
    assert t.get(bucket) == b"A" * PART + b"end"


@case
def multipart_resend_first_finishes_last(t):
    """The part that was received last counts."""
    bucket = t.bucket()
    upload = begin(t, bucket)
    old = send_part(t, bucket, upload, 1, b"A" * 100)
    new = send_part(t, bucket, upload, 1, b"B" * 100)
    fails(400, "InvalidPart", complete, t, bucket, upload, [old])
    complete(t, bucket, upload, [new])
    eq(t.get(bucket), b"B" * 100)


@case
def multipart_parts_in_any_order(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    sent_parts = {number: send_part(t, bucket, upload, number, bytes([64 + number]) * PART) for number in (3, 1, 2)}
    complete(t, bucket, upload, [sent_parts[number] for number in (1, 2, 3)])
    assert t.get(bucket) == b"A" * PART + b"B" * PART + b"C" * PART


@case
def multipart_numbers_with_holes(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    parts = [send_part(t, bucket, upload, 5, b"A" * PART), send_part(t, bucket, upload, 10000, b"end")]
    complete(t, bucket, upload, parts)
    assert t.get(bucket) == b"A" * PART + b"end"


@case
def multipart_only_named_parts_count(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    send_part(t, bucket, upload, 1, b"A" * PART)
    two = send_part(t, bucket, upload, 2, b"B")
    complete(t, bucket, upload, [two])
    eq(t.get(bucket), b"B")


@case
def multipart_upload_order_wrong(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    parts = [send_part(t, bucket, upload, number, b"A" * PART) for number in (1, 2)]
    fails(400, "InvalidPartOrder", complete, t, bucket, upload, parts[::-1])


@case
def multipart_upload_missing_part(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    part = send_part(t, bucket, upload, 1, b"\0" * 100)
    fails(400, "InvalidPart", complete, t, bucket, upload, [{**part, "PartNumber": 9999}])


@case
def multipart_upload_incorrect_etag(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    send_part(t, bucket, upload, 1, b"\0" * 100)
    fails(400, "InvalidPart", complete, t, bucket, upload, [{"PartNumber": 1, "ETag": '"ffffffffffffffffffffffffffffffff"'}])


@case
def multipart_part_number_bounds(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    for number in (0, 10001, -1):
        fails(400, "InvalidArgument", send_part, t, bucket, upload, number, b"x")


@case
def multipart_upload_part_not_found(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    t.c.abort_multipart_upload(Bucket=bucket, Key="foo", UploadId=upload)
    fails(404, "NoSuchUpload", send_part, t, bucket, upload, 1, b"x")
    fails(404, "NoSuchUpload", send_part, t, bucket, "no-such-upload", 1, b"x")


@case
def multipart_of_another_key(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    fails(404, "NoSuchUpload", send_part, t, bucket, upload, 1, b"x", key="other")


@case
def multipart_part_bad_md5(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    fails(400, "BadDigest", send_part, t, bucket, upload, 1, b"x", ContentMD5=b64(hashlib.md5(b"y").digest()))
    eq(t.c.list_parts(Bucket=bucket, Key="foo", UploadId=upload).get("Parts"), None)


@case
def abort_multipart_upload(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    send_part(t, bucket, upload, 1, b"A" * 1000)
    eq(t.c.abort_multipart_upload(Bucket=bucket, Key="foo", UploadId=upload)["ResponseMetadata"]["HTTPStatusCode"], 204)
    eq(t.names(bucket), [])
    fails(404, "NoSuchUpload", t.c.list_parts, Bucket=bucket, Key="foo", UploadId=upload)


@case
def abort_multipart_upload_beside_complete(t):
    bucket, content = t.bucket(), noise(PART, 3)
    for number in range(6):
        key = f"key-{number}"
        upload = t.c.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        tag = t.c.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=content)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            completing = pool.submit(t.c.complete_multipart_upload, Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)
            aborting = pool.submit(lambda: (time.sleep(number * 0.004), t.c.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)))
            refusals = [done.exception() for done in (completing, aborting)]
        one = [error for error in refusals if error]
        eq([error.response["Error"]["Code"] for error in one], ["NoSuchUpload"], "one of them comes first")
        eq(t.names(bucket, Prefix=key), [] if refusals[0] else [key])


@case
def abort_multipart_upload_not_found(t):
    fails(404, "NoSuchUpload", t.c.abort_multipart_upload, Bucket=t.bucket("foo"), Key="foo", UploadId="56788")


@case
def multipart_upload_complete_twice(t):
    """A client that lost the answer asks again; AWS says yes again."""
    bucket = t.bucket()
    upload = begin(t, bucket)
    parts = [send_part(t, bucket, upload, 1, b"A")]
    complete(t, bucket, upload, parts)
    try:
        complete(t, bucket, upload, parts)
    except ClientError as error:
        eq(error.response["Error"]["Code"], "NoSuchUpload")
    eq(t.get(bucket), b"A")


@case
def list_multipart_upload(t):
    bucket = t.bucket()
    one, two, three = begin(t, bucket, "mymultipart"), begin(t, bucket, "mymultipart"), begin(t, bucket, "mymultipart2")
    found = t.c.list_multipart_uploads(Bucket=bucket)["Uploads"]
    eq(sorted((item["Key"], item["UploadId"]) for item in found), sorted([("mymultipart", one), ("mymultipart", two), ("mymultipart2", three)]))
    assert all(item["Initiated"] and item["StorageClass"] == "STANDARD" for item in found)


@case
def list_multipart_upload_owner(t):
    bucket = t.bucket()
    begin(t, bucket)
    item = t.c.list_multipart_uploads(Bucket=bucket)["Uploads"][0]
    assert item["Owner"]["ID"] and item["Initiator"]["ID"]


@case
def list_multipart_upload_pages(t):
    bucket = t.bucket()
    made = sorted((key, begin(t, bucket, key)) for key in ("a", "a", "b", "c/1"))
    found, marker = [], {}
    while True:
        page = t.c.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **marker)
        found += [(item["Key"], item["UploadId"]) for item in page.get("Uploads", [])]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    eq(sorted(found), made)
    eq([key for key, _ in found], sorted(key for key, _ in made))


@case
def list_multipart_upload_prefix_delimiter(t):
    bucket = t.bucket()
    for key in ("a/1", "a/2", "b", "c/1"):
        begin(t, bucket, key)
    eq([item["Key"] for item in t.c.list_multipart_uploads(Bucket=bucket, Prefix="a/")["Uploads"]], ["a/1", "a/2"])
    page = t.c.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    eq(([item["Key"] for item in page["Uploads"]], folders(page)), (["b"], ["a/", "c/"]))


@case
def list_multipart_upload_of_special_keys(t):
    bucket = t.bucket()
    begin(t, bucket, "a b+c&<é>")
    eq([item["Key"] for item in t.c.list_multipart_uploads(Bucket=bucket)["Uploads"]], ["a b+c&<é>"])


@case
def list_parts(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    for number in (1, 3, 7):
        send_part(t, bucket, upload, number, b"x" * number)
    page = t.c.list_parts(Bucket=bucket, Key="foo", UploadId=upload)
    eq([(part["PartNumber"], part["Size"], part["ETag"].strip('"')) for part in page["Parts"]], [(n, n, md5(b"x" * n)) for n in (1, 3, 7)])
    page = t.c.list_parts(Bucket=bucket, Key="foo", UploadId=upload, MaxParts=2)
    eq((len(page["Parts"]), page["IsTruncated"], page["NextPartNumberMarker"]), (2, True, 3))
    page = t.c.list_parts(Bucket=bucket, Key="foo", UploadId=upload, PartNumberMarker=3)
    eq(([part["PartNumber"] for part in page["Parts"]], page["IsTruncated"]), ([7], False))


@case
def multipart_upload_nonexist_bucket(t):
    fails(404, "NoSuchBucket", begin, t, t.name())


@case
def multipart_bucket_is_empty_while_under_way(t):
    """An upload that is under way keeps no bucket from being deleted on RGW, and does on AWS; either will do, nothing else."""
    bucket = t.bucket()
    begin(t, bucket)
    eq(t.names(bucket), [])
    try:
        t.c.delete_bucket(Bucket=bucket)
    except ClientError as error:
        eq(error.response["Error"]["Code"], "BucketNotEmpty")


@case
def multipart_complete_ifnonematch(t):
    bucket = t.bucket("foo")
    upload = begin(t, bucket)
    parts = [send_part(t, bucket, upload, 1, b"A")]
    fails(412, "PreconditionFailed", complete, t, bucket, upload, parts, IfNoneMatch="*")
    eq(t.get(bucket), b"foo")
    complete(t, bucket, upload, parts, IfMatch=t.head(bucket)["ETag"])
    eq(t.get(bucket), b"A")


@case
def multipart_get_part(t):
    bucket, content = t.bucket(), noise(2 * PART + 17, 5)
    made = multipart(t, bucket, "foo", content)
    for number, piece in enumerate((content[:PART], content[PART:2 * PART], content[2 * PART:]), 1):
        answer = t.c.get_object(Bucket=bucket, Key="foo", PartNumber=number)
        eq((answer["PartsCount"], answer["ETag"], answer["ResponseMetadata"]["HTTPStatusCode"]), (3, made["ETag"], 206))
        assert answer["Body"].read() == piece
        head = t.head(bucket, PartNumber=number)
        eq((head["PartsCount"], head["ContentLength"], head["ResponseMetadata"]["HTTPStatusCode"]), (3, len(piece), 206))
    fails(416, "InvalidPartNumber|InvalidRange", t.get, bucket, PartNumber=5)


@case
def multipart_single_get_part(t):
    bucket = t.bucket()
    multipart(t, bucket, "foo", b"A" * 1000)
    answer = t.c.get_object(Bucket=bucket, Key="foo", PartNumber=1)
    eq((answer["PartsCount"], answer["Body"].read()), (1, b"A" * 1000))
    fails(416, "InvalidPartNumber|InvalidRange", t.get, bucket, PartNumber=5)


@case
def non_multipart_get_part(t):
    bucket = t.bucket("foo")
    answer = t.c.get_object(Bucket=bucket, Key="foo", PartNumber=1)
    eq((answer.get("PartsCount"), answer["Body"].read()), (None, b"foo"))
    fails(416, "InvalidPartNumber|InvalidRange", t.get, bucket, PartNumber=2)


@case
def get_multipart_object_attributes(t):
    bucket, content = t.bucket(), noise(2 * PART + 17, 6)
    made = multipart(t, bucket, "foo", content)
    found = t.c.get_object_attributes(Bucket=bucket, Key="foo", ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "StorageClass"])
    eq((found["ETag"], found["ObjectSize"], found["ObjectParts"]["TotalPartsCount"], found["StorageClass"]),
       (made["ETag"].strip('"'), len(content), 3, "STANDARD"))


@case
def get_single_object_attributes(t):
    bucket = t.bucket("foo")
    found = t.c.get_object_attributes(Bucket=bucket, Key="foo", ObjectAttributes=["ETag", "ObjectSize", "Checksum", "ObjectParts"])
    eq((found["ETag"], found["ObjectSize"], found["Checksum"]["ChecksumCRC32"]), (md5(b"foo"), 3, crc32(b"foo")))
    assert "ObjectParts" not in found and "StorageClass" not in found


@case
def get_object_attributes_not_exist(t):
    fails(404, "NoSuchKey", t.c.get_object_attributes, Bucket=t.bucket(), Key="foo", ObjectAttributes=["ETag"])


def part_copy(t, bucket, upload, number, source, key="foo", **more):
    answer = t.c.upload_part_copy(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, CopySource=source, **more)
    return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}


@case
def multipart_copy_small(t):
    bucket = t.bucket("src")
    upload = begin(t, bucket)
    complete(t, bucket, upload, [part_copy(t, bucket, upload, 1, f"{bucket}/src", CopySourceRange="bytes=0-0")])
    eq(t.get(bucket), b"s")


@case
def multipart_copy_without_range(t):
    bucket = t.bucket("src")
    upload = begin(t, bucket)
    complete(t, bucket, upload, [part_copy(t, bucket, upload, 1, {"Bucket": bucket, "Key": "src"})])
    eq(t.get(bucket), b"src")


@case
def multipart_copy_of_pieces(t):
    source, bucket, content = t.bucket(), t.bucket(), noise(2 * PART + 9, 9)
    t.put(source, "src", content)
    upload = begin(t, bucket)
    spans = [(0, PART - 1), (PART, 2 * PART - 1), (2 * PART, 2 * PART + 8)]
    parts = [part_copy(t, bucket, upload, number, f"{source}/src", CopySourceRange=f"bytes={first}-{last}") for number, (first, last) in enumerate(spans, 1)]
    eq(complete(t, bucket, upload, parts)["ETag"], tag_of(content))
    assert t.get(bucket) == content


@case
def multipart_copy_invalid_range(t):
    bucket = t.bucket("src")
    upload = begin(t, bucket)
    fails((400, 416), "InvalidRange|InvalidArgument", part_copy, t, bucket, upload, 1, f"{bucket}/src", CopySourceRange="bytes=0-21")


@case
def multipart_copy_improper_range(t):
    bucket = t.bucket("src")
    upload = begin(t, bucket)
    for text in ("0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5"):
        fails(400, "InvalidArgument", part_copy, t, bucket, upload, 1, f"{bucket}/src", CopySourceRange=text)


@case
def multipart_copy_special_names(t):
    for name in (" ", "_", "__", "?versionId", "a+b é"):
        bucket = t.bucket(name)
        upload = begin(t, bucket)
        complete(t, bucket, upload, [part_copy(t, bucket, upload, 1, {"Bucket": bucket, "Key": name})])
        eq(t.get(bucket), name.encode())


@case
def multipart_copy_versioned(t):
    bucket = t.bucket(versioning="Enabled")
    versions = [t.put(bucket, "src", body)["VersionId"] for body in (b"one", b"two", b"three")]
    for version, body in zip(versions, (b"one", b"two", b"three")):
        upload = begin(t, bucket)
        source = {"Bucket": bucket, "Key": "src", "VersionId": version}
        answer = t.c.upload_part_copy(Bucket=bucket, Key="foo", UploadId=upload, PartNumber=1, CopySource=source)
        eq(answer.get("CopySourceVersionId"), version)
        complete(t, bucket, upload, [{"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}])
        eq(t.get(bucket), body)


@case
def multipart_copy_conditions(t):
    bucket = t.bucket("src")
    upload = begin(t, bucket)
    fails(412, "PreconditionFailed", part_copy, t, bucket, upload, 1, f"{bucket}/src", CopySourceIfMatch=WRONG)
    fails(412, "PreconditionFailed", part_copy, t, bucket, upload, 1, f"{bucket}/src", CopySourceIfNoneMatch=t.head(bucket, "src")["ETag"])
    fails(412, "PreconditionFailed", part_copy, t, bucket, upload, 1, f"{bucket}/src", CopySourceIfUnmodifiedSince=PAST)


@case
def multipart_copy_key_not_found(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    fails(404, "NoSuchKey", part_copy, t, bucket, upload, 1, f"{bucket}/gone")


@case
def multipart_of_another_project(t):
    bucket = t.bucket()
    upload = begin(t, bucket)
    fails((403, 404), "", t.other.upload_part, Bucket=bucket, Key="foo", UploadId=upload, PartNumber=1, Body=b"x")
    fails((403, 404), "", t.other.list_parts, Bucket=bucket, Key="foo", UploadId=upload)
    fails((403, 404), "", t.other.abort_multipart_upload, Bucket=bucket, Key="foo", UploadId=upload)


# Checksums.

SUMS = {"SHA256": lambda content: b64(hashlib.sha256(content).digest()), "SHA1": lambda content: b64(hashlib.sha1(content).digest()), "CRC32": crc32}


def table_of(polynomial, width):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table, width


def crc(content, table_and_width):
    table, width = table_and_width
    mask = (1 << width) - 1
    value = mask
    for byte in content:
        value = table[(value ^ byte) & 255] ^ value >> 8
    return b64((value ^ mask).to_bytes(width // 8))


CRC32C, CRC64 = table_of(0x82F63B78, 32), table_of(0x9A6C9329AC4BC9B5, 64)
SUMS["CRC32C"] = lambda content: crc(content, CRC32C)
SUMS["CRC64NVME"] = lambda content: crc(content, CRC64)


def checksum_cases(algorithm):
    field, header = f"Checksum{algorithm}", f"x-amz-checksum-{algorithm.lower()}"

    def good(t):
        bucket, content = t.bucket(), noise(5000, 1)
        wanted = SUMS[algorithm](content)
        answer = status(t.raw.send("PUT", f"/{bucket}/foo", headers={header: wanted}, body=content), 200)
        eq(answer.headers.get(header), wanted)
        eq(t.head(bucket, ChecksumMode="ENABLED").get(field), wanted)
        eq(t.c.get_object(Bucket=bucket, Key="foo", ChecksumMode="ENABLED").get(field), wanted)
        assert field not in t.head(bucket)
        eq(t.c.get_object_attributes(Bucket=bucket, Key="foo", ObjectAttributes=["Checksum"])["Checksum"].get(field), wanted)

    def bad(t):
        bucket = t.bucket()
        refused(t.raw.send("PUT", f"/{bucket}/foo", headers={header: SUMS[algorithm](b"other")}, body=b"bar"), 400, "BadDigest")
        eq(t.names(bucket), [])

    def garbage(t):
        bucket = t.bucket()
        refused(t.raw.send("PUT", f"/{bucket}/foo", headers={header: "garbage"}, body=b"bar"), 400, "InvalidRequest|BadDigest")
        eq(t.names(bucket), [])

    def composite(t):
        bucket, pieces = t.bucket(), [b"A" * PART, b"B" * 10]
        upload = begin(t, bucket, ChecksumAlgorithm=algorithm, ChecksumType="COMPOSITE")
        parts = [{**send_part(t, bucket, upload, number, piece, **{field: SUMS[algorithm](piece)}), field: SUMS[algorithm](piece)}
                 for number, piece in enumerate(pieces, 1)]
        listed = t.c.list_parts(Bucket=bucket, Key="foo", UploadId=upload)
        eq([part.get(field) for part in listed["Parts"]], [part[field] for part in parts])
        whole = SUMS[algorithm](b"".join(base64.b64decode(part[field]) for part in parts)) + "-2"
        made = complete(t, bucket, upload, parts)
        eq(made.get(field), whole)
        head = t.head(bucket, ChecksumMode="ENABLED")
        eq((head.get(field), head.get("ChecksumType")), (whole, "COMPOSITE"))

    def wrong_part(t):
        bucket = t.bucket()
        upload = begin(t, bucket, ChecksumAlgorithm=algorithm)
        part = send_part(t, bucket, upload, 1, b"A" * 10, **{field: SUMS[algorithm](b"A" * 10)})
        fails(400, "InvalidPart|BadDigest", complete, t, bucket, upload, [{**part, field: SUMS[algorithm](b"other")}])
        fails(404, "NoSuchKey", t.get, bucket)

    def full_object(t):
        bucket, pieces = t.bucket(), [b"A" * PART, b"B" * 10]
        upload = begin(t, bucket, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
        parts = [send_part(t, bucket, upload, number, piece, **{field: SUMS[algorithm](piece)}) for number, piece in enumerate(pieces, 1)]
        whole = SUMS[algorithm](b"".join(pieces))
        fails(400, "BadDigest|InvalidRequest", complete, t, bucket, upload, parts, ChecksumType="FULL_OBJECT", **{field: SUMS[algorithm](b"other")})
        made = complete(t, bucket, upload, parts, ChecksumType="FULL_OBJECT", **{field: whole})
        head = t.head(bucket, ChecksumMode="ENABLED")
        eq((made.get(field), head.get(field), head.get("ChecksumType")), (whole, whole, "FULL_OBJECT"))

    name = algorithm.lower()
    add(f"test_object_checksum_{name}", good)
    add(f"test_object_checksum_{name}_bad", bad)
    add(f"test_object_checksum_{name}_garbage", garbage)
    add(f"test_multipart_checksum_{name}_of_another_part", wrong_part)
    if algorithm != "CRC64NVME":
        add(f"test_multipart_use_cksum_helper_{name}", composite)
    if algorithm.startswith("CRC"):
        add(f"test_multipart_checksum_full_object_{name}", full_object)


for algorithm_name in SUMS:
    checksum_cases(algorithm_name)


@case
def object_checksum_two_at_once(t):
    headers = {"x-amz-checksum-crc32": crc32(b"bar"), "x-amz-checksum-sha256": SUMS["SHA256"](b"bar")}
    refused(t.raw.send("PUT", f"/{t.bucket()}/foo", headers=headers, body=b"bar"), 400, "InvalidRequest")


@case
def object_checksum_algorithm_unknown(t):
    """boto3 would refuse it by itself."""
    bucket = t.bucket()
    refused(t.raw.send("PUT", f"/{bucket}/foo", headers={"x-amz-sdk-checksum-algorithm": "bad-algorithm"}, body=b"bar"), 400, "")


@case
def object_checksum_not_in_a_range(t):
    """A checksum of the whole beside a part would fail in every client that checks."""
    bucket = t.bucket("foo")
    answer = t.raw.send("GET", f"/{bucket}/foo", headers={"range": "bytes=0-1", "x-amz-checksum-mode": "ENABLED"})
    eq((answer.status, [name for name in answer.headers if name.startswith("x-amz-checksum-crc")]), (206, []))


@case
def object_checksum_of_every_new_object(t):
    """Since 2025 AWS gives every object a checksum, asked for or not."""
    bucket = t.bucket()
    status(t.raw.send("PUT", f"/{bucket}/foo", body=b"bar"), 200)
    head = t.head(bucket, ChecksumMode="ENABLED")
    eq((head.get("ChecksumCRC64NVME"), head.get("ChecksumType")), (SUMS["CRC64NVME"](b"bar"), "FULL_OBJECT"))


@case
def multipart_checksum_3parts(t):
    bucket = t.bucket()
    upload = begin(t, bucket, ChecksumAlgorithm="SHA256")
    pieces = [bytes([65 + n]) * PART for n in range(2)] + [b"end"]
    parts = [send_part(t, bucket, upload, n, piece, ChecksumAlgorithm="SHA256") for n, piece in enumerate(pieces, 1)]
    complete(t, bucket, upload, parts)
    found = t.c.get_object_attributes(Bucket=bucket, Key="foo", ObjectAttributes=["Checksum", "ObjectParts"])
    eq([(part["PartNumber"], part["Size"], part.get("ChecksumSHA256")) for part in found["ObjectParts"].get("Parts", [])],
       [(n, len(piece), SUMS["SHA256"](piece)) for n, piece in enumerate(pieces, 1)])
    whole = SUMS["SHA256"](b"".join(hashlib.sha256(piece).digest() for piece in pieces))
    assert found["Checksum"]["ChecksumSHA256"] in (whole, whole + "-3")


# --- Versions -------------------------------------------------------------------------------------------------------------

def versions(t, bucket, key=None):
    """Version ids of a key, the newest first."""
    page = t.c.list_object_versions(Bucket=bucket)
    return [one["VersionId"] for one in page.get("Versions", []) if key is None or one["Key"] == key]


def put_versions(t, bucket, number, key="foo"):
    """Puts `content-0` and so on; version ids, the oldest first."""
    return [t.put(bucket, key, f"content-{n}")["VersionId"] for n in range(number)]


@case
def versioning_bucket_create_suspend(t):
    bucket = t.bucket()
    assert "Status" not in t.c.get_bucket_versioning(Bucket=bucket)
    for state in ("Suspended", "Enabled", "Enabled", "Suspended"):
        t.versioning(bucket, state)
        eq(t.c.get_bucket_versioning(Bucket=bucket)["Status"], state)


@case
def versioning_bad_status(t):
    body = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Perhaps</Status></VersioningConfiguration>'
    refused(t.raw.send("PUT", "/" + t.bucket(), {"versioning": ""}, body=body), 400, "MalformedXML|IllegalVersioningConfigurationException")


@case
def versioning_notexist(t):
    fails(404, "NoSuchBucket", t.c.get_bucket_versioning, Bucket=t.name())
    fails(404, "NoSuchBucket", t.versioning, t.name())


@case
def versioning_obj_create_read_remove(t):
    bucket = t.bucket(versioning="Enabled")
    made = put_versions(t, bucket, 5)
    eq(len(set(made)), 5)
    for n, version in enumerate(made):
        eq(t.get(bucket, VersionId=version), f"content-{n}".encode())
    for n in (4, 2, 0, 1, 3):
        t.c.delete_object(Bucket=bucket, Key="foo", VersionId=made[n])
        fails(404, "NoSuchVersion", t.get, bucket, VersionId=made[n])
    eq(versions(t, bucket), [])
    fails(404, "NoSuchKey", t.get, bucket)


@case
def versioning_obj_create_read_remove_head(t):
    bucket = t.bucket(versioning="Enabled")
    made = put_versions(t, bucket, 5)
    eq(t.c.delete_object(Bucket=bucket, Key="foo", VersionId=made[-1])["VersionId"], made[-1])
    eq((t.get(bucket), t.head(bucket)["VersionId"]), (b"content-3", made[-2]))
    gone = t.c.delete_object(Bucket=bucket, Key="foo")
    eq((gone["DeleteMarker"], len(versions(t, bucket))), (True, 4))
    page = t.c.list_object_versions(Bucket=bucket)
    eq([(one["VersionId"], one["IsLatest"]) for one in page["DeleteMarkers"]], [(gone["VersionId"], True)])
    fails(404, "NoSuchKey", t.get, bucket)
    again = t.c.delete_object(Bucket=bucket, Key="foo", VersionId=gone["VersionId"])
    eq((again["DeleteMarker"], again["VersionId"], t.get(bucket)), (True, gone["VersionId"], b"content-3"))


@case
def versioning_obj_plain_null_version_removal(t):
    bucket = t.bucket("foo")
    t.versioning(bucket)
    eq(versions(t, bucket), ["null"])
    t.c.delete_object(Bucket=bucket, Key="foo", VersionId="null")
    fails(404, "NoSuchKey", t.get, bucket)
    eq(versions(t, bucket), [])


@case
def versioning_obj_plain_null_version_overwrite(t):
    bucket = t.bucket("foo")
    t.versioning(bucket)
    newer = t.put(bucket, body=b"zzz")["VersionId"]
    eq((t.get(bucket), versions(t, bucket)), (b"zzz", [newer, "null"]))
    t.c.delete_object(Bucket=bucket, Key="foo", VersionId=newer)
    eq(t.get(bucket), b"foo")
    t.c.delete_object(Bucket=bucket, Key="foo", VersionId="null")
    fails(404, "NoSuchKey", t.get, bucket)


@case
def versioning_obj_plain_null_version_overwrite_suspended(t):
    bucket = t.bucket("foo")
    t.versioning(bucket)
    t.versioning(bucket, "Suspended")
    t.put(bucket, body=b"zzz")
    eq((t.get(bucket), versions(t, bucket)), (b"zzz", ["null"]))
    t.c.delete_object(Bucket=bucket, Key="foo", VersionId="null")
    eq(versions(t, bucket), [])


@case
def versioning_obj_suspend_versions(t):
    bucket = t.bucket(versioning="Enabled")
    made = put_versions(t, bucket, 3)
    t.versioning(bucket, "Suspended")
    t.put(bucket, body=b"null 1")
    t.put(bucket, body=b"null 2")
    eq((versions(t, bucket), t.get(bucket, VersionId="null")), (["null", *made[::-1]], b"null 2"))
    t.c.delete_object(Bucket=bucket, Key="foo")
    page = t.c.list_object_versions(Bucket=bucket)
    eq([one["VersionId"] for one in page["DeleteMarkers"]], ["null"])
    eq([one["VersionId"] for one in page["Versions"]], made[::-1])
    t.versioning(bucket)
    newer = put_versions(t, bucket, 2)
    eq(versions(t, bucket), [*newer[::-1], *made[::-1]])
    for n, version in enumerate(made):
        eq(t.get(bucket, VersionId=version), f"content-{n}".encode())


@case
def versioning_obj_suspended_copy(t):
    bucket = t.bucket("a", versioning="Suspended")
    copy(t, bucket, (bucket, "a"), "a2")
    copy(t, bucket, (bucket, "a2"), "a")
    eq((t.get(bucket, "a"), versions(t, bucket)), (b"a", ["null", "null"]))


@case
def versioning_obj_create_versions_remove_all(t):
    bucket = t.bucket(versioning="Enabled")
    for version in put_versions(t, bucket, 10):
        t.c.delete_object(Bucket=bucket, Key="foo", VersionId=version)
    eq(versions(t, bucket), [])
    t.c.delete_bucket(Bucket=bucket)


@case
def versioning_obj_create_versions_remove_special_names(t):
    bucket = t.bucket(versioning="Enabled")
    for key in ("_", ":", " ", "a+b&é"):
        made = put_versions(t, bucket, 3, key)
        eq(versions(t, bucket, key), made[::-1])
        for version in made:
            t.c.delete_object(Bucket=bucket, Key=key, VersionId=version)
    eq(versions(t, bucket), [])


@case
def versioning_obj_create_overwrite_multipart(t):
    bucket = t.bucket(versioning="Enabled")
    contents = [noise(PART + n, n) for n in (1, 2)]
    made = [multipart(t, bucket, "foo", content)["VersionId"] for content in contents]
    for version, content in zip(made, contents):
        assert t.get(bucket, VersionId=version) == content
    eq(versions(t, bucket), made[::-1])


@case
def versioning_obj_list_marker(t):
    bucket = t.bucket(versioning="Enabled")
    first, second = put_versions(t, bucket, 3, "foo"), put_versions(t, bucket, 3, "foo2")
    page = t.c.list_object_versions(Bucket=bucket)
    eq([(one["Key"], one["VersionId"], one["IsLatest"]) for one in page["Versions"]],
       [("foo", v, v == first[-1]) for v in first[::-1]] + [("foo2", v, v == second[-1]) for v in second[::-1]])


@case
def versioning_list_in_pages(t):
    bucket = t.bucket(versioning="Enabled")
    wanted = [(key, version) for key in ("a", "b/1", "c") for version in put_versions(t, bucket, 3, key)[::-1]]
    for size in (1, 2, 4):
        found, marker = [], {}
        while True:
            page = t.c.list_object_versions(Bucket=bucket, MaxKeys=size, **marker)
            found += [(one["Key"], one["VersionId"]) for one in page.get("Versions", [])]
            assert len(page.get("Versions", [])) <= size
            if not page["IsTruncated"]:
                break
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        eq(found, wanted, f"pages of {size}")


@case
def versioning_list_prefix_delimiter(t):
    bucket = t.bucket("a/1", "a/2", "b", "c/1", versioning="Enabled")
    t.c.delete_object(Bucket=bucket, Key="d")
    page = t.c.list_object_versions(Bucket=bucket, Delimiter="/")
    eq(([one["Key"] for one in page["Versions"]], [one["Key"] for one in page["DeleteMarkers"]], folders(page)), (["b"], ["d"], ["a/", "c/"]))
    eq([one["Key"] for one in t.c.list_object_versions(Bucket=bucket, Prefix="a/")["Versions"]], ["a/1", "a/2"])


@case
def versioning_list_key_marker(t):
    bucket = t.bucket("a", "b", "c")
    eq([one["Key"] for one in t.c.list_object_versions(Bucket=bucket, KeyMarker="a")["Versions"]], ["b", "c"])


@case
def versioning_list_version_marker_alone(t):
    fails(400, "InvalidArgument", t.c.list_object_versions, Bucket=t.bucket("a"), VersionIdMarker="null")


@case
def versioning_copy_obj_version(t):
    bucket, other = t.bucket(versioning="Enabled"), t.bucket()
    for n, version in enumerate(put_versions(t, bucket, 3)):
        copy(t, bucket, f"{bucket}/foo?versionId={version}", f"copy{n}")
        copy(t, other, f"{bucket}/foo?versionId={version}", f"copy{n}")
        eq((t.get(bucket, f"copy{n}"), t.get(other, f"copy{n}")), (f"content-{n}".encode(),) * 2)


@case
def versioning_multi_object_delete(t):
    bucket = t.bucket(versioning="Enabled")
    made = put_versions(t, bucket, 2)
    for _ in range(2):
        answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo", "VersionId": version} for version in made]})
        eq(([one["VersionId"] for one in answer["Deleted"]], answer.get("Errors")), (made, None))
        eq(versions(t, bucket), [])


@case
def versioning_multi_object_delete_with_marker(t):
    bucket = t.bucket(versioning="Enabled")
    made = put_versions(t, bucket, 2)
    marker = t.c.delete_object(Bucket=bucket, Key="foo")["VersionId"]
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo", "VersionId": version} for version in [*made, marker]]})
    found = {one["VersionId"]: (one.get("DeleteMarker", False), one.get("DeleteMarkerVersionId")) for one in answer["Deleted"]}
    eq(found, {made[0]: (False, None), made[1]: (False, None), marker: (True, marker)})


@case
def versioning_multi_object_delete_with_marker_create(t):
    bucket = t.bucket("foo", versioning="Enabled")
    answer = t.c.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "foo"}]})
    markers = t.c.list_object_versions(Bucket=bucket)["DeleteMarkers"]
    eq((answer["Deleted"][0]["DeleteMarker"], answer["Deleted"][0]["DeleteMarkerVersionId"]), (True, markers[0]["VersionId"]))
    assert "VersionId" not in answer["Deleted"][0]


@case
def versioning_delete_of_nothing_makes_a_marker(t):
    bucket = t.bucket(versioning="Enabled")
    for _ in range(2):
        eq(t.c.delete_object(Bucket=bucket, Key="foo")["DeleteMarker"], True)
    eq(len(t.c.list_object_versions(Bucket=bucket)["DeleteMarkers"]), 2)


@case
def versioning_get_deleted_says_marker(t):
    bucket = t.bucket("foo", versioning="Enabled")
    marker = t.c.delete_object(Bucket=bucket, Key="foo")["VersionId"]
    answer = refused(t.raw.send("GET", f"/{bucket}/foo"), 404, "NoSuchKey")
    eq((answer.headers.get("x-amz-delete-marker"), answer.headers.get("x-amz-version-id")), ("true", marker))
    answer = t.raw.send("HEAD", f"/{bucket}/foo")
    eq((answer.status, answer.headers.get("x-amz-delete-marker")), (404, "true"))


@case
def versioning_get_marker_by_version(t):
    bucket = t.bucket("foo", versioning="Enabled")
    marker = t.c.delete_object(Bucket=bucket, Key="foo")["VersionId"]
    answer = refused(t.raw.send("GET", f"/{bucket}/foo", {"versionId": marker}), 405, "MethodNotAllowed")
    eq(answer.headers.get("x-amz-delete-marker"), "true")
    eq(t.raw.send("HEAD", f"/{bucket}/foo", {"versionId": marker}).status, 405)


@case
def versioning_of_another_key(t):
    bucket = t.bucket(versioning="Enabled")
    version = t.put(bucket, "foo")["VersionId"]
    t.put(bucket, "bar")
    fails(404, "NoSuchVersion", t.get, bucket, "bar", VersionId=version)


@case
def versioning_id_malformed(t):
    fails((400, 404), "InvalidArgument|NoSuchVersion", t.get, t.bucket("foo", versioning="Enabled"), VersionId="what?")


@case
def versioning_id_empty(t):
    refused(t.raw.send("GET", f"/{t.bucket('foo', versioning='Enabled')}/foo", {"versionId": ""}), 400, "InvalidArgument")


@case
def versioning_delete_of_a_version_that_is_not(t):
    bucket = t.bucket("foo", versioning="Enabled")
    version = t.put(bucket, "bar")["VersionId"]
    t.c.delete_object(Bucket=bucket, Key="foo", VersionId=version)
    eq((t.get(bucket), t.get(bucket, "bar")), (b"foo", b"bar"))


@case
def versioning_null_of_unversioned(t):
    bucket = t.bucket("foo")
    eq(t.get(bucket, VersionId="null"), b"foo")
    assert "VersionId" not in t.head(bucket)


@case
def versioning_bucket_atomic_upload_return_version_id(t):
    bucket = t.bucket(versioning="Enabled")
    eq(t.put(bucket)["VersionId"], versions(t, bucket)[0])
    plain = t.bucket()
    assert "VersionId" not in t.put(plain)
    suspended = t.bucket(versioning="Suspended")
    assert t.put(suspended).get("VersionId") in (None, "null")


@case
def versioning_bucket_multipart_upload_return_version_id(t):
    bucket = t.bucket(versioning="Enabled")
    eq(multipart(t, bucket, "foo", b"x")["VersionId"], versions(t, bucket)[0])
    assert "VersionId" not in multipart(t, t.bucket(), "foo", b"x")


@case
def versioning_concurrent_versioned_put(t):
    bucket = t.bucket(versioning="Enabled")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        made = list(pool.map(lambda n: t.put(bucket, body=f"{n}")["VersionId"], range(5)))
    eq(set(versions(t, bucket)), set(made))
    eq(sum(one["IsLatest"] for one in t.c.list_object_versions(Bucket=bucket)["Versions"]), 1)


@case
def versioned_concurrent_object_create_and_remove(t):
    bucket = t.bucket(versioning="Enabled")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        for _ in range(3):
            made = list(pool.map(lambda n: t.put(bucket, body=f"{n}")["VersionId"], range(5)))
            list(pool.map(lambda version: t.c.delete_object(Bucket=bucket, Key="foo", VersionId=version), made))
    eq(versions(t, bucket), [])


@case
def versioning_metadata_of_each(t):
    bucket = t.bucket(versioning="Enabled")
    one = t.put(bucket, Metadata={"n": "1"}, ContentType="text/a")["VersionId"]
    two = t.put(bucket, Metadata={"n": "2"}, ContentType="text/b")["VersionId"]
    for version, number, kind in ((one, "1", "text/a"), (two, "2", "text/b")):
        head = t.head(bucket, VersionId=version)
        eq((head["Metadata"], head["ContentType"], head["VersionId"]), ({"n": number}, kind, version))


# --- Tags -----------------------------------------------------------------------------------------------------------------

def tag_list(number, key=lambda n: f"k{n:02}", value=lambda n: f"v{n}"):
    return [{"Key": key(n), "Value": value(n)} for n in range(number)]


def set_tags(t, bucket, tags, key="foo", **more):
    return t.c.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": tags}, **more)


def tags_of(t, bucket, key="foo", **more):
    return t.c.get_object_tagging(Bucket=bucket, Key=key, **more)["TagSet"]


def good_tags(name, tags):
    def run(t):
        bucket = t.bucket("foo")
        eq(set_tags(t, bucket, tags)["ResponseMetadata"]["HTTPStatusCode"], 200)
        eq(sorted(tags_of(t, bucket), key=lambda tag: tag["Key"]), sorted(tags, key=lambda tag: tag["Key"]))
    add(f"test_{name}", run)


def bad_tags(name, tags, wanted="InvalidTag|BadRequest"):
    def run(t):
        bucket = t.bucket("foo")
        fails(400, wanted, set_tags, t, bucket, tags)
        eq(tags_of(t, bucket), [])
    add(f"test_{name}", run)


good_tags("get_obj_tagging", tag_list(2))
good_tags("put_max_tags", tag_list(10))
good_tags("put_max_kvsize_tags", tag_list(10, lambda n: f"{n}" + "k" * 127, lambda n: f"{n}" + "v" * 255))
good_tags("put_tags_beyond_ascii", [{"Key": "größe", "Value": "日本 + / = @ : . _ -"}])
good_tags("put_tag_with_empty_value", [{"Key": "a", "Value": ""}])
bad_tags("put_excess_tags", tag_list(11))
bad_tags("put_excess_key_tags", tag_list(10, lambda n: f"{n}" + "k" * 128))
bad_tags("put_excess_val_tags", tag_list(10, value=lambda n: f"{n}" + "v" * 256))
bad_tags("put_duplicate_tags", [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])


@case
def put_tag_without_a_key(t):
    bucket, body = t.bucket("foo"), b"<Tagging><TagSet><Tag><Key></Key><Value>1</Value></Tag></TagSet></Tagging>"
    refused(t.raw.send("PUT", f"/{bucket}/foo", {"tagging": ""}, body=body), 400, "InvalidTag|MalformedXML")


@case
def get_obj_head_tagging(t):
    bucket = t.bucket("foo")
    set_tags(t, bucket, tag_list(2))
    eq(sent(t.c.get_object(Bucket=bucket, Key="foo"))["x-amz-tagging-count"], "2")


@case
def head_obj_tagging_count(t):
    """Since 2025 HEAD gives the count too."""
    bucket = t.bucket("foo")
    set_tags(t, bucket, tag_list(3))
    assert sent(t.head(bucket)).get("x-amz-tagging-count") in (None, "3")


@case
def put_modify_tags(t):
    bucket = t.bucket("foo")
    set_tags(t, bucket, tag_list(2))
    set_tags(t, bucket, [{"Key": "key3", "Value": "val3"}])
    eq(tags_of(t, bucket), [{"Key": "key3", "Value": "val3"}])


@case
def put_delete_tags(t):
    bucket = t.bucket("foo")
    set_tags(t, bucket, tag_list(2))
    eq(t.c.delete_object_tagging(Bucket=bucket, Key="foo")["ResponseMetadata"]["HTTPStatusCode"], 204)
    eq((tags_of(t, bucket), t.get(bucket)), ([], b"foo"))


@case
def put_obj_with_tags(t):
    bucket = t.bucket()
    t.put(bucket, Tagging="foo=bar&bar=&a%20b=c%2Bd+e")
    eq(tags_of(t, bucket), [{"Key": "a b", "Value": "c+d e"}, {"Key": "bar", "Value": ""}, {"Key": "foo", "Value": "bar"}])


@case
def put_obj_with_excess_tags(t):
    bucket = t.bucket()
    fails(400, "InvalidTag|BadRequest|InvalidArgument", t.put, bucket, Tagging="&".join(f"k{n}=v" for n in range(11)))
    eq(t.names(bucket), [])


@case
def tags_keep_etag_and_date(t):
    bucket = t.bucket("foo")
    before = t.head(bucket)
    set_tags(t, bucket, tag_list(1))
    after = t.head(bucket)
    eq((after["ETag"], after["LastModified"]), (before["ETag"], before["LastModified"]))


@case
def tags_of_versions(t):
    bucket = t.bucket(versioning="Enabled")
    one, two = t.put(bucket, Tagging="n=1")["VersionId"], t.put(bucket, Tagging="n=2")["VersionId"]
    eq((tags_of(t, bucket, VersionId=one), tags_of(t, bucket)), ([{"Key": "n", "Value": "1"}], [{"Key": "n", "Value": "2"}]))
    set_tags(t, bucket, tag_list(1), VersionId=one)
    eq((tags_of(t, bucket, VersionId=one), tags_of(t, bucket, VersionId=two)), (tag_list(1), [{"Key": "n", "Value": "2"}]))
    t.c.delete_object_tagging(Bucket=bucket, Key="foo", VersionId=two)
    eq(tags_of(t, bucket), [])


@case
def tags_of_nothing(t):
    bucket = t.bucket()
    fails(404, "NoSuchKey", tags_of, t, bucket)
    fails(404, "NoSuchKey", set_tags, t, bucket, [])
    fails(404, "NoSuchKey", t.c.delete_object_tagging, Bucket=bucket, Key="foo")


@case
def tags_malformed(t):
    body = b"<Tagging><TagSet><Tag><Key>a"
    refused(t.raw.send("PUT", f"/{t.bucket('foo')}/foo", {"tagging": ""}, body=body), 400, "MalformedXML")


@case
def set_multipart_tagging(t):
    bucket = t.bucket()
    multipart(t, bucket, "foo", b"x", Tagging="Hello=World&foo=bar")
    eq(tags_of(t, bucket), [{"Key": "Hello", "Value": "World"}, {"Key": "foo", "Value": "bar"}])
    t.c.delete_object_tagging(Bucket=bucket, Key="foo")
    eq(tags_of(t, bucket), [])


@case
def body_md5_of_tagging(t):
    bucket, body = t.bucket("foo"), b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    refused(t.raw.send("PUT", f"/{bucket}/foo", {"tagging": ""}, {"content-md5": b64(hashlib.md5(b"other").digest())}, body), 400, "BadDigest")
    eq(tags_of(t, bucket), [])


# --- Lists of grants, of which there is one -----------------------------------------------------------------------------------

def only_the_owner(answer):
    grants = [(grant["Grantee"]["Type"], grant["Grantee"]["ID"], grant["Permission"]) for grant in answer["Grants"]]
    eq(grants, [("CanonicalUser", answer["Owner"]["ID"], "FULL_CONTROL")])


@case
def bucket_acl_default(t):
    only_the_owner(t.c.get_bucket_acl(Bucket=t.bucket()))


@case
def bucket_acl_canned_private_to_private(t):
    bucket = t.bucket()
    t.c.put_bucket_acl(Bucket=bucket, ACL="private")
    only_the_owner(t.c.get_bucket_acl(Bucket=bucket))


@case
def object_acl_default(t):
    only_the_owner(t.c.get_object_acl(Bucket=t.bucket("foo"), Key="foo"))


@case
def object_acl_private(t):
    bucket = t.bucket("foo")
    t.c.put_object_acl(Bucket=bucket, Key="foo", ACL="private")
    only_the_owner(t.c.get_object_acl(Bucket=bucket, Key="foo"))


@case
def object_acl_not_exist(t):
    fails(404, "NoSuchKey", t.c.get_object_acl, Bucket=t.bucket(), Key="foo")


@case
def bucket_acl_not_exist(t):
    fails(404, "NoSuchBucket", t.c.get_bucket_acl, Bucket=t.name())


@case
def acl_public_is_refused(t):
    bucket = t.bucket("foo")
    fails(400, "AccessControlListNotSupported", t.c.put_bucket_acl, Bucket=bucket, ACL="public-read")
    fails(400, "AccessControlListNotSupported", t.c.put_object_acl, Bucket=bucket, Key="foo", ACL="public-read")
    fails(403, "AccessDenied", t.anonymous.get_object, Bucket=bucket, Key="foo")


@case
def acl_grant_of_others_is_refused(t):
    """A grant that is not made must not be acknowledged."""
    bucket = t.bucket("foo")
    owner = t.c.get_bucket_acl(Bucket=bucket)["Owner"]
    grants = {"Owner": owner, "Grants": [{"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}]}
    fails(400, "AccessControlListNotSupported", t.c.put_object_acl, Bucket=bucket, Key="foo", AccessControlPolicy=grants)
    fails(400, "AccessControlListNotSupported", t.c.put_bucket_acl, Bucket=bucket, AccessControlPolicy=grants)
    fails(400, "AccessControlListNotSupported", t.c.put_object_acl, Bucket=bucket, Key="foo", GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"')


@case
def object_acl_create_contentlength_none(t):
    bucket = t.bucket("foo")
    status(t.raw.send("PUT", f"/{bucket}/foo", {"acl": ""}, {"x-amz-acl": "private"}, late={"content-length": None}), 200)


@case
def acl_of_a_viewer(t):
    bucket = t.bucket("foo")
    t.viewer.get_object_acl(Bucket=bucket, Key="foo")
    fails(403, "AccessDenied", t.viewer.put_object_acl, Bucket=bucket, Key="foo", ACL="private")
    fails(403, "AccessDenied", t.viewer.put_bucket_acl, Bucket=bucket, ACL="private")


@case
def acl_of_anonymous(t):
    fails(403, "AccessDenied", t.anonymous.get_bucket_acl, Bucket=t.bucket())


# --- Pages of other origins -------------------------------------------------------------------------------------------------

RULES = [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*.get", "*.put"]}]


def with_rules(t, *rules):
    bucket = t.bucket("foo")
    t.c.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})
    return bucket


def allowed(t, method, target, origin, **headers):
    answer = t.raw.transmit(method, target, {"host": t.host, "origin": origin} | {name.replace("_", "-"): value for name, value in headers.items()})
    return answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("access-control-allow-methods")


@case
def set_cors(t):
    bucket = t.bucket()
    fails(404, "NoSuchCORSConfiguration", t.c.get_bucket_cors, Bucket=bucket)
    rules = [{"ID": "one", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*.get", "http://a.example"], "AllowedHeaders": ["x-*"],
              "ExposeHeaders": ["x-amz-meta-a"], "MaxAgeSeconds": 600}, {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]}]
    t.c.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    found = [{name: value for name, value in rule.items() if value} for rule in t.c.get_bucket_cors(Bucket=bucket)["CORSRules"]]
    eq(found, rules)
    t.c.delete_bucket_cors(Bucket=bucket)
    fails(404, "NoSuchCORSConfiguration", t.c.get_bucket_cors, Bucket=bucket)


@case
def set_cors_bad_method(t):
    bucket = t.bucket()
    fails(400, "InvalidRequest", t.c.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]})


@case
def set_cors_two_wildcards(t):
    bucket = t.bucket()
    fails(400, "InvalidRequest", t.c.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*a*"]}]})


@case
def set_cors_not_exist(t):
    fails(404, "NoSuchBucket", t.c.get_bucket_cors, Bucket=t.name())


@case
def cors_preflight(t):
    bucket = with_rules(t, {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://page.example"], "AllowedHeaders": ["content-type", "x-amz-*"],
                            "MaxAgeSeconds": 77, "ExposeHeaders": ["ETag"]})
    answer = t.raw.transmit("OPTIONS", f"/{bucket}/foo", {"host": t.host, "origin": "http://page.example", "access-control-request-method": "PUT",
                                                         "access-control-request-headers": "content-type, x-amz-date"})
    eq((answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("access-control-max-age")), (200, "http://page.example", "77"))
    assert "PUT" in answer.headers["access-control-allow-methods"] and "x-amz-date" in answer.headers["access-control-allow-headers"].lower()


@case
def cors_header_option(t):
    """A preflight for what no rule allows is refused."""
    bucket = with_rules(t, {"AllowedMethods": ["GET"], "AllowedOrigins": ["http://page.example"], "AllowedHeaders": ["x-good"]})
    target = f"/{bucket}/foo"
    for origin, headers in (("http://other.example", {"access_control_request_method": "GET"}),
                            ("http://page.example", {"access_control_request_method": "DELETE"}),
                            ("http://page.example", {"access_control_request_method": "GET", "access_control_request_headers": "x-bad"})):
        eq(allowed(t, "OPTIONS", target, origin, **headers)[:2], (403, None), f"{origin} {headers}")


@case
def cors_preflight_without_rules(t):
    eq(allowed(t, "OPTIONS", f"/{t.bucket('foo')}/foo", "http://page.example", access_control_request_method="GET")[0], 403)


@case
def cors_preflight_without_origin(t):
    status(t.raw.transmit("OPTIONS", f"/{t.bucket('foo')}/foo", {"host": t.host, "access-control-request-method": "GET"}), 400)


@case
def cors_preflight_of_no_bucket(t):
    assert allowed(t, "OPTIONS", f"/{t.name()}/foo", "http://page.example", access_control_request_method="GET")[0] in (403, 404)


@case
def cors_origin_response(t):
    bucket = with_rules(t, {"AllowedMethods": ["GET"], "AllowedOrigins": ["*suffix", "start*end", "prefix*"]})
    for origin, good in (("foo.suffix", True), ("suffix.get", False), ("startend", True), ("start1end", True), ("start12end", True), ("0start12end", False),
                         ("prefix", True), ("prefix.suffix", True), ("bla.prefix", False)):
        answer = t.raw.send("GET", f"/{bucket}/foo", headers={"origin": origin})
        eq((answer.status, answer.headers.get("access-control-allow-origin")), (200, origin if good else None), origin)


@case
def cors_origin_wildcard(t):
    bucket = with_rules(t, {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]})
    eq(t.raw.send("GET", f"/{bucket}/foo", headers={"origin": "example.origin"}).headers.get("access-control-allow-origin"), "*")


@case
def cors_expose_headers(t):
    bucket = with_rules(t, {"AllowedMethods": ["GET"], "AllowedOrigins": ["http://a"], "ExposeHeaders": ["ETag", "x-amz-meta-a"]})
    found = t.raw.send("GET", f"/{bucket}/foo", headers={"origin": "http://a"}).headers
    eq(found.get("access-control-expose-headers", "").replace(" ", "").lower(), "etag,x-amz-meta-a")


@case
def cors_presigned_get_object(t):
    bucket = with_rules(t, {"AllowedMethods": ["GET"], "AllowedOrigins": ["http://page.example"]})
    target = t.raw.presigned("GET", f"/{bucket}/foo")
    eq(allowed(t, "GET", target, "http://page.example")[:2], (200, "http://page.example"))
    eq(allowed(t, "OPTIONS", target, "http://page.example", access_control_request_method="GET")[:2], (200, "http://page.example"))


@case
def cors_presigned_put_object(t):
    bucket = with_rules(t, {"AllowedMethods": ["PUT"], "AllowedOrigins": ["http://page.example"]})
    target = t.raw.presigned("PUT", f"/{bucket}/new")
    answer = t.raw.transmit("PUT", target, {"host": t.host, "origin": "http://page.example", "content-length": "3"}, b"new")
    eq((answer.status, answer.headers.get("access-control-allow-origin"), t.get(bucket, "new")), (200, "http://page.example", b"new"))


@case
def cors_on_errors(t):
    """A page learns why it was refused."""
    bucket = with_rules(t, {"AllowedMethods": ["GET"], "AllowedOrigins": ["http://page.example"]})
    answer = t.raw.send("GET", f"/{bucket}/gone", headers={"origin": "http://page.example"})
    eq((answer.status, answer.headers.get("access-control-allow-origin")), (404, "http://page.example"))


# --- Forms that browsers send -----------------------------------------------------------------------------------------------

class Form:
    """A form with a signed policy."""

    def __init__(self, t, bucket, fields=None, conditions=None, expires=600, signed=True, without=()):
        raw, date = t.raw, now()
        credential = f"{raw.id}/{date[:8]}/{raw.region}/s3/aws4_request"
        self.t, self.bucket = t, bucket
        self.fields = {"key": "foo.txt", "Content-Type": "text/plain"} | (fields or {})
        if signed:
            own = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": date}
            usual = [{"bucket": bucket}, ["starts-with", "$key", "foo"], {"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": credential},
                     {"x-amz-date": date}, ["starts-with", "$Content-Type", "text/plain"], ["content-length-range", 0, 1024]]
            document = {"expiration": (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=expires)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                        "conditions": usual if conditions is None else conditions(usual)}
            for name in without:
                document.pop(name)
            self.fields |= own
            self.sign(json.dumps(document))

    def sign(self, document):
        policy = b64(document.encode())
        key = self.t.raw.signing_key(self.fields["x-amz-date"][:8])
        self.fields |= {"policy": policy, "x-amz-signature": hmac.digest(key, policy.encode(), "sha256").hex()}
        return self

    def post(self, content=b"bar", filename="a.txt", file_field="file", behind=None):
        boundary = "form-boundary-7MA4YWxk"
        lines = b""
        for name, value in self.fields.items():
            lines += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        lines += f'--{boundary}\r\nContent-Disposition: form-data; name="{file_field}"; filename="{filename}"\r\nContent-Type: text/x-file\r\n\r\n'.encode()
        lines += content + b"\r\n"
        for name, value in (behind or {}).items():
            lines += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        lines += f"--{boundary}--\r\n".encode()
        headers = {"host": self.t.host, "content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(len(lines))}
        return self.t.raw.transmit("POST", f"/{self.bucket}", headers, lines)


def form_case(name, wanted, codes="", key="foo.txt", content=b"bar", edit=None, filename="a.txt", wanted_content=None, **options):
    def run(t):
        bucket = t.bucket()
        form = Form(t, bucket, **options)
        if edit:
            edit(form)
        answer = form.post(content, filename)
        if wanted in (200, 201, 204, 303):
            status(answer, wanted)
            eq(t.get(bucket, key), wanted_content if wanted_content is not None else content)
        else:
            refused(answer, wanted, codes)
            eq(t.names(bucket), [])
        return answer
    add(f"test_post_object_{name}", run)


def plus(*more):
    return lambda usual: [*usual, *more]


def minus(field):
    return lambda usual: [one for one in usual if not (isinstance(one, dict) and field in one)]


form_case("authenticated_request", 204)
form_case("authenticated_request_bad_access_key", 403, "InvalidAccessKeyId|AccessDenied|SignatureDoesNotMatch",
          edit=lambda form: form.fields.update({"x-amz-credential": "foo/" + form.fields["x-amz-credential"].partition("/")[2]}))
form_case("invalid_signature", 403, "SignatureDoesNotMatch", edit=lambda form: form.fields.update({"x-amz-signature": "0" * 64}))
form_case("invalid_access_key", 403, "InvalidAccessKeyId", edit=lambda form: form.fields.update({"x-amz-credential": form.fields["x-amz-credential"].replace("key_", "key_x")}))
form_case("missing_signature", (400, 403), "", edit=lambda form: form.fields.pop("x-amz-signature"))
form_case("missing_policy", (400, 403), "", edit=lambda form: form.fields.pop("policy"))
form_case("anonymous_request", 403, "AccessDenied", signed=False)
form_case("expired_policy", 403, "AccessDenied", expires=-600)
form_case("invalid_date_format", 400, "", edit=lambda form: form.sign(json.dumps({"expiration": "tomorrow", "conditions": [{"bucket": form.bucket}]})))
form_case("invalid_request_field_value", 403, "AccessDenied", fields={"x-amz-meta-foo": "barclamp"}, conditions=plus(["eq", "$x-amz-meta-foo", ""]))
form_case("missing_expires_condition", 400, "", without=("expiration",))
form_case("missing_conditions_list", 400, "", without=("conditions",))
form_case("empty_conditions", (400, 403), "", conditions=lambda usual: [])
form_case("upload_size_limit_exceeded", 400, "EntityTooLarge", content=b"x" * 1025)
form_case("upload_size_below_minimum", 400, "EntityTooSmall", conditions=plus(["content-length-range", 10, 1000]), content=b"x")
form_case("upload_size_rgw_chunk_size_bug", 204, conditions=lambda usual: [*usual[:-1], ["content-length-range", 0, 2 * MIB]], content=noise(MIB + 4567, 4))
form_case("invalid_content_length_argument", 400, "", conditions=lambda usual: [*usual[:-1], ["content-length-range", -1, 0]])
form_case("missing_content_length_argument", 400, "", conditions=lambda usual: [*usual[:-1], ["content-length-range", 0]])
form_case("missing_policy_condition", 403, "AccessDenied", conditions=minus("bucket"))
form_case("key_not_in_policy", 403, "AccessDenied", fields={"key": "bar.txt"})
form_case("bucket_of_another_policy", 403, "AccessDenied", conditions=lambda usual: [{"bucket": "another"}, *usual[1:]])
form_case("extra_field_not_in_policy", 403, "AccessDenied", fields={"x-amz-meta-evil": "1"})
form_case("ignored_header", 204, fields={"x-ignore-foo": "bar"})
form_case("case_insensitive_condition_fields", 204, conditions=lambda usual: [{"bUcKeT": usual[0]["bucket"]}, ["StArTs-WiTh", "$KeY", "foo"], *usual[2:]])
form_case("escaped_field_values", 204, key="\\$foo.txt", fields={"key": "\\$foo.txt"}, conditions=lambda usual: [usual[0], ["starts-with", "$key", "\\$foo"], *usual[2:]])
form_case("set_key_from_filename", 204, key="foo/photo.png", fields={"key": "foo/${filename}"}, filename="photo.png")
form_case("success_redirect_action", 303, fields={"success_action_redirect": "http://page.example/done"},
          conditions=plus(["eq", "$success_action_redirect", "http://page.example/done"]))
form_case("invalid_success_code", 204, fields={"success_action_status": "404"}, conditions=plus(["starts-with", "$success_action_status", ""]))
form_case("success_code_200", 200, fields={"success_action_status": "200"}, conditions=plus(["starts-with", "$success_action_status", ""]))
form_case("condition_is_case_sensitive", 403, "AccessDenied", fields={"key": "FOO.txt"})
form_case("empty_file", 204, content=b"")
form_case("file_with_boundaries_inside", 204, content=b"\r\n--form-boundary\r\n--form-boundary-7MA4YWx\r\n")
form_case("date_skewed", 403, "", edit=lambda form: form.fields.update({"x-amz-date": now(days=-2)}))


@case
def post_object_set_success_code(t):
    bucket = t.bucket()
    answer = status(Form(t, bucket, {"success_action_status": "201"}, plus({"success_action_status": "201"})).post(), 201)
    eq((texts(answer.body, "Key"), texts(answer.body, "Bucket")), (["foo.txt"], [bucket]))


@case
def post_object_redirect_names_the_object(t):
    bucket = t.bucket()
    form = Form(t, bucket, {"success_action_redirect": "http://page.example/done"}, plus(["starts-with", "$success_action_redirect", ""]))
    place = urllib.parse.urlsplit(status(form.post(), 303).headers["location"])
    eq((place.netloc, dict(urllib.parse.parse_qsl(place.query)).get("key"), dict(urllib.parse.parse_qsl(place.query)).get("bucket")), ("page.example", "foo.txt", bucket))


@case
def post_object_etag_header(t):
    eq(status(Form(t, t.bucket()).post(), 204).headers.get("etag"), f'"{md5(b"bar")}"')


@case
def post_object_user_specified_header(t):
    bucket = t.bucket()
    status(Form(t, bucket, {"x-amz-meta-foo": "barclamp"}, plus(["starts-with", "$x-amz-meta-foo", "bar"])).post(), 204)
    eq(t.head(bucket, "foo.txt")["Metadata"], {"foo": "barclamp"})


@case
def post_object_content_type(t):
    bucket = t.bucket()
    status(Form(t, bucket, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}, plus({"Cache-Control": "no-store"})).post(), 204)
    head = t.head(bucket, "foo.txt")
    eq((head["ContentType"], head.get("CacheControl")), ("text/plain; charset=utf-8", "no-store"))


@case
def post_object_tags_authenticated_request(t):
    bucket = t.bucket()
    xml = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    status(Form(t, bucket, {"tagging": xml}, plus(["starts-with", "$tagging", ""])).post(), 204)
    eq(tags_of(t, bucket, "foo.txt"), [{"Key": "a", "Value": "b"}])


@case
def post_object_upload_checksum(t):
    bucket = t.bucket()
    fields = lambda content: ({"x-amz-checksum-sha256": SUMS["SHA256"](content)}, plus(["starts-with", "$x-amz-checksum-sha256", ""]))
    refused(Form(t, bucket, *fields(b"other")).post(), 400, "BadDigest")
    eq(t.names(bucket), [])
    status(Form(t, bucket, *fields(b"bar")).post(), 204)
    eq(t.get(bucket, "foo.txt"), b"bar")


@case
def post_object_wrong_bucket(t):
    refused(Form(t, t.name()).post(), 404, "NoSuchBucket")


@case
def post_object_without_file(t):
    refused(Form(t, t.bucket()).post(file_field="other"), (400, 403), "")


@case
def post_object_fields_behind_the_file_do_not_count(t):
    bucket = t.bucket()
    status(Form(t, bucket).post(behind={"key": "evil.txt", "x-amz-meta-a": "b"}), 204)
    eq(t.names(bucket), ["foo.txt"])


@case
def post_object_public_acl(t):
    bucket = t.bucket()
    refused(Form(t, bucket, {"acl": "public-read"}, plus({"acl": "public-read"})).post(), 400, "AccessControlListNotSupported")


@case
def post_object_of_a_viewer(t):
    bucket = t.bucket()
    t.raw = Raw(t.host, t.suite.viewer_key)
    refused(Form(t, bucket).post(), 403, "AccessDenied")


@case
def post_object_by_boto3(t):
    bucket = t.bucket()
    form = t.c.generate_presigned_post(bucket, "a/${filename}", Fields={"success_action_status": "201"}, Conditions=[{"success_action_status": "201"}], ExpiresIn=60)
    made = Form(t, bucket, signed=False)
    made.fields = form["fields"]
    status(made.post(b"content", "b.txt"), 201)
    eq(t.get(bucket, "a/b.txt"), b"content")


# --- Buckets in the host ----------------------------------------------------------------------------------------------------

@case
def virtual_host_without_domain_is_path_style(t):
    """Without a domain of its own, the node takes no bucket from the host."""
    bucket = t.bucket("foo")
    answer = t.raw.send("GET", f"/{bucket}/foo", host="some.name.example")
    eq(status(answer, 200).body, b"foo")


# --- Running them ---------------------------------------------------------------------------------------------------------

def run(suite, name):
    """What is wrong, and for how long it ran."""
    began, t, wrong = time.monotonic(), Case(suite), None
    try:
        CASES[name](t)
    except AssertionError as error:
        line = traceback.extract_tb(error.__traceback__)
        place = next((frame.lineno for frame in reversed(line) if frame.name not in ("eq", "fails", "refused", "matches", "status")), 0)
        wrong = f"{error} (line {place})"
    except Exception as error:  # whatever it is, it is this case's
        wrong = f"{type(error).__name__}: {error} (line {[f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__][-1:]})"
    try:
        t.clean()
    except Exception as error:
        wrong = wrong or f"cleaning up: {type(error).__name__}: {error}"
    return name, wrong, time.monotonic() - began


def main():
    if "--excluded" in sys.argv:
        for family, reason in EXCLUDED.items():
            print(f"{family}: {reason}")
        return
    binary, parts = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    served = [name for name in CASES if not name.startswith("test_post_object_")]
    chosen = [name for name in served if not parts or any(part in name for part in parts)]
    random.shuffle(chosen)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="casemate-s3-", ignore_cleanup_errors=True) as scratch:
        endpoint = Endpoint(binary, pathlib.Path(scratch) / "data")
        try:
            suite = Suite(endpoint)
            with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
                done = sorted(pool.map(lambda name: run(suite, name), chosen))
        finally:
            endpoint.node.stop()
        if os.environ.get("KEEP_LOG"):
            pathlib.Path(os.environ["KEEP_LOG"]).write_bytes(pathlib.Path(endpoint.node.log.name).read_bytes())
    outcomes = [(name, outcome(name, wrong), wrong, seconds) for name, wrong, seconds in done]
    for name, said, wrong, seconds in outcomes:
        why = {"FAIL": wrong or "it passes now: take it off the list of gaps", "gap": GAPS.get(name)}.get(said)
        print(f"{said:4} {name}", *([": " + " | ".join(why.splitlines())] if why else []), *([f"({seconds:.1f} s)"] if seconds > 5 else []))
    count = collections.Counter(said for _, said, _, _ in outcomes)
    print(f"{len(EXCLUDED)} families of s3-tests do not apply (EXCLUDED says why, `--excluded` prints it)")
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['gap']} known gaps, {time.monotonic() - began:.0f} s")
    sys.exit(1 if count["FAIL"] else 0)


def outcome(name, wrong):
    """A case of the list of gaps must fail, all others must not."""
    if name in GAPS:
        return "gap" if wrong else "FAIL"
    return "FAIL" if wrong else "ok"


if __name__ == "__main__":
    main()
