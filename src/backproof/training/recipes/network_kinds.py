"""The kinds of networks that recipes train."""

from backproof.training.recipe import NetworkKind

NUMPY_MLP = NetworkKind("backproof.training.learners.numpy_learner:mlp_learner", frozenset({"mlp"}))
NUMPY_CONVNET = NetworkKind(
    "backproof.training.learners.numpy_learner:convnet_learner", frozenset({"convnet"})
)
TORCH_MLP = NetworkKind("backproof.training.learners.torch_learner:mlp_learner", frozenset({"mlp", "torch"}))
CONVNET = NetworkKind(
    "backproof.training.learners.torch_learner:convnet_learner", frozenset({"convnet", "torch"})
)
