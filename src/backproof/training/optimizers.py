"""Every optimizer by the name that the setting ``optimizer`` has for it.

Nothing that computes is imported here: --help lists the names.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerInfo:
    """Where an optimizer is implemented."""

    torch_class: str | None = None
    """Its class in torch.optim, None where PyTorch's networks lack it."""
    fused: bool = False
    """Whether PyTorch makes the whole update in one pass over memory; plain SGD is one pass anyway."""
    numpy_class: str | None = None
    """Its class in numpy_nn.optimizers, None where NumPy's networks lack it."""


OPTIMIZERS = {
    "sgd": OptimizerInfo("SGD", numpy_class="SGD"),
    "adam": OptimizerInfo("Adam", fused=True, numpy_class="Adam"),
    "adamw": OptimizerInfo("AdamW", fused=True, numpy_class="AdamW"),
}


def optimizer_names(*, in_torch: bool) -> list[str]:
    """Return the optimizers that PyTorch's networks have, or NumPy's."""
    return [name for name, info in OPTIMIZERS.items() if (info.torch_class if in_torch else info.numpy_class)]
