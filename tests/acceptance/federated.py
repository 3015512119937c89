#!/usr/bin/env python3
"""Trains over several clients by tasks, as `examples/federated` does: `federated.py BINARY`.

The same training twice gives the same model by the same fuel, and both equal a reference in plain Python bit by bit. What a
client may do that lies is bounded, whatever it sends; what is malformed is refused by name; noise is there when it is asked
for, has the size that the accountant reckons with, and is never left out silently.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import replace

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "federated"
sys.path.insert(0, str(EXAMPLE))
# Nothing is written beside the sources.
sys.dont_write_bytecode = True

import accountant_test  # noqa: E402
import build  # noqa: E402
import receipts  # noqa: E402
import reference  # noqa: E402
import run as example  # noqa: E402
from node import Node  # noqa: E402

ONE = reference.ONE
ROUNDS, CLIENTS = 4, 5
SEED, OTHER_SEED = "5e" * 32, "5f" * 32
# Small honest updates: (samples, delta) of three weights.
HONEST = ((80, (ONE // 4, -ONE // 3, 1000)), (120, (ONE // 5, -ONE // 2, -7)), (60, (ONE // 3, -ONE // 4, 0)),
          (90, (ONE // 6, -ONE // 5, 123456)), (100, (ONE // 2, -ONE // 6, -99999)))
ROUND, WEIGHTS = 3, (ONE, -ONE, 5)
HUGE = 1 << 44


def require(claim, good, detail=""):
    """The first claim that does not hold ends the test."""
    if not good:
        raise SystemExit(f"FAIL {claim}\n{detail}")


def check(claim, good, detail=""):
    require(claim, good, detail)
    print(f"ok   {claim}", flush=True)


class Guests:
    """Runs one guest on files that a test makes up."""

    def __init__(self, node, modules, scratch):
        self._node, self._modules, self._scratch = node, modules, scratch

    def run(self, guest, files, *arguments):
        inputs = []
        for at, (name, content) in enumerate(files.items()):
            path = self._scratch / f"input-{at}"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            inputs += ["--in", f"{name}={path}"]
        return self._node.run("run", str(self._modules[guest]), "--socket", str(self._node.directory / "casemate.sock"), "--det", *inputs,
                              "--", *arguments, check=False)

    def model(self, files, *arguments):
        """The text of the next model."""
        done = self.run("aggregate", files, *arguments)
        if done.returncode != 0:
            raise SystemExit(f"aggregate {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def refusal(self, guest, files, *arguments):
        """What a guest said that was to refuse its input, and nothing if it did not."""
        done = self.run(guest, files, *arguments)
        refused = done.returncode == 1 and "exited with code 2" in done.stderr and done.stdout == ""
        return done.stderr if refused else ""


def model(weights=WEIGHTS):
    return reference.model_text(ROUND, weights)


def update(client, samples, delta):
    return reference.update_text(client, ROUND, samples, delta)


def honest():
    return {f"update-{at}": update(f"c{at}", *content) for at, content in enumerate(HONEST)}


def run_example(node, *options):
    """Runs the example as a person would."""
    command = [sys.executable, "-B", str(EXAMPLE / "run.py"), "--casemate", node.binary, "--clients", str(CLIENTS), *options]
    env = {**os.environ, "CASEMATE_DATA_DIR": str(node.directory)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def train(node, *options):
    """A training, as the example prints it as JSON."""
    done = run_example(node, "--json", "--rounds", str(ROUNDS), *options)
    require(f"the example with {options} ends well", done.returncode == 0, done.stdout + done.stderr)
    return json.loads(done.stdout)


def expected(rule, options, poisoned=0, seed=None):
    """The weights after each round, by the reference."""
    data, _ = example.shards(CLIENTS)
    text, rounds = example.first_model(), []
    for number in range(ROUNDS):
        updates = [example.poison(client, number) for client in list(data)[:poisoned]]
        for client, rows in list(data.items())[poisoned:]:
            updates.append(reference.train(text, rows, client, int(example.EPOCHS), example.RATE))
        text = reference.aggregate(text, updates, rule, options, seed)
        rounds.append(reference.parse_model(text)[1])
    return rounds


def weights_of(trained):
    return column(trained, "weights")


def column(trained, name):
    return [line[name] for line in trained["rounds"]]


def training(node):
    first, second = train(node), train(node)
    check("training twice gives the same models", column(first, "model") == column(second, "model"))
    fuel = column(first, "fuel")
    tasks = sum(map(len, fuel))
    check(f"each of {tasks} tasks used the same fuel both times", fuel == column(second, "fuel") and tasks == ROUNDS * (CLIENTS + 1))
    check("the receipts of the last round hold, and name each other", first["receipts"] == CLIENTS + 1)

    options = (f"clip={example.CLIP}", f"cap={example.CAP}")
    check(f"the weights of all {ROUNDS} rounds equal the reference bit by bit", weights_of(first) == expected("mean", options))
    before_loss, before = example.evaluate(example.first_model(), example.shards(CLIENTS)[1])
    after = first["rounds"][-1]
    check(f"accuracy rose from {before:.3f} to {after['accuracy']:.3f}, loss fell from {before_loss:.3f} to {after['loss']:.3f}",
          after["accuracy"] > max(0.85, before + 0.2) and after["loss"] < before_loss / 2)

    trained = train(node, "--aggregate", "trimmed", "--poisoned", "2")
    wanted = expected("trimmed", (f"clip={example.CLIP}", "trim=2"), poisoned=2)
    check("a training with 2 poisoned clients and a trimmed mean equals the reference", weights_of(trained) == wanted)
    accuracy = trained["rounds"][-1]["accuracy"]
    check(f"and still comes to an accuracy of {accuracy:.3f}", accuracy > 0.8)


def order(guests):
    """Files come in other orders and under other names, and the model is the same."""
    files = honest()
    contents = list(files.values())
    mixed = {f"{name}.txt": contents[at] for name, at in zip(("z", "a", "model2", "0", "seed-1"), (3, 0, 4, 2, 1))}
    mean = ("mean", "clip=0.4", "cap=90")
    for rule in (mean, (*mean, "noise=1.0"), ("median", "clip=0.4"), ("trimmed", "clip=0.4", "trim=2")):
        seed = {"seed": SEED + "\n"} if rule[-1].startswith("noise") else {}
        one = guests.model({"model": model(), **files, **seed}, *rule)
        two = guests.model({**seed, **mixed, "model": model()}, *rule)
        same = one == two == reference.aggregate(model(), contents, rule[0], rule[1:], SEED)
        require(f"names and order of the updates change nothing: {' '.join(rule)}", same, f"{one}\n{two}")
    even = {name: files[name] for name in list(files)[:4]}
    got = guests.model({"model": model(), **even}, "median", "clip=0.4")
    wanted = reference.aggregate(model(), even.values(), "median", ["clip=0.4"])
    require("the median of an even number equals the reference", got == wanted, got)
    check("names and order of the updates change nothing, by any rule", True)


def moved(text):
    """How far an aggregate has moved the weights."""
    return [after - before for after, before in zip(reference.parse_model(text)[1], WEIGHTS)]


def length(vector):
    return math.sqrt(sum(value * value for value in vector))


def poisoned(guests):
    files = {"model": model(), **honest()}
    cap, most = 100, ONE // 2
    lie = update("liar", 10**12, (HUGE, -HUGE, HUGE))
    silent = update("liar", 10**12, (0, 0, 0))
    share = cap / (cap + sum(min(samples, cap) for samples, _ in HONEST))
    rule = ("mean", "clip=0.5", f"cap={cap}")
    with_lie, without = moved(guests.model({**files, "lie": lie}, *rule)), moved(guests.model({**files, "lie": silent}, *rule))
    far = length([a - b for a, b in zip(with_lie, without)])
    check(f"a huge update that claims 10^12 samples moves the mean by {far / ONE:.6f}, its bound is {share * most / ONE:.6f}",
          0.9 * share * most < far <= share * most + 2 * math.sqrt(3))
    alone = moved(guests.model(files, *rule))
    check("and by no more than twice that, beside a round without it",
          length([a - b for a, b in zip(with_lie, alone)]) <= 2 * share * most + 2 * math.sqrt(3))

    ranges = [(min(column), max(column)) for column in zip(*(reference.clip(list(delta), most) for _, delta in HONEST))]
    attacks = ((HUGE,) * 3, (-HUGE,) * 3, (HUGE, -HUGE, 0), (ONE // 2, 0, 0))
    for count, rule in ((2, ("trimmed", "clip=0.5", "trim=2")), (4, ("median", "clip=0.5"))):
        for attack in attacks:
            lies = {f"lie-{at}": update(f"liar-{at}", 10**12, attack) for at in range(count)}
            got = moved(guests.model({**files, **lies}, *rule))
            require(f"{rule[0]} stays within the range of the honest", all(low <= value <= high for value, (low, high) in zip(got, ranges)),
                    f"{got} with {attack}, range {ranges}")
        check(f"{rule[0]} with {count} of {count + len(HONEST)} poisoned stays within the range of the honest", True)


def refusals(guests):
    good = {"model": model(), **honest()}
    mean = ("mean", "clip=1.0", "cap=100")
    text = update("other", *HONEST[1])

    def changed(old, new):
        return {"bad": text.replace(old, new, 1)}

    weight = f"{-ONE // 2}\n"
    malformed = [
        ("NaN", changed(weight, "nan\n"), "/in/bad, line 7: a number is missing"),
        ("infinity", changed(weight, "-inf\n"), "/in/bad, line 7: a number is missing"),
        ("a fraction", changed(weight, "1.5\n"), "/in/bad, line 7: the line should end here"),
        ("a number of 24 digits", changed(weight, "9" * 24 + "\n"), "/in/bad, line 7: a number has too many digits"),
        ("a number beyond the range", changed(weight, f"{HUGE + 1}\n"), "/in/bad, line 7: a number is out of range"),
        ("a zero too many", changed(weight, "007\n"), "/in/bad, line 7: a number begins with a zero too many"),
        ("minus zero", changed(weight, "-0\n"), "/in/bad, line 7: a number begins with a zero too many"),
        ("a plus", changed(weight, "+7\n"), "/in/bad, line 7: a number is missing"),
        ("CRLF", changed(weight, "7\r\n"), "/in/bad, line 7: the line should end here"),
        ("fewer weights than said", changed(weight, ""), "/in/bad, line 8: a number is missing"),
        ("more weights than said", {"bad": update("other", 5, (1, 2, 3)) + "4\n"}, "/in/bad, line 9: something is left after the end"),
        ("another dimension", {"bad": update("other", 5, (1, 2))}, "/in/bad: the update has another number of weights than /in/model"),
        ("another round", changed("round 3", "round 2"), "/in/bad, line 3: the update is not for the round of /in/model"),
        ("no samples", changed("samples 120", "samples 0"), "/in/bad, line 4: a number is out of range"),
        ("negative samples", changed("samples 120", "samples -5"), "/in/bad, line 4: a number is out of range"),
        ("samples beyond the range", changed("samples 120", "samples 1000000000001"), "/in/bad, line 4: a number is out of range"),
        ("a client's name of two words", changed("client other", "client a b"), "/in/bad, line 2: the line should end here"),
        ("nothing", {"bad": ""}, "/in/bad, line 1: `federated-update 1` is missing"),
        ("a model for an update", {"bad": model()}, "/in/bad, line 1: `federated-update 1` is missing"),
        ("bytes", {"bad": bytes(range(256)) * 20}, "/in/bad, line 1: `federated-update 1` is missing"),
        ("5 MiB", {"bad": text + "7\n" * (5 << 19)}, "/in/bad: cannot be read, or has more than"),
        ("a client twice", {"again": update("c1", 5, (1, 2, 3))}, "/in/update-1: there is an update of the same client in /in/again"),
        ("a weight that would overflow", {"model": model((HUGE, 0, 0))}, "/in/model: a weight would leave its range"),
        ("a model without end", {"model": model()[:-2]}, "/in/model, line 6: a number is missing"),
        ("a seed without noise", {"seed": SEED + "\n"}, "/in/seed: is there, but `noise=` is not"),
    ]
    for what, files, said in malformed:
        got = guests.refusal("aggregate", {**good, **files}, *mean)
        require(f"refused: {what}", said in got, f"wanted: {said}\ngot: {got}")
    check(f"{len(malformed)} malformed inputs are refused, and the file is named", True)

    seeded = {**good, "seed": SEED + "\n"}
    multipliers = ("0", "-1", "0.05", "nan", "inf", "1e3", "", "1.0x", "1001", "17", "99999999999999999999")
    for bad in multipliers:
        got = guests.refusal("aggregate", seeded, *mean, f"noise={bad}")
        require(f"no model with `noise={bad}`", f"noise={bad}: " in got or "noise: noise times clip" in got, got)
    check(f"{len(multipliers)} bad multipliers of the noise give no model at all", True)
    arguments = [
        (seeded, (*mean, "noise=1.0", "noise=1.0"), "is given twice"), (good, (*mean, "noise=1.0"), "/in/seed: is missing"),
        ({**good, "seed": SEED[:-1] + "\n"}, (*mean, "noise=1.0"), "/in/seed, line 1: a seed has 64 digits"),
        ({**good, "seed": SEED.upper() + "\n"}, (*mean, "noise=1.0"), "/in/seed, line 1: a seed has 64 digits"),
        (seeded, ("median", "clip=1.0", "noise=1.0"), "noise is for the mean only"),
        (seeded, ("trimmed", "clip=1.0", "trim=1", "noise=1.0"), "noise is for the mean only"),
        (good, ("mean", "clip=0", "cap=100"), "clip=0: is out of range"), (good, ("mean", "clip=1.0"), "cap: is missing"),
        (good, ("mean", "cap=100"), "clip: is missing"), (good, ("trimmed", "clip=1.0", "trim=3"), "trim: leaves no update"),
        (good, ("mode", "clip=1.0"), "usage: "), ({"model": model()}, mean, "/in: there are no updates"),
    ]
    for files, wrong, said in arguments:
        got = guests.refusal("aggregate", files, *wrong)
        require(f"refused: {' '.join(wrong)}: {said}", said in got, got)
    check(f"{len(arguments)} other wrong arguments and seeds are refused", True)

    table = "x,y,label\n0.5,-1.25,1\n"
    rows = (("nan,1,0", "a number is missing"), ("1,1,2", "the label is neither"), ("1,0", "`,` is missing"), ("1e5,1,0", "`,` is missing"))
    for row, said in rows:
        got = guests.refusal("train", {"model": model(), "data.csv": f"{table}{row}\n"}, "c1", "5", "1.0")
        require(f"train refuses {row}", f"/in/data.csv, line 3: {said}" in got, got)
    got = guests.refusal("train", {"model": model(), "data.csv": "x,y,label\n999999,999999,1\n"}, "c1", "50", "1000")
    check("train refuses rows that are no numbers, and to grow beyond the range", "/in/data.csv: the weights grow beyond their range" in got, got)


def graph():
    """Receipts that do not name each other are found out."""
    modules, arguments = {"train": b"train", "aggregate": b"aggregate"}, ("mean", "clip=1.0", "cap=100")
    aggregate = receipts.Receipt(receipts.digest(b"aggregate"), receipts.invocation(arguments), "model 2", {"model": "model 1", "c1": "update"})
    client = receipts.Receipt(receipts.digest(b"train"), "any", "update", {"model": "model 1", "data.csv": "data"})
    receipts.check_round(aggregate, {"c1": client}, modules, arguments)
    wrong = [(replace(aggregate, module="other"), client, arguments), (aggregate, client, ("mean", "clip=9.0", "cap=100")),
             (aggregate, replace(client, module="other"), arguments), (aggregate, replace(client, output="other"), arguments),
             (aggregate, replace(client, inputs={"model": "model 0"}), arguments)]
    for left, right, said in wrong:
        try:
            receipts.check_round(left, {"c1": right}, modules, said)
        except receipts.Broken:
            continue
        require("receipts of something else are found out", False, f"{left}\n{right}")
    check(f"{len(wrong)} rounds with a receipt of something else are found out", True)


def accountant():
    suite = unittest.defaultTestLoader.loadTestsFromModule(accountant_test)
    result = unittest.TextTestRunner(stream=open(os.devnull, "w", encoding="utf-8")).run(suite)
    check(f"the accountant comes to {result.testsRun} published forms and numbers", result.wasSuccessful() and result.testsRun > 0,
          "\n".join(text for _, text in result.failures + result.errors))


def noise(node, guests):
    first, other = (train(node, "--noise", "1.0", "--noise-seed", seed) for seed in (SEED, OTHER_SEED))
    options = (f"clip={example.CLIP}", f"cap={example.CAP}", "noise=1.0")
    check("a training with noise equals the reference bit by bit", weights_of(first) == expected("mean", options, seed=SEED))
    check("another seed gives other models", all(one["model"] != two["model"] for one, two in zip(first["rounds"], other["rounds"])))
    for bad in ("nan", ""):
        failed = run_example(node, "--rounds", "2", "--noise", bad)
        named = failed.returncode == 1 and f"noise={bad}: a number is missing" in failed.stderr
        require(f"a training with `--noise {bad}` fails", named, failed.stderr)
    check("a training with bad noise fails, and the guest's reason is shown", True)
    spent = first["rounds"][-1]["epsilon"]
    check(f"epsilon after {ROUNDS} rounds is {spent:.3f} at delta {first['delta']}", abs(spent - 10.725) < 0.001)

    # Updates of nothing leave the noise alone. Of 1,000 draws the standard deviation is off by 2.2 % as a rule; 12 % is more
    # than 5 times that, and the seed is fixed besides.
    count, clients = 1000, 4

    def pure(multiplier, samples=50):
        files = {f"u{at}": update(f"c{at}", samples, (0,) * count) for at in range(clients)}
        text = guests.model({"model": model((0,) * count), "seed": SEED + "\n", **files}, "mean", "clip=0.5", "cap=50", f"noise={multiplier}")
        return [value / ONE for value in reference.parse_model(text)[1]]

    for multiplier in (1.0, 3.0):
        drawn, sigma = pure(multiplier), multiplier * 0.5 / clients
        deviation, mean = math.sqrt(sum(value * value for value in drawn) / count), sum(drawn) / count
        within = sum(abs(value) < sigma for value in drawn) / count
        check(f"noise={multiplier}: standard deviation {deviation:.4f} over {count} weights, wanted {sigma:.4f}; {within:.1%} are within it",
              abs(deviation / sigma - 1) < 0.12 and abs(mean) < 6 * sigma / math.sqrt(count) and 0.6 < within < 0.76)
    check("a seed that is used again, with other updates, gives other noise", pure(1.0)[:5] != pure(1.0, samples=49)[:5])

    # The reference, which the guest equals, against the exact chances: 17 cells, so a sum of squares of 16 as a rule.
    sampler, sigma, draws = reference.Noise(bytes(32), (), "", []), 3, 4000
    exact = {value: math.exp(-value * value / (2 * sigma * sigma)) for value in range(-60, 61)}
    total, counts = sum(exact.values()), {value: 0 for value in range(-8, 9)}
    for _ in range(draws):
        value = sampler.gaussian(sigma)
        counts[value] = counts.get(value, 0) + 1
    squares = sum((counts[value] - draws * exact[value] / total) ** 2 / (draws * exact[value] / total) for value in range(-8, 9))
    check(f"{draws} draws at sigma {sigma} are spread as a discrete Gaussian is: chi-square {squares:.1f} of 17 cells", squares < 50)


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="casemate-federated-") as name:
        scratch = pathlib.Path(name)
        modules = build.build(scratch / "guests")
        node = Node(pathlib.Path(sys.argv[1]).resolve(), scratch / "data")
        node.start()
        try:
            guests = Guests(node, modules, scratch)
            training(node)
            order(guests)
            poisoned(guests)
            refusals(guests)
            graph()
            accountant()
            noise(node, guests)
        finally:
            node.stop()
    print(f"federated: all held, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
