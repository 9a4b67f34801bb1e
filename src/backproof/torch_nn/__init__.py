"""The same networks in PyTorch, with batch norm written by hand: an MLP and a ConvNet, and their training."""
