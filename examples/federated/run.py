#!/usr/bin/env python3
"""Trains a model over several clients, each round a graph of tasks: `run.py --rounds 5 --clients 8`.

Uses nothing but the `casemate` command, and the node that it finds (CASEMATE_DATA_DIR names another one). All rounds are
submitted before the first has ended: `train` reads the model that `aggregate` of the round before leaves, and `aggregate`
reads the updates of all `train`. The data are made here, the same each time.
"""

import argparse
import json
import math
import pathlib
import random
import secrets
import subprocess
import sys
import tempfile

# Nothing is written beside the sources.
sys.dont_write_bytecode = True

import build  # noqa: E402
import receipts  # noqa: E402
import reference  # noqa: E402
from accountant import epsilon  # noqa: E402

EPOCHS, RATE = "5", "1.0"
CLIP, CAP, DELTA = "1.0", "100", 1e-5
FEATURES = 6
# A task needs 16 others at most: the model of the round before, and the updates.
CLIENTS_MAX = 15
# What the labels follow from, in thousandths; the last is the bias.
TRUTH = (1500, -2000, 800, 0, -600, 1200, 300)
DATA_SEED = 20260101
HOLDOUT_ROWS = 1000


class Failed(Exception):
    """A command or a task did not do what it should."""


def table(numbers, rows, lean):
    """A CSV file of so many rows. The first feature leans to one side, as clients are not all alike."""
    lines = [",".join(f"x{at}" for at in range(FEATURES)) + ",label"]
    for _ in range(rows):
        features = [numbers.randrange(-2000, 2001) + (lean if at == 0 else 0) for at in range(FEATURES)]
        score = sum(map(int.__mul__, features, TRUTH)) // 1000 + TRUTH[-1] + sum(numbers.randrange(-700, 701) for _ in range(3))
        lines.append(",".join(f"{'-' * (x < 0)}{abs(x) // 1000}.{abs(x) % 1000:03}" for x in features) + f",{int(score > 0)}")
    return "\n".join(lines) + "\n"


def shards(clients):
    """The data of each client by its name, and the rows that no client has."""
    numbers = random.Random(DATA_SEED)
    data = {f"c{at:02}": table(numbers, numbers.randrange(60, 141), numbers.randrange(-800, 801)) for at in range(clients)}
    return data, table(numbers, HOLDOUT_ROWS, 0)


def first_model():
    return reference.model_text(0, [0] * (FEATURES + 1))


def poison(client, number):
    """What a client sends that wants to ruin the model: as much as the format holds, against the truth."""
    huge = 1 << 44
    delta = [0 if truth == 0 else -huge if truth > 0 else huge for truth in TRUTH]
    return reference.update_text(client, number, 10**12, delta)


def evaluate(model, holdout):
    """Loss and accuracy. What is computed here goes into no model, so it may be floating point."""
    _, weights = reference.parse_model(model)
    loss, right, rows = 0.0, 0, holdout.splitlines()[1:]
    for line in rows:
        *features, label = map(float, line.split(","))
        score = sum(weight / reference.ONE * feature for weight, feature in zip(weights, features + [1.0]))
        right += (score > 0) == (label == 1)
        wrong = -score if label == 1 else score
        loss += wrong + math.log1p(math.exp(-wrong)) if wrong > 0 else math.log1p(math.exp(wrong))
    return loss / len(rows), right / len(rows)


