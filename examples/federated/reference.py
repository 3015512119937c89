"""What train.c and aggregate.c compute, once more in plain Python: the same whole numbers, and so the same bytes.

Written from the description, with Python's unbounded integers, so that an overflow in C would show as a difference.
Inputs are taken to be well formed; it is the guests that check them.
"""

import hashlib
import math

ONE = 1 << 24
LN_2 = 11629080
DRAW_BYTES = 16
STEPS_MAX = 100


def divide(top, bottom):
    """C's division: what is left is dropped towards zero."""
    size = abs(top) // abs(bottom)
    return size if (top < 0) == (bottom < 0) else -size


def decimal(text):
    """A decimal number as a fixed one, towards zero."""
    whole, _, fraction = text.lstrip("-").partition(".")
    value = int(whole + fraction) * ONE // 10 ** len(fraction)
    return -value if text.startswith("-") else value


def vector_text(weights):
    return f"weights {len(weights)}\n" + "".join(f"{weight}\n" for weight in weights)


def model_text(number, weights):
    return f"federated-model 1\nround {number}\n{vector_text(weights)}"


def update_text(client, number, samples, delta):
    return f"federated-update 1\nclient {client}\nround {number}\nsamples {samples}\n{vector_text(delta)}"


def parse_model(text):
    """Round and weights."""
    lines = text.splitlines()
    return int(lines[1].split()[1]), [int(line) for line in lines[3:]]


def parse_update(text):
    """Client, samples and delta."""
    lines = text.splitlines()
    return lines[1].split()[1], int(lines[3].split()[1]), [int(line) for line in lines[5:]]


def exp_minus(x):
    halves, rest = divmod(x, LN_2)
    if halves > 24:
        return 0
    term = total = ONE
    for at in range(1, 13):
        term = term * rest // ONE // at
        total += term if at % 2 == 0 else -term
    return total >> halves


def sigmoid(x):
    small = 0 if abs(x) > 32 * ONE else exp_minus(abs(x))
    result = ONE * ONE // (ONE + small)
    return ONE - result if x < 0 else result


def train(model, table, client, epochs, rate):
    """The text of the update that train.c writes."""
    number, start = parse_model(model)
    rows = [[decimal(value) for value in line.split(",")] for line in table.splitlines()[1:]]
    # The bias is the weight of a feature that is always 1.
    rows = [(row[:-1] + [ONE], row[-1]) for row in rows]
    weights = list(start)
    for _ in range(epochs):
        gradient = [0] * len(weights)
        for features, label in rows:
            score = sum(weight * feature for weight, feature in zip(weights, features))
            error = sigmoid(divide(score, ONE)) - label
            gradient = [total + error * feature for total, feature in zip(gradient, features)]
        steps = [divide(decimal(rate) * divide(total, len(rows) * ONE), ONE) for total in gradient]
        weights = [weight - step for weight, step in zip(weights, steps)]
    return update_text(client, number, len(rows), [after - before for after, before in zip(weights, start)])


def clip(delta, most):
    squares = sum(value * value for value in delta)
    if squares <= most * most:
        return delta
    length = math.isqrt(squares - 1) + 1
    return [divide(value * most, length) for value in delta]


def trimmed_mean(values, trim):
    kept = sorted(values)[trim:len(values) - trim]
    return divide(sum(kept), len(kept))


def aggregate(model, updates, rule, options, seed=None):
    """The text of the model that aggregate.c writes; options as its arguments, without the rule."""
    options = dict(option.split("=") for option in options)
    number, weights = parse_model(model)
    most = decimal(options["clip"])
    parsed = sorted((*parse_update(text), text) for text in updates)
    deltas = [clip(delta, most) for _, _, delta, _ in parsed]
    columns = list(zip(*deltas))
    if rule != "mean":
        trim = int(options["trim"]) if rule == "trimmed" else (len(deltas) - 1) // 2
        change = [trimmed_mean(column, trim) for column in columns]
    else:
        cap = int(options["cap"])
        samples = [min(count, cap) for _, count, _, _ in parsed]
        if "noise" not in options:
            change = [divide(sum(map(int.__mul__, samples, column)), sum(samples)) for column in columns]
        else:
            multiplier = decimal(options["noise"])
            noise = Noise(bytes.fromhex(seed), (most, cap, multiplier), model, [text for *_, text in parsed])
            sigma = (multiplier + 1) * most // ONE + 1
            shares = [[divide(count * value, cap) for count, value in zip(samples, column)] for column in columns]
            change = [divide(noise.gaussian(sigma) + sum(column), len(deltas)) for column in shares]
    return model_text(number + 1, [weight + moved for weight, moved in zip(weights, change)])


class Noise:
    """The sampler of noise.h."""

    def __init__(self, seed, numbers, model, updates):
        inputs = b"".join(hashlib.sha256(text.encode()).digest() for text in (model, *updates))
        packed = b"".join(number.to_bytes(8, "big") for number in numbers)
        self._key = hashlib.sha256(b"federated-noise 1\n" + seed + packed + inputs).digest()
        self._blocks = 0
        self._left = b""

    def uniform(self, limit):
        mask = (1 << (limit - 1).bit_length()) - 1
        while True:
            if not self._left:
                self._left = hashlib.sha256(self._key + self._blocks.to_bytes(8, "big")).digest()
                self._blocks += 1
            value = int.from_bytes(self._left[:DRAW_BYTES], "big") & mask
            self._left = self._left[DRAW_BYTES:]
            if value < limit:
                return value

    def coin_of_part(self, top, bottom):
        k = 1
        while self.uniform(bottom * k) < top:
            k += 1
        return k % 2 == 1

    def coin(self, top, bottom):
        while top > bottom:
            if not self.coin_of_part(1, 1):
                return False
            top -= bottom
        return self.coin_of_part(top, bottom)

    def laplace(self, scale):
        while True:
            low, steps = self.uniform(scale), 0
            if not self.coin(low, scale):
                continue
            while steps <= STEPS_MAX and self.coin(1, 1):
                steps += 1
            negative, size = self.uniform(2) == 1, low + scale * steps
            if steps > STEPS_MAX or (negative and size == 0):
                continue
            return -size if negative else size

    def gaussian(self, sigma):
        scale = sigma + 1
        while True:
            drawn = self.laplace(scale)
            far = abs(drawn) * scale - sigma * sigma
            if self.coin(far * far, 2 * sigma * sigma * scale * scale):
                return drawn
