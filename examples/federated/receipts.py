"""What the receipts of a round say together: that the model follows from the updates, and these from the model before.

`casemate verify` checks each receipt; this compares what they name. The bytes are those of docs/formats/receipt.md and
docs/formats/bundle.md; only the part up to the input files is read.
"""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass

SIGNED_HEADER_BYTES = 9
DIGEST_BYTES = 32


class Broken(Exception):
    """The receipts are not of one round."""


@dataclass
class Receipt:
    module: str
    invocation: str
    output: str
    inputs: dict[str, str]


def parse(bundle: str) -> Receipt:
    """Reads a bundle that `casemate verify` has accepted."""
    signed = base64.b64decode(re.search(r"^receipt (.+)$", bundle, re.MULTILINE).group(1))
    at = SIGNED_HEADER_BYTES + len(b"CMRC\x01")

    def take(count):
        nonlocal at
        at += count
        return signed[at - count:at]

    def text():
        return take(struct.unpack(">H", take(2))[0]).decode()

    for _ in ("task", "run", "project"):
        text()
    module, invocation, _, output, _ = (take(DIGEST_BYTES).hex() for _ in range(5))
    count = struct.unpack(">H", take(2))[0]
    return Receipt(module, invocation, output, {text(): take(DIGEST_BYTES).hex() for _ in range(count)})


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def invocation(arguments) -> str:
    """How a receipt names these arguments, without environment."""
    texts = b"".join(struct.pack(">I", len(text)) + text for text in (argument.encode() for argument in arguments))
    return digest(b"casemate invocation v1\n" + struct.pack(">I", len(arguments)) + texts + struct.pack(">I", 0))


def check_round(aggregate: Receipt, trained: dict[str, Receipt], modules: dict[str, bytes], arguments) -> None:
    """Raises Broken unless the aggregate read what the clients' tasks left, all of one model, and ran as it should."""
    if aggregate.module != digest(modules["aggregate"]) or aggregate.invocation != invocation(arguments):
        raise Broken("the aggregate was another program, or had other arguments")
    for client, receipt in trained.items():
        if receipt.module != digest(modules["train"]):
            raise Broken(f"the update of {client} was made by another program")
        if receipt.inputs["model"] != aggregate.inputs["model"]:
            raise Broken(f"the update of {client} is of another model")
        if receipt.output != aggregate.inputs[client]:
            raise Broken(f"the aggregate read another update of {client}")
