"""Requests to a submission's torch modules: make them, read parameters, run forward and backward."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backproof.arrays import Array
from backproof.checker import causes
from backproof.checker.calls import (
    Answer,
    Call,
    Failure,
    Fetch,
    Request,
    Runner,
    SubmissionError,
    Tensor,
    need,
    need_array,
)
from backproof.checker.check_report import Evidence
from backproof.checker.outcome import OutcomeError, wrong

Arguments = tuple[Any, ...]


def make_object(runner: Runner, name: str, target: str, *alternatives: Arguments) -> int:
    """Call ``target`` and keep what it returns, an object; say which of the alternative arguments it took.

    The next alternative is tried where the number of arguments does not fit (SubmissionError).
    """
    return _made(runner, name, target, alternatives)[0]


def must_leave_arguments(runner: Runner, target: str, *alternatives: Arguments) -> None:
    """Raise OutcomeError if a list that ``target`` is given is changed by the call (SubmissionError)."""
    number, answer = _made(runner, "_", target, alternatives)
    if answer.changed:
        given = str(alternatives[number][answer.changed[0]])
        evidence = Evidence(parameter="the list given", expected=given, got="another list")
        raise OutcomeError(
            wrong(causes.INPUT_CHANGED_IN_PLACE, f"{target} writes to the list it is given.", evidence)
        )


def _made(runner: Runner, name: str, target: str, alternatives: Sequence[Arguments]) -> tuple[int, Answer]:
    for number, arguments in enumerate(alternatives):
        answer = runner.run([Call(name, target, arguments)])[0]
        failure = answer.failure
        if failure is None or failure.kind == "refused":
            return number, answer
        if number + 1 == len(alternatives) or not failure.is_about_arguments:
            raise SubmissionError(failure)
    raise AssertionError("no alternatives")


def leaf(name: str, array: Array) -> Call:
    """Make a named tensor that gradients arrive at."""
    return Call(name, "torch.tensor", (array,), {"requires_grad": True})


def get_state(runner: Runner, module: str, example: Array | None = None) -> dict[str, Array]:
    """Return the parameters and buffers that a module has registered, in that order (SubmissionError).

    One that bears several names is there once. ``example``: input for a first call, if there are lazy layers,
    which have no parameters before it.
    """
    name = f"{module}_state"
    answer = runner.run([Call(name, f"{module}.state_dict")])[0]
    if answer.failure is None and answer.value is None and example is not None:
        need_array(runner.run([Call("_", f"{module}.forward", (Tensor(example),))])[0])
        return get_state(runner, module)
    if answer.failure is not None and answer.failure.kind in ("missing", "crashed"):
        kind, where = answer.failure.kind, answer.failure.where
        message = f"no usable state_dict, so this is not a torch.nn.Module: {answer.failure.message}"
        raise SubmissionError(Failure(kind, message, where))
    registered = need(answer)
    if not isinstance(registered, dict):
        raise SubmissionError(Failure("refused", "state_dict() returned no dict; is it a torch.nn.Module?"))
    arrays = {str(key): value for key, value in registered.items() if isinstance(value, np.ndarray)}
    places = runner.run([Call("_", f"{name}['{key}'].data_ptr") for key in arrays])
    once: dict[Any, str] = {}
    for key, place in zip(arrays, places, strict=True):
        once.setdefault(need(place), key)
    return {key: arrays[key] for key in once.values()}


def is_buffer(name: str) -> bool:
    """Tell whether an entry of a state is one of batch norm's statistics."""
    return name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")


def gamma_beta_order(name: str, value: Array) -> int:
    """Return a sort key: negative for γ, by its name or as it starts with ones, positive for β."""
    last = name.rpartition(".")[2].lower()
    if any(part in last for part in ("beta", "bias", "shift")):
        return 2
    if any(part in last for part in ("gamma", "weight", "scale")):
        return -2
    return -1 if np.all(value == 1) else int(np.all(value == 0))


