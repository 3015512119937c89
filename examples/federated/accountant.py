#!/usr/bin/env python3
"""How much privacy rounds with Gaussian noise spend: `accountant.py --rounds 10 --noise 2.0 --delta 1e-5`.

Rényi differential privacy of the Gaussian mechanism, also where each client takes part in a round with a chance of its
own (Poisson sampling). Rounds add up order by order; then the best order is turned into epsilon at the given delta.

- Gaussian, no sampling: Mironov, "Rényi Differential Privacy" (2017), corollary 3. It holds for the discrete Gaussian of
  aggregate.c too: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (2020), on vectors.
- With sampling: Mironov, Talwar, Zhang, "Rényi Differential Privacy of the Sampled Gaussian Mechanism" (2019), section
  3.3, for whole orders. It is of the continuous Gaussian; `run.py` does not sample.
- From Rényi to epsilon and delta: Canonne, Kamath, Steinke (2020), proposition 12 of version 4.
"""

import argparse
import math

# Any set of orders gives a bound that holds; more of them make it tighter. Sampling has a formula for whole ones only.
WHOLE_ORDERS = tuple(range(2, 513))
FINE_ORDERS = tuple(1 + step / 100 for step in range(1, 10000)) + WHOLE_ORDERS[100:]


def renyi(noise, sampling, order):
    """The Rényi divergence of one round."""
    if sampling == 1:
        return order / (2 * noise * noise)
    logs = [_log_choose(order, k) + k * math.log(sampling) + (order - k) * math.log1p(-sampling) + (k * k - k) / (2 * noise * noise)
            for k in range(order + 1)]
    top = max(logs)
    return (top + math.log(math.fsum(math.exp(value - top) for value in logs))) / (order - 1)


def epsilon(rounds, noise, delta, sampling=1.0):
    """Epsilon after so many rounds; infinite without noise."""
    if rounds < 0 or not noise >= 0 or not 0 < delta < 1 or not 0 <= sampling <= 1:
        raise ValueError("rounds and noise are not negative, delta is between 0 and 1, sampling is 0 to 1")
    if rounds == 0 or sampling == 0:
        return 0.0
    if noise == 0:
        return math.inf
    orders = FINE_ORDERS if sampling == 1 else WHOLE_ORDERS
    best = min(rounds * renyi(noise, sampling, order) + math.log1p(-1 / order) - math.log(delta * order) / (order - 1) for order in orders)
    return max(best, 0.0)


def _log_choose(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--noise", type=float, required=True, help="standard deviation of the noise, in multiples of the clip")
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument("--sampling", type=float, default=1.0, help="the chance with which a client takes part in a round")
    arguments = parser.parse_args()
    try:
        print(f"{epsilon(arguments.rounds, arguments.noise, arguments.delta, arguments.sampling):.4f}")
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
