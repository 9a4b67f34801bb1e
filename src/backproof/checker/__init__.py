"""Someone else's implementation of the assignment, or a layer, checked in a sandbox: right, or why not.

Never imported here: numpy_nn, torch_nn, training, proof, report and cli. A verdict must not come from the
reference; of the other rooms only gradcheck takes part.
"""
