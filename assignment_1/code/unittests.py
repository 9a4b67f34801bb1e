"""The folder's own tests: python unittests.py"""

import unittest

import numpy as np
from gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from mlp_numpy import MLP
from modules import CrossEntropyModule, LeakyReLUModule, LinearModule, ReLUModule, SoftMaxModule
from train_mlp_numpy import accuracy

from backproof.gradcheck import relative_error
from backproof.numpy_nn import one_hot

try:
    import torch
    from convnet_pytorch import ConvNet
    from custom_batchnorm import (
        CustomBatchNormAutograd,
        CustomBatchNormManualFunction,
        CustomBatchNormManualModule,
    )
    from mlp_pytorch import MLP as TorchMLP
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    torch = None

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
        """Two of four rows are right."""
        scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
        self.assertEqual(accuracy(scores, one_hot(np.array([1, 0, 0, 1]), 2)), 0.5)


needs_torch = unittest.skipUnless(torch, "PyTorch is not installed: pip install torch")


@needs_torch
class TorchNetworkTest(unittest.TestCase):
    """The MLP and the ConvNet in PyTorch."""

    def test_mlp_agrees_with_numpy(self):
        """The same weights give the same probabilities, for no, one and two hidden layers."""
        np.random.seed(42)
        x = np.random.randn(4, 6)
        for hidden in ([], [5], [5, 4]):
            with self.subTest(hidden=hidden):
                theirs = TorchMLP(6, hidden, 3, 0.02).double()
                ours = MLP(6, hidden, 3, 0.02)
                linears = [layer for layer in ours.layers if isinstance(layer, LinearModule)]
                params = [param for linear in linears for param in linear.params.values()]
                for param, parameter in zip(params, theirs.parameters(), strict=True):
                    param[...] = parameter.detach().numpy()
                probabilities = theirs(torch.from_numpy(x)).softmax(1).detach().numpy()
                self.assertLess(relative_error(probabilities, ours.forward(x)), TOLERANCE)

    def test_convnet(self):
        """From images to ten scores; every parameter has a part in them."""
        torch.manual_seed(42)
        network = ConvNet(3, 10)
        scores = network(torch.randn(2, 3, 32, 32))
        self.assertEqual(scores.shape, (2, 10))
        scores.backward(torch.randn(2, 10))
        self.assertTrue(all(parameter.grad is not None for parameter in network.parameters()))


@needs_torch
class BatchNormTest(unittest.TestCase):
    """Batch norm's three forms."""

    def setUp(self):
        """Draw a batch, gamma and beta, in float64."""
        torch.manual_seed(42)
        self.x = (3 * torch.randn(8, 5, dtype=torch.float64) + 10).requires_grad_()
        self.gamma, self.beta = (torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def test_modules_normalise(self):
        """At first means are 0 and biased variances 1, but for eps; in float32, for large means too."""
        for kind in (CustomBatchNormAutograd, CustomBatchNormManualModule):
            with self.subTest(kind=kind.__name__), torch.no_grad():
                y = kind(5)(1000 + 2 * torch.randn(64, 5))
                self.assertLess(y.mean(0).abs().max(), 1e-5)
                self.assertLess((y.var(0, correction=0) - 1).abs().max(), 1e-4)

    def test_gradients_by_hand(self):
        """Against finite differences, with eps given and not."""
        function = CustomBatchNormManualFunction(5)
        for eps in ((), (0.1,)):
            with self.subTest(eps=eps):
                inputs = (self.x, self.gamma, self.beta, *eps)
                self.assertTrue(torch.autograd.gradcheck(function.apply, inputs))

    def test_gradients_of_the_modules_agree(self):
        """Autograd and the hand-written backward pass, with a random upstream gradient."""
        gradients = []
        dy = torch.randn(8, 5, dtype=torch.float64)
        for kind in (CustomBatchNormAutograd, CustomBatchNormManualModule):
            module = kind(5).double()
            module.load_state_dict({"gamma": self.gamma.detach(), "beta": self.beta.detach()})
            gradients.append(torch.autograd.grad(module(self.x), (self.x, *module.parameters()), dy))
        for ours, theirs in zip(*gradients, strict=True):
            self.assertLess(relative_error(ours.numpy(), theirs.numpy()), TOLERANCE)

    def test_wrong_shapes(self):
        """Anything but (B, C) is refused."""
        for kind in (CustomBatchNormAutograd, CustomBatchNormManualModule):
            for shape in ((5,), (8, 4), (8, 5, 2), (8, 5, 2, 2)):
                with self.subTest(kind=kind.__name__, shape=shape):
                    self.assertRaises(ValueError, kind(5), torch.zeros(shape))


if __name__ == "__main__":
    unittest.main()
