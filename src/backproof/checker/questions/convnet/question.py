"""Question 4: the ConvNet of Table 1, check by check; torch is imported when one is run."""

from backproof.checker.outcome import Check
from backproof.checker.questions.convnet import network_checks
from backproof.checker.questions.convnet.initialisation import initialisation

# fmt: off
CONVNET = [
    Check("4/convnet.shape", 1, "ConvNet: (B, channels, 32, 32) becomes (B, classes)", network_checks.shape),
    Check("4/convnet.layers", 2, "ConvNet: the layers' widths are Table 1's", network_checks.layers),
    Check("4/convnet.init", 0.5, "ConvNet: weights start as PyTorch's layers do", initialisation),
    Check("4/convnet.training", 4, "ConvNet: output in training is Table 1's", network_checks.training),
    Check("4/convnet.evaluation", 2, "ConvNet: output in evaluation is Table 1's",
          network_checks.evaluation),
    Check("4/convnet.gradients", 0.5, "ConvNet: gradients arrive at every parameter",
          network_checks.gradients),
]
# fmt: on
