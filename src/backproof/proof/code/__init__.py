"""What the equations are held against: the layers' own code, and PyTorch's functions."""
