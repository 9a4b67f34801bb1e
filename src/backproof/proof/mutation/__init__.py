"""The mutation test: equations and code with one thing broken, and whether the proofs notice."""
