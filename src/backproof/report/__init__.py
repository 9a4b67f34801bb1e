"""Pages and figures from records, predictions and proofs.

No training happens here: no framework, no loop and no run may be imported.
"""
