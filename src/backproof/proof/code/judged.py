"""The code that is broken on purpose: which functions, and which equations have to notice."""

FUNCTIONS = {
    "linear": ("Linear.forward", "Linear.backward", "Linear.backward_params"),
    "activations": ("LeakyReLU.forward", "LeakyReLU.backward", "Softmax.forward", "Softmax.backward"),
    "losses": (
        "CrossEntropy.forward",
        "CrossEntropy.backward",
        "SoftmaxCrossEntropy.forward",
        "SoftmaxCrossEntropy.backward",
    ),
    "sgd": ("SGD.step", "_vector"),
    "kernels": (
        "forward",
        "backward",
        "_as_rows_or_planes",
        "_reshaped_like",
        "_per_channel",
        "_sum",
        "_mean",
        "_mean_square",
        "_scale_and_shift",
    ),
    "formulas": ("statistics", "forward", "forward_with_statistics", "backward", "jvp", "_projected"),
    "modules": ("BatchNorm._track",),
    "processes": ("combined",),
}
"""The judged functions of each module: those with formulas, and what these compute with."""
JUDGED_BY = {
    "linear": ("linear.y", "linear.dx", "linear.dW", "linear.db"),
    "activations": ("leaky_relu.y", "leaky_relu.dx", "softmax.p", "softmax.dx"),
    "losses": (
        "cross_entropy.loss",
        "cross_entropy.dp",
        "softmax_cross_entropy.loss",
        "softmax_cross_entropy.dx",
    ),
    "sgd": ("sgd.step",),
    "kernels": tuple(
        f"{bn}.{name}" for name in ("dx", "y", "dgamma", "dbeta", "mu", "var") for bn in ("bn", "bn2d")
    ),
    "formulas": (
        *("bn.ydot", "bn.dmu", "bn.dvar", "bn.dxhat"),
        *(f"{bn}.{name}" for name in ("mu", "var", "y", "dgamma", "dbeta", "dx") for bn in ("bn", "bn2d")),
    ),
    "modules": ("bn.running_mean", "bn.running_var"),
    "processes": ("bn.joint_n", "bn.joint_mu", "bn.joint_q", "bn.joint_var"),
}
"""The equations that have to catch what is wrong with each module."""
EQUIVALENT = {
    (
        "kernels._reshaped_like",
        "samples.ndim == x.ndim == 2 → samples.ndim == x.ndim == 3",
    ): "the general view, which comes next, gives (B, C) back as it is",
    (
        "sgd._vector",
        "return x.reshape(-1, copy=False) → return x.reshape(-2, copy=False)",
    ): "NumPy takes any negative size to mean what is left",
}
"""Changes that change no result, and why."""
