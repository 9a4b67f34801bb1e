"""The folder's own tests: python unittests.py"""

import unittest

import numpy as np
from gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from mlp_numpy import MLP
from modules import CrossEntropyModule, LeakyReLUModule, LinearModule, ReLUModule, SoftMaxModule
from train_mlp_numpy import accuracy

from backproof.numpy_nn import one_hot
from backproof.proof import relative_error

TOLERANCE = 1e-7


class GradientTest(unittest.TestCase):
    """Each gradient against central differences, every index, with random upstream gradients."""

    def setUp(self):
        """Start every test from the same random numbers."""
        np.random.seed(42)

    def assert_close(self, actual, expected):
        """Compare two arrays on their own scale."""
        self.assertLess(relative_error(actual, expected), TOLERANCE)

    def assert_input_gradient(self, layer, x):
        """Check backward's dx."""
        dout = np.random.randn(*layer.forward(x).shape)
        layer.forward(x)
        dx = layer.backward(dout)
        self.assert_close(dx, eval_numerical_gradient_array(layer.forward, x.copy(), dout))

    def test_linear(self):
        """Input, weight and bias."""
        layer = LinearModule(7, 5)
        layer.params["weight"][...] = np.random.randn(5, 7)
        layer.params["bias"][...] = np.random.randn(5)
        x, dout = np.random.randn(4, 7), np.random.randn(4, 5)
        self.assert_input_gradient(layer, x)
        layer.forward(x)
        layer.backward(dout)
        for name, param in layer.params.items():
            numerical = eval_numerical_gradient_array(lambda _: layer.forward(x), param, dout)
            self.assert_close(layer.grads[name], numerical)

    def test_linear_starts_as_told(self):
        """Small normal weights, zero biases, zero gradients."""
        layer = LinearModule(400, 300)
        self.assertEqual(layer.params["weight"].shape, (300, 400))
        self.assertAlmostEqual(layer.params["weight"].std() / 1e-4, 1, places=1)
        self.assertTrue(np.all(layer.params["bias"] == 0))
        self.assertTrue(all(np.all(grad == 0) for grad in layer.grads.values()))

    def test_activations(self):
        """LeakyReLU with several slopes, ReLU, softmax."""
        x = np.random.randn(4, 6)
        for layer in (LeakyReLUModule(0.02), LeakyReLUModule(0.5), ReLUModule(), SoftMaxModule()):
            with self.subTest(layer=type(layer).__name__):
                self.assert_input_gradient(layer, x)

    def test_softmax_of_large_scores(self):
        """The max trick."""
        p = SoftMaxModule().forward(np.array([[1e4, 0.0, -1e4]]))
        np.testing.assert_array_equal(p, [[1.0, 0.0, 0.0]])

    def test_cross_entropy(self):
        """The batch mean and its gradient."""
        loss = CrossEntropyModule()
        x = SoftMaxModule().forward(np.random.randn(4, 6))
        y = one_hot(np.array([0, 5, 2, 2]), 6)
        self.assertAlmostEqual(loss.forward(x, y), -np.log(x[[0, 1, 2, 3], [0, 5, 2, 2]]).mean())
        numerical = eval_numerical_gradient(lambda x: loss.forward(x, y), x.copy(), verbose=False)
        self.assert_close(loss.backward(x, y), numerical)

    def test_mlp(self):
        """Every parameter of networks with no, one and two hidden layers."""
        x, y = np.random.randn(4, 6), one_hot(np.array([0, 2, 1, 2]), 3)
        loss = CrossEntropyModule()
        for hidden in ([], [5], [5, 4]):
            mlp = MLP(6, hidden, 3, 0.02)
            linears = [layer for layer in mlp.layers if isinstance(layer, LinearModule)]
            for linear in linears:
                linear.params["weight"][...] = np.random.randn(*linear.params["weight"].shape)
            mlp.backward(loss.backward(mlp.forward(x), y))
            for linear in linears:
                for name, param in linear.params.items():
                    with self.subTest(hidden=hidden, parameter=name):
                        numerical = eval_numerical_gradient(
                            lambda _, mlp=mlp: loss.forward(mlp.forward(x), y), param, verbose=False
                        )
                        self.assert_close(linear.grads[name], numerical)


class AccuracyTest(unittest.TestCase):
    """What the training script reports."""

    def test_accuracy(self):
        """Two of four."""
        scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
        self.assertEqual(accuracy(scores, one_hot(np.array([1, 0, 0, 1]), 2)), 0.5)


if __name__ == "__main__":
    unittest.main()
