"""Question 3: batch norm for (B, C) in three forms, under the assignment's names.

The formulas live in backproof.torch_nn.batchnorm. Run as a script it prints the means and
variances of the three outputs, and whether the hand-written gradients agree with finite differences.
"""

import sys

import torch
from torch import nn

from backproof.torch_nn.batchnorm import formulas
from backproof.torch_nn.batchnorm.function import PlainBatchNorm
from backproof.torch_nn.batchnorm.input_checks import require_input, require_two_values


class _BatchNorm(nn.Module):
    """γ and β (C,), at first 1 and 0; statistics are each batch's own, its variance the biased one."""

    def __init__(self, n_neurons, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(n_neurons))
        self.beta = nn.Parameter(torch.zeros(n_neurons))

    def extra_repr(self):
        """Return the size and eps, for the module's repr."""
        return f"{len(self.gamma)}, eps={self.eps}"


class CustomBatchNormAutograd(_BatchNorm):
    """Question 3.1: the forward pass alone; autograd computes the gradients."""

    def forward(self, input):
        """Normalise input (B, C), any other shape being a ValueError; return (B, C)."""
        _require_matrix(input, self.gamma)
        require_input(input, self.gamma, self.beta)
        require_two_values(input, None)
        y, _, _ = formulas.forward(input, self.gamma, self.beta, self.eps, None)
        return y


class CustomBatchNormManualFunction(torch.autograd.Function):
    """Question 3.2 b): both passes written by hand. Call .apply(input, gamma, beta[, eps=1e-5])."""

    def __init__(self, n_neurons=None):
        # An instance holds nothing: .apply knows C from gamma. PyTorch's own constructor only warns.
        pass

    @staticmethod
    def forward(ctx, input, gamma, beta, eps=1e-5):
        """Normalise input (B, C) with gamma and beta (C,), other shapes being a ValueError; return (B, C)."""
        _require_matrix(input, gamma)
        require_input(input, gamma, beta)
        require_two_values(input, None)
        y, _, _ = PlainBatchNorm.forward(ctx, input, gamma, beta, eps, None)
        return y

    @staticmethod
    def backward(ctx, grad_output):
        """Return the gradients of input (B, C), gamma and beta (C,), None where not needed or for eps."""
        return *PlainBatchNorm.backward(ctx, grad_output)[:3], None


class CustomBatchNormManualModule(_BatchNorm):
    """Question 3.2 c): the module around the hand-written function."""

    def forward(self, input):
        """Normalise input (B, C), any other shape being a ValueError; return (B, C)."""
        return CustomBatchNormManualFunction.apply(input, self.gamma, self.beta, self.eps)


def _require_matrix(x, gamma):
    """Refuse any shape but (B, C): the package's own functions take images too."""
    if x.ndim != 2 or x.shape[1] != gamma.numel():
        raise ValueError(f"batch norm: input has shape {tuple(x.shape)}, expected (B, {gamma.numel()})")


def _show(title, x, gamma, beta):
    """Print means and variances over the batch of the three outputs for x (B, C)."""
    autograd, manual = (kind(len(gamma)) for kind in (CustomBatchNormAutograd, CustomBatchNormManualModule))
    for module in (autograd, manual):
        module.load_state_dict({"gamma": gamma, "beta": beta})
    outputs = {
        "3.1 CustomBatchNormAutograd": autograd(x),
        "3.2 b) CustomBatchNormManualFunction": CustomBatchNormManualFunction.apply(x, gamma, beta),
        "3.2 c) CustomBatchNormManualModule": manual(x),
    }
    print(title)
    for name, y in outputs.items():
        print(f"  {name}")
        for what, values in (("means", y.mean(0)), ("variances", y.var(0, correction=0))):
            print(f"    {what:9}", *(f"{value:z9.5f}" for value in values.tolist()))


def main():
    """Print the statistics and the gradient check's verdict; return the exit code, 0 if it passes."""
    torch.manual_seed(42)
    x = 3 * torch.randn(128, 4) + 10
    with torch.no_grad():
        _show("γ = 1, β = 0", x, torch.ones(4), torch.zeros(4))
        _show("γ = 1, 2, 3, 4, β = 10, 20, 30, 40", x, torch.arange(1.0, 5), 10 * torch.arange(1.0, 5))
    x, gamma, beta = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((8, 5), (5,), (5,))
    )
    passed = torch.autograd.gradcheck(
        CustomBatchNormManualFunction.apply, (x, gamma, beta), raise_exception=False
    )
    print(f"gradient check of CustomBatchNormManualFunction: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