def name_parameters(runner: Runner, module: str, state: dict[str, Array]) -> dict[str, str]:
    """Give each parameter a name of its own in the child: state's name → that name. Buffers are left out."""
    keys = [key for key in state if not is_buffer(key)]
    names = [f"{module}_p{number}" for number in range(len(keys))]
    # Arrays of millions of numbers would come back: these are named by a call, and fetched only if asked for.
    calls: list[Request] = [
        Call(name, f"{module}.get_parameter", (key,)) for name, key in zip(names, keys, strict=True)
    ]
    answers = runner.run(calls)
    return {key: name for key, name, a in zip(keys, names, answers, strict=True) if a.failure is None}


def call_forward(runner: Runner, module: str, x: Array, mode: str | None = None) -> Array:
    """Return the module's output on x, after .train() or .eval() if ``mode`` names it (SubmissionError)."""
    requests: list[Request] = [Call("_", f"{module}.{mode}")] if mode else []
    return need_array(runner.run([*requests, Call("y", f"{module}.forward", (Tensor(x),))])[-1])


def check_shape(got: Array, due: tuple[int, ...], x: Array) -> None:
    """Raise OutcomeError if the output for ``x`` has another shape than is due."""
    if got.shape != due:
        expected, got_shape = f"shape {due}", f"shape {got.shape}"
        evidence = Evidence(
            parameter="the output", expected=expected, got=got_shape, shapes={"x": list(x.shape)}
        )
        explanation = f"the output for input of shape {x.shape} has shape {got.shape}, not {due}."
        raise OutcomeError(wrong(causes.WRONG_SHAPE, explanation, evidence))


def output(runner: Runner, target: str, inputs: tuple[Any, ...], due: tuple[int, ...]) -> Array:
    """Return what ``target`` makes of tensors and numbers, of the shape ``due`` and the first one's dtype.

    Raises SubmissionError, and OutcomeError where shape or dtype are others, or it writes to its input.
    """
    answer = runner.run([Call("y", target, inputs)])[0]
    got, x = need_array(answer), inputs[0].array
    shapes = {"x": list(x.shape)}
    check_shape(got, due, x)
    if answer.changed:
        evidence = Evidence(parameter="the input", expected="as before", got="other numbers", shapes=shapes)
        raise OutcomeError(
            wrong(causes.INPUT_CHANGED_IN_PLACE, f"{target} writes to the tensor it is given.", evidence)
        )
    if got.dtype.kind == "f" and got.dtype != x.dtype:
        evidence = Evidence(parameter="the output", expected=str(x.dtype), got=str(got.dtype), shapes=shapes)
        raise OutcomeError(
            wrong(causes.DTYPE_PROMOTED, f"the output is {got.dtype} for {x.dtype}.", evidence)
        )
    return got


def get_gradients(
    runner: Runner,
    target: str,
    inputs: tuple[Any, ...],
    upstream: Array,
    wanted: Mapping[str, str],
    between: Sequence[Request] = (),
) -> dict[str, Array]:
    """Call ``target``, then what comes ``between``, go back with ``upstream``, and return gradients.

    ``wanted``: a label for people → name in the child, kept in the answer. Raises SubmissionError, and
    OutcomeError where no gradient arrives, or backward writes to what it is given.
    """
    back = Call("_", "y.backward", (Tensor(upstream),))
    first, *_, last = runner.run([Call("y", target, inputs), *between, back])
    need_array(first)
    if last.failure is not None and last.failure.kind != "refused":
        if "does not require grad" not in last.failure.message:
            raise SubmissionError(last.failure)
        raise _none(", ".join(wanted))
    if last.changed:
        shapes = {"dy": list(upstream.shape)}
        evidence = Evidence(parameter="dy", expected="as before", got="other numbers", shapes=shapes)
        raise OutcomeError(
            wrong(causes.INPUT_CHANGED_IN_PLACE, "backward writes to what it is given.", evidence)
        )
    arrived = {}
    for label, answer in zip(
        wanted, runner.run([Fetch(f"{name}.grad") for name in wanted.values()]), strict=True
    ):
        if answer.failure is not None or answer.value is None:
            raise _none(label)
        arrived[label] = need_array(answer)
    return arrived


def _none(what: str) -> OutcomeError:
    evidence = Evidence(parameter=f"gradient of {what}", expected="an array", got="None")
    return OutcomeError(wrong(causes.NO_GRADIENT_ARRIVES, f"no gradient arrives at {what}.", evidence))
