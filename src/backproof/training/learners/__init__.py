"""A network with its optimizer, as the loop sees it: the NumPy learner and the PyTorch learner."""