class Casemate:
    """The command, and nothing else of the node."""

    def __init__(self, binary):
        self._binary = binary

    def __call__(self, *arguments):
        done = subprocess.run([self._binary, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"`casemate {' '.join(map(str, arguments))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def submit(self, module, inputs, arguments):
        """The id of a task that runs under det-1."""
        files = [part for path, source in inputs.items() for part in ("--in", f"{path}={source}")]
        return self("run", module, "--det", "--detach", *files, "--", *arguments).strip()

    def end(self, task):
        """Waits for a task, and returns what there is to know of it; one that did not succeed names its reason."""
        try:
            self("task", "wait", task)
        except Failed as failed:
            raise Failed(f"{failed}{self('task', 'log', task)}") from None
        return json.loads(self("task", "show", task, "--json"))


def submit_rounds(casemate, options, modules, scratch):
    """Submits the whole training; returns the tasks of each round by their clients, `model` for that of the aggregate."""
    data, _ = shards(options.clients)
    files = {client: write(scratch / f"{client}.csv", text) for client, text in data.items()}
    model, rounds = write(scratch / "model", first_model()), []
    for number in range(options.rounds):
        try:
            tasks = submit_round(casemate, options, modules, files, model, number)
        except Failed:
            # What is needed may have failed meanwhile, and then its own reason is the better one.
            for earlier in rounds:
                casemate.end(earlier["model"])
            raise
        model = tasks["model"]
        rounds.append(tasks)
    return rounds


def submit_round(casemate, options, modules, files, model, number):
    tasks, updates = {}, {}
    for at, (client, data) in enumerate(files.items()):
        if at < options.poisoned:
            updates[client] = write(data.with_suffix(f".{number}"), poison(client, number))
        else:
            inputs = {"model": model, "data.csv": data}
            updates[client] = tasks[client] = casemate.submit(modules["train"], inputs, (client, EPOCHS, RATE))
    if options.noise is not None:
        updates["seed"] = write(modules["train"].with_name(f"seed.{number}"), seed_of(options) + "\n")
    tasks["model"] = casemate.submit(modules["aggregate"], {"model": model, **updates}, rule(options))
    return tasks


def rule(options):
    """The arguments of aggregate.c."""
    more = {"mean": (f"cap={CAP}",), "median": (), "trimmed": (f"trim={max(1, options.poisoned)}",)}[options.aggregate]
    return (options.aggregate, f"clip={CLIP}", *more, *((f"noise={options.noise}",) if options.noise is not None else ()))


def seed_of(options):
    return options.noise_seed or secrets.token_hex(32)


def write(path, text):
    path.write_text(text)
    return path


def collect(casemate, options, tasks, holdout, number):
    """Waits for a round; returns its line of the table and its model."""
    ended = {name: casemate.end(task) for name, task in tasks.items()}
    model = casemate("task", "output", tasks["model"])
    log = casemate("task", "log", tasks["model"]).split()
    loss, accuracy = evaluate(model, holdout)
    return {
        "round": number + 1, "loss": loss, "accuracy": accuracy, "clipped": log.count("clipped"), "capped": log.count("capped"),
        "epsilon": epsilon(number + 1, float(options.noise), DELTA) if options.noise is not None else None,
        "model": ended["model"]["result"]["stdout"], "weights": reference.parse_model(model)[1],
        "fuel": {name: task["result"]["usage"]["fuel"] for name, task in ended.items()},
    }, model


def verify(casemate, options, modules, tasks, model, scratch):
    """Checks the receipts of a round offline, what they say together, and that the model is what its receipt names."""
    files = {name: scratch / f"receipt-{name}" for name in tasks}
    for name, file in files.items():
        casemate("task", "receipt", tasks[name], file)
    casemate("verify", "--no-remember", *files.values())
    said = {name: receipts.parse(file.read_text()) for name, file in files.items()}
    programs = {name: module.read_bytes() for name, module in modules.items()}
    receipts.check_round(said.pop("model"), said, programs, rule(options))
    return casemate("verify", "--no-remember", files["model"], "--output", write(scratch / "last-model", model))


def show(line):
    spent = "" if line["epsilon"] is None else f"{line['epsilon']:.3f}"
    print(f"{line['round']:>5}  {line['loss']:.4f}  {line['accuracy'] * 100:>7.1f}%  {line['clipped']:>7}  {line['capped']:>6}  "
          f"{spent:>7}  {line['model'][:19]}", flush=True)


def train(options, scratch):
    casemate = Casemate(options.casemate)
    modules = build.build(scratch / "guests")
    rounds = submit_rounds(casemate, options, modules, scratch)
    _, holdout = shards(options.clients)
    if not options.json:
        print("round    loss  accuracy  clipped  capped  epsilon  model")
    lines = []
    for number, tasks in enumerate(rounds):
        line, model = collect(casemate, options, tasks, holdout, number)
        lines.append(line)
        if not options.json:
            show(line)
    said = verify(casemate, options, modules, rounds[-1], model, scratch)
    if options.json:
        print(json.dumps({"rounds": lines, "receipts": len(rounds[-1]), "delta": DELTA if options.noise is not None else None}, indent=2))
        return
    print(f"{len(rounds[-1])} receipts of the last round hold, and the model follows from the updates. That of the model:")
    print("".join(f"  {part}\n" for part in said.splitlines()), end="")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8, help=f"at most {CLIENTS_MAX}, as a task needs 16 others at most")
    parser.add_argument("--aggregate", choices=("mean", "median", "trimmed"), default="mean")
    parser.add_argument("--poisoned", type=int, default=0, metavar="N", help="so many clients send the worst that they can")
    parser.add_argument("--noise", metavar="MULTIPLIER", help="Gaussian noise on the mean, such as 2.0 (times the clip bound)")
    parser.add_argument("--noise-seed", metavar="HEX", help="a seed that others know hides nothing: for tests only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--casemate", default="casemate", help="the binary")
    options = parser.parse_args()
    if not 1 <= options.clients <= CLIENTS_MAX or not 0 <= options.poisoned < options.clients or options.rounds < 1:
        parser.error(f"there are 1 to {CLIENTS_MAX} clients, not all of them poisoned, and at least one round")
    return options


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="casemate-federated-") as scratch:
        try:
            train(options, pathlib.Path(scratch))
        except (Failed, receipts.Broken, subprocess.CalledProcessError, OSError) as failed:
            print(failed, file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
