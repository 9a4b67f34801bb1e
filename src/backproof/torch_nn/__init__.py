"""MLP, ConvNet and hand-written batch norm in PyTorch; numpy_nn may never be imported here."""
