#!/usr/bin/env python3
"""The accountant beside closed forms and numbers that others have published."""

import math
import sys
import unittest

# Nothing is written beside the sources.
sys.dont_write_bytecode = True

from accountant import epsilon, renyi  # noqa: E402


class Accountant(unittest.TestCase):
    def test_plain_gaussian_has_the_closed_form(self):
        # Mironov 2017, corollary 3: order / (2 noise^2). Also TensorFlow Privacy, rdp_accountant_test.py,
        # test_compute_rdp_no_sampling: 0.1 at noise 10 and order 20.
        self.assertEqual(renyi(10, 1.0, 20), 0.1)

    def test_sampled_gaussian_at_published_orders(self):
        # TensorFlow Privacy, rdp_accountant_test.py, test_compute_rdp_scalar: q 0.1, noise 2, 10 rounds, order 5.
        self.assertAlmostEqual(10 * renyi(2, 0.1, 5), 0.07737, places=5)
        # Google dp_accounting, rdp_privacy_accountant_test.py, test_compute_rdp_poisson_sampled_gaussian: q 0.01, noise 2.5,
        # 50 rounds.
        for order, wanted in ((5, 2.18075656e-03), (50, 2.38460375e-02), (100, 1.67416308e02)):
            self.assertAlmostEqual(50 * renyi(2.5, 0.01, order) / wanted, 1, places=6)

    def test_sampling_of_order_two_by_hand(self):
        # Of the formula's three terms, the first two add up to 1 - q^2.
        q, noise = 0.3, 1.7
        self.assertAlmostEqual(renyi(noise, q, 2), math.log(1 - q * q + q * q * math.exp(1 / noise**2)))

    def test_epsilon_of_the_plain_gaussian(self):
        # Google dp_accounting, test_compute_epsilon_delta_gaussian: exactly (1, 1e-6) at this noise.
        self.assertAlmostEqual(epsilon(1, 4.530877117, 1e-6), 1, places=6)
        # Rounds are as one with less noise: T rounds at z are one at z / sqrt(T).
        self.assertAlmostEqual(epsilon(16, 4 * 4.530877117, 1e-6), 1, places=6)

    def test_epsilon_of_the_sampled_gaussian(self):
        # TensorFlow Privacy, compute_dp_sgd_privacy_test.py, Test0 and Test1: examples, batch, noise, epochs, delta, epsilon.
        for examples, batch, noise, epochs, delta, wanted in ((60000, 150, 1.3, 15, 1e-5, 0.7242234026109595),
                                                             (100000, 100, 1.0, 30, 1e-7, 1.4154988495444845)):
            self.assertAlmostEqual(epsilon(epochs * examples // batch, noise, delta, batch / examples), wanted, places=9)
        # Opacus, accountants_test.py, test_rdp_accountant: between 7.3291 and 7.3292, also with broken orders; whole ones are a
        # bit above it.
        opacus = epsilon(2250, 1.5, 1e-5, 0.04)
        self.assertTrue(7.3291 < opacus < 7.3291 * 1.001, opacus)

    def test_never_below_the_exact_value(self):
        # Balle and Wang, "Improving the Gaussian Mechanism for Differential Privacy" (2018), theorem 8: the exact delta.
        for noise in (0.5, 1, 2, 5):
            for delta in (1e-3, 1e-6, 1e-9):
                at = epsilon(1, noise, delta)
                exact = _tail(at * noise - 1 / (2 * noise)) - math.exp(at) * _tail(at * noise + 1 / (2 * noise))
                self.assertLessEqual(exact, delta)
                # Bun and Steinke, "Concentrated Differential Privacy" (2016), proposition 1.3: what it must not be above.
                rho = 1 / (2 * noise * noise)
                self.assertLessEqual(at, rho + 2 * math.sqrt(rho * math.log(1 / delta)) + 1e-4)

    def test_ends_of_the_range(self):
        self.assertEqual(epsilon(0, 1, 1e-5), 0)
        self.assertEqual(epsilon(5, 1, 1e-5, sampling=0), 0)
        self.assertEqual(epsilon(1, 0, 1e-5), math.inf)
        for bad in ((1, -1, 1e-5), (1, math.nan, 1e-5), (1, 1, 0), (1, 1, 1), (-1, 1, 1e-5)):
            with self.assertRaises(ValueError):
                epsilon(*bad)
        with self.assertRaises(ValueError):
            epsilon(1, 1, 1e-5, sampling=1.5)


def _tail(x):
    """The chance that a standard normal number is above x."""
    return math.erfc(x / math.sqrt(2)) / 2


if __name__ == "__main__":
    unittest.main()
