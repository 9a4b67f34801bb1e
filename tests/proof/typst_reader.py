"""Reads equations back from their Typst text, as a mathematician would, and computes what they say.

It owes nothing to the trees that wrote the text: names are looked up by how they are written, and the rest
is grammar. What leaves room for a second reading is refused (ReadError): two things above one base, a number
after a factor, a minus after a plus, ⊙ beside ⊙. An index ranges over the axes that it stands at. Where 1 and
I do not say how long they are, or a name has two arrays, shapes tell: every reading that fits is returned.

    terms   = ["-"] term {("+" | "-") term}
    term    = product [("⊙" | "⊘" | "⊗") product]
    product = {fraction} (fraction | ("sum_(i, j)" | "max_(k)") product)
    fraction = power ["/" power],  power = atom ["^" exponent]

Where a comma is among indices, each is computed, as in (g + P, S h + p).
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from backproof.proof.formula.notation import Derivative, Name, Size, Symbol

Array = np.ndarray[Any, Any]
Node = tuple[Any, ...]
_TOKEN = re.compile(r'(\s*)(arrow\.l|[A-Za-z]+|\d+|"[^"]*"|\\[,/]|[-+=^_(),/>⊙⊘⊗′])')
_ACCENTS = ("bold", "hat", "tilde", "dot", "macron")
_CALLS: dict[str, Callable[[Array], Array]] = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt}
_PARTS: dict[str, Callable[[Array], Array]] = {
    "max": lambda x: np.where(x.real > 0, x, 0),
    "min": lambda x: np.where(x.real > 0, 0, x),
    "min 1": lambda x: np.where(x.real < 1, x, 1),
}
_LARGEST = 5000
"""Rows or columns: no reading that was meant has more."""
_ENDS = (")", "+", "-", "=", "arrow.l", ",", ">", "⊙", "⊘", "⊗", '"if"', '"else"', "\\,", "")


class ReadError(ValueError):
    """The text has no reading, or more than one."""


@dataclass(eq=False)
class _Index:
    letter: str
    axis: int
    length: int | None = None

    def ranges_over(self, length: int) -> None:
        if self.length not in (None, length):
            raise ReadError(f"{self.letter} stands at axes of {self.length} and of {length}")
        self.length = length


class _Parser:
    """Makes a nested tuple of a text; ``names`` are the known names by how they are written."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self.tokens: list[str] = []
        self.spaced: list[bool] = []
        self.names, self.at, end = names, 0, 0
        self.letters_are_indices = False
        while text[end:].strip():
            found = _TOKEN.match(text, end)
            if found is None:
                raise ReadError(f"what is {text[end:]!r}?")
            self.spaced.append(bool(found[1]))
            self.tokens.append(found[2])
            end = found.end()

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if (wanted and token not in wanted) or not token:
            raise ReadError(f"{token!r} in place of {wanted} after {' '.join(self.tokens[: self.at])}")
        self.at += 1
        return token

    def end(self) -> None:
        if self.peek():
            raise ReadError(f"{self.peek()!r} after {' '.join(self.tokens[: self.at])}")

    def terms(self) -> Node:
        if self.peek() == "-":
            self.take()
            found: Node = ("-x", self.term())
        else:
            found = self.term()
        while self.peek() in ("+", "-"):
            found = (self.take(), found, self.term())
        return found

    def term(self) -> Node:
        found = self.product()
        if self.peek() in ("⊙", "⊘", "⊗"):
            found = (self.take(), found, self.product())
            if self.peek() in ("⊙", "⊘", "⊗"):
                raise ReadError(f"two of ⊙ ⊘ ⊗ side by side in {' '.join(self.tokens)}")
        return found

    def product(self) -> Node:
        found: Node | None = None
        while self.peek() not in _ENDS:
            if found is not None and self.peek().isdigit():
                raise ReadError(f"a number after a factor in {' '.join(self.tokens)}")
            factor = self.reaching() or self.fraction()
            found = factor if found is None else ("juxtaposed", found, factor)
        if found is None:
            raise ReadError(f"nothing before {self.peek()!r} in {' '.join(self.tokens)}")
        return found

    def reaching(self) -> Node | None:
        """Read what reaches over the product to its right, and so ends a product."""
        if self.peek() not in ("sum", "max") or self.peek(1) != "_":
            return None
        sign = self.take()
        self.take("_")
        self.take("(")
        letters = [self.take()]
        while self.peek() == ",":
            self.take()
            letters.append(self.take())
        self.take(")")
        return ("sum" if sign == "sum" else "largest", letters, self.product())

    def fraction(self) -> Node:
        if self.peek() == "(" and self.peek(1) == "partial":
            of = self.partial(of=True)
            self.take("/")
            by = self.partial()
            if self.peek() in ("^", "_", "/"):
                raise ReadError(f"{self.peek()} at the lower part of a derivative")
            return ("derivative", of, by)
        found = self.power()
        if self.peek() == "/":
            self.take()
            found = ("/", found, self.power())
            if self.peek() == "/":
                raise ReadError("a fraction's fraction without brackets")
        return found

    def partial(self, *, of: bool = False) -> Node | None:
        self.take("(")
        self.take("partial")
        if of and self.peek() == "L" and self.peek(1) == ")":
            self.take()
            found = None
        else:
            found = self.name()
        self.take(")")
        return found

    def power(self) -> Node:
        bracketed = self.peek() == "("
        found = self.atom()
        if self.peek() != "^":
            return found
        if found[0] == "name" and found[3] and not bracketed:
            raise ReadError(f"two things above {found[1]}")
        self.take()
        if self.peek() == "top":
            self.take()
            found = ("transposed", found)
        else:
            exponent = self.take() if self.peek() != "(" else self.raw()[1:-1]
            try:
                found = ("power", found, float(Fraction(exponent.replace("\\/", "/"))))
            except ValueError:
                if exponent in self.names:  # a number that has a name, such as t
                    return ("power", found, ("name", exponent, (), False))
                raise ReadError(f"^({exponent}) is no power, and part of no known name") from None
        if self.peek() == "^":
            raise ReadError("two things above one base")
        return found

    def atom(self) -> Node:
        token = self.peek()
        if token.isdigit():
            return ("number", int(self.take()))
        if token == "(":
            return self.bracket()
        if token in _CALLS:
            self.take()
            return (token, self.bracket())
        if token in _PARTS:
            self.take()
            self.take("(")
            kind = f"{token} 1" if token == "min" and self.peek() == "1" else token
            self.take("1" if kind == "min 1" else "0")
            self.take(",")
            body = self.terms()
            self.take(")")
            return (kind, body)
        if token == "upright":
            self.take()
            self.take("(")
            word = self.take('"diag"', '"vec"', '"hardmax"').strip('"')
            self.take(")")
            if word == "hardmax":
                self.take("_")
                letters = self.raw()[1:-1].split(",")
                return (word, letters, self.bracket())
            return (word, self.bracket())
        if token == "oo":
            self.take()
            return ("number", math.inf)
        if token == "cases":
            return self.cases()
        return self.name()

    def bracket(self) -> Node:
        self.take("(")
        found = self.terms()
        self.take(")")
        return found

    def cases(self) -> Node:
        self.take("cases")
        self.take("(")
        then = self.terms()
        self.take('"if"')
        sign = self.terms()
        for each in (">", "0", "\\,", ","):
            self.take(each)
        otherwise = self.terms()
        self.take('"else"')
        self.take(")")
        return ("cases", sign, then, otherwise)

    def raw(self) -> str:
        """Take a bracket as it stands."""
        text, depth = self.take("("), 1
        while depth:
            token = self.take()
            depth += {"(": 1, ")": -1}.get(token, 0)
            text += token
        return text

    def raw_ahead(self) -> list[str]:
        """Look at what is left of a bracket, but for brackets within."""
        found, depth, at = [], 1, self.at
        while depth:
            token = self.tokens[at]
            depth += {"(": 1, ")": -1}.get(token, 0)
            if depth == 1:
                found.append(token)
            at += 1
        return found

    def computed_index(self) -> Node:
        """Read an index such as S h + p, in which unknown letters are indices."""
        self.letters_are_indices = True
        found = self.terms()
        self.letters_are_indices = False
        return found

    def name(self) -> Node:
        """Read a name: its form, with · for each index, its indices, and whether something stands above."""
        form = self.head()
        indices: list[Node] = []
        if form in ("bold(1)", "bold(I)"):
            return (form, self.lengths())
        if self.peek() == "_":
            self.take()
            start = self.at
            if f"{form}_{self.raw()}" in self.names:  # a size such as d_(l-1)
                return ("name", f"{form}_{''.join(self.tokens[start : self.at])}", (), False)
            self.at = start
            self.take("(")
            parted = "," in self.raw_ahead()
            while self.peek() != ")":
                if parted and indices:
                    self.take(",")
                indices.append(self.computed_index() if parted else self.index())
            self.take(")")
            form += f"_({' '.join('·' for _ in indices)})"
        raised = False
        if self.peek() == "^" and self.peek(1) == "(":
            start = self.at
            self.take()
            above = self.raw()
            if f"{form}^{above}" in self.names:
                form, raised = f"{form}^{above}", True
            else:
                self.at = start
        if self.peek() == "(" and not self.spaced[self.at]:
            raise ReadError(f"{form} looks like a function")
        if form == "delta_(· ·)":
            return ("delta", *indices)
        if self.letters_are_indices and form not in self.names and not indices:
            return ("index", form)
        if form not in self.names:
            raise ReadError(f"no name {form} among {list(self.names)}")
        return ("name", form, tuple(indices), raised)

    def lengths(self) -> list[str]:
        """Read which sizes 1 or I has below it."""
        found = []
        if self.peek() == "_":
            self.take()
            self.take("(")
            while self.peek() != ")":
                found.append(self.name()[1])
            self.take(")")
        return found

    def head(self) -> str:
        token = self.take()
        if token in _ACCENTS:
            self.take("(")
            inner = self.head()
            self.take(")")
            return f"{token}({inner})"
        if not re.fullmatch(r"[A-Za-z]+|\d", token):
            raise ReadError(f"{token!r} is no name in {' '.join(self.tokens)}")
        return token

    def index(self) -> Node:
        if self.peek() == "1":
            self.take()
            return ("first",)
        if self.peek(1) == "_":
            return self.name()
        return ("index", self.take())


class Reader:
    """Reads texts at a point: how long sizes are, and every name's array.

    ``ranges`` says how far an index goes that stands at no axis.
    """

    def __init__(
        self,
        sizes: Mapping[Size, int],
        symbols: Iterable[Symbol],
        arrays: Any,
        ranges: Mapping[str, int] | None = None,
    ) -> None:
        self.lengths, self.arrays, self.ranges = sizes, arrays, ranges or {}
        self.sizes = {size.write("typst"): length for size, length in sizes.items()}
        self.entries: dict[str, Symbol] = {}
        self.wholes: dict[str, list[Symbol]] = {}
        for symbol in symbols:
            form = symbol.write("typst", ("·",) * len(symbol.sizes))
            if form in self.entries or form in self.sizes:
                raise ReadError(f"two names are written {form}")
            self.entries[form] = symbol
            self.wholes.setdefault(symbol.write_whole("typst"), []).append(symbol)

    # Index form

    def steps(self, text: str) -> tuple[Name, list[Array]]:
        """Read ``left = step \\ = step …``: the name on the left, and each step for all its indices."""
        first, *others = text.replace("&", "").split(" \\ ")
        parser = _Parser(first, {**self.sizes, **self.entries})
        left = parser.fraction()
        parser.take("=", "arrow.l")
        steps = [parser.terms()]
        parser.end()
        for each in others:
            parser = _Parser(each, {**self.sizes, **self.entries})
            parser.take("=")
            steps.append(parser.terms())
            parser.end()
        return self._named(left), [self._step(left, step) for step in steps]

    def _named(self, node: Node) -> Name:
        if node[0] == "name":
            return self.entries[node[1]]
        _, of, by = node
        return Derivative(self.entries[by[1]], self.entries[of[1]] if of else None)

    def _step(self, left: Node, step: Node) -> Array:
        indices: list[_Index] = []
        same: list[tuple[_Index, _Index]] = []

        def new(letter: str) -> _Index:
            if not re.fullmatch("[a-z]", letter) or letter in self.entries:
                raise ReadError(f"{letter} is no index")
            indices.append(_Index(letter, len(indices)))
            return indices[-1]

        def bind(node: Node, known: dict[str, _Index]) -> Node:
            match node:
                case ("sum" | "largest" as kind, letters, body):
                    own = [new(letter) for letter in letters]
                    return (kind, own, bind(body, known | {each.letter: each for each in own}))
                case ("hardmax", letters, body):
                    if missing := set(letters) - known.keys():
                        raise ReadError(f"{missing} are neither summed nor on the left")
                    return ("hardmax", [known[letter] for letter in letters], bind(body, known))
                case ("index", letter):
                    if letter not in known:
                        raise ReadError(f"{letter} is neither summed nor on the left")
                    return ("index", known[letter])
                case ("name", form, (), _) if form in self.sizes:
                    return ("number", float(self.sizes[form]))
                case ("name", _, at, _):
                    return entry(self._named(node), at, known)
                case ("derivative", of, by):
                    return entry(self._named(node), (*(of[2] if of else ()), *by[2]), known)
                case ("delta", one, other):
                    bound = bind(one, known), bind(other, known)
                    if bound[0][0] == bound[1][0] == "index":
                        same.append((bound[0][1], bound[1][1]))
                    return ("delta", *bound)
            return (node[0], *(bind(part, known) if isinstance(part, tuple) else part for part in node[1:]))

        def entry(name: Name, at: tuple[Node, ...], known: dict[str, _Index]) -> Node:
            bound = [bind(each, known) for each in at]
            for each, size in zip(bound, name.sizes, strict=True):
                if each[0] == "index":
                    each[1].ranges_over(self.lengths[size])
            return ("entry", name, bound)

        at = left[2] if left[0] == "name" else (*(left[1][2] if left[1] else ()), *left[2][2])
        letters = [each[1] for each in at]
        if len(set(letters)) < len(letters):
            raise ReadError(f"an index twice on the left: {letters}")
        free = {letter: new(letter) for letter in letters}
        entry(self._named(left), at, free)
        bound = bind(step, free)
        for _ in same:
            for one, other in (*same, *(pair[::-1] for pair in same)):
                if one.length is not None:
                    other.ranges_over(one.length)
        for each in indices:
            if each.length is None:
                each.length = self.ranges.get(each.letter)
            if each.length is None:
                raise ReadError(f"how far does {each.letter} go?")
        value = self._value(bound, len(indices))
        shape = tuple(each.length or 0 for each in free.values())
        if value.shape[len(shape) :] != (1,) * (len(indices) - len(shape)):
            raise ReadError("an index is left over")
        return np.broadcast_to(value.reshape(value.shape[: len(shape)]), shape)

    def _value(self, node: Node, ndim: int) -> Array:
        def value(part: Node) -> Array:
            return self._value(part, ndim)

        match node:
            case ("number", number):
                return np.full((1,) * ndim, number)
            case ("first",):
                return np.zeros((1,) * ndim, int)
            case ("index", index):
                return np.arange(index.length).reshape([-1 if a == index.axis else 1 for a in range(ndim)])
            case ("entry", name, at):
                array = np.asarray(self.arrays[name])
                places = [value(each).real for each in at]
                if any((place < 0).any() for place in places):
                    raise ReadError(f"an index of {name} below zero")
                found = array[tuple(place.astype(int) for place in places)]
                return found.reshape((1,) * ndim) if not at else found
            case ("delta", one, other):
                return (value(one) == value(other)).astype(float)
            case ("sum" | "largest" as kind, indices, body):
                found = value(body)
                for index in reversed(indices):
                    shape = list(found.shape)
                    shape[index.axis] = index.length
                    whole = np.broadcast_to(found, shape)
                    if kind == "sum":
                        found = whole.sum(index.axis, keepdims=True)
                    else:
                        found = whole.real.max(index.axis, keepdims=True)
                return found
            case ("hardmax", indices, body):
                return _first_largest(value(body).real, [index.axis for index in indices])
            case ("juxtaposed", one, other):
                return value(one) * value(other)
            case ("/", above, below):
                return value(above) / value(below)
            case (kind, *parts):
                found = _elementwise(
                    kind, *(value(each) if isinstance(each, tuple) else each for each in parts)
                )
                if found is not None:
                    return found
        raise ReadError(f"{node[0]} in index form")

    # Matrix form

    def matrix(self, text: str) -> tuple[list[Name], list[Array]]:
        """Read ``left = right``: what the left may name, and every value of the right whose shapes fit."""
        names = {**self.sizes, **self.wholes}
        parser = _Parser(text, names)
        left = parser.fraction()
        parser.take("=", "arrow.l")
        right = parser.terms()
        parser.end()
        lefts = self._wholes(left[1] if left[0] == "vec" else left)
        lengths = set(self.lengths.values())

        def look(node: Any) -> None:
            if isinstance(node, tuple) and node[:1] in (("name",), ("derivative",)):
                for name in self._wholes(node):
                    shape = [self.lengths.get(size, 0) for size in name.sizes]
                    lengths.update((math.prod(shape), *as_matrix(name, np.zeros(shape)).shape))
            elif isinstance(node, tuple):
                for part in node:
                    look(part)

        look(left)
        look(right)
        return lefts, self._readings(right, sorted(lengths - {0}))

    def _wholes(self, node: Node) -> list[Name]:
        if node[0] == "name":
            return list(self.wholes.get(node[1], ()))
        _, of, by = node
        if of is None:
            return [Derivative(each) for each in self.wholes[by[1]]]
        pairs = itertools.product(self.wholes[by[1]], self.wholes[of[1]])
        return [Derivative(each, above) for each, above in pairs]

    def _readings(self, node: Node, lengths: list[int]) -> list[Array]:
        def readings(part: Any) -> list[Any]:
            return self._readings(part, lengths) if isinstance(part, tuple) else [part]

        match node:
            case ("number", number):
                return [np.asarray(float(number))]
            case ("bold(1)" | "bold(I)" as kind, sizes):
                if sizes:
                    lengths = [math.prod(self.sizes[size] for size in sizes)]
                return [np.ones((n, 1)) if kind == "bold(1)" else np.eye(n) for n in lengths]
            case ("name", form, (), _) if form in self.sizes:
                return [np.asarray(float(self.sizes[form]))]
            case ("name" | "derivative", *_):
                return [as_matrix(name, np.asarray(self.arrays[name])) for name in self._wholes(node)]
        found: list[Array] = []
        for parts in itertools.product(*(readings(part) for part in node[1:])):
            value = _matrix_operation(node[0], *parts)
            if value is None or max(value.shape, default=0) > _LARGEST:
                continue
            if not any(np.array_equal(value, each) for each in found):
                found.append(value)
        return found


def _first_largest(array: Array, axes: list[int]) -> Array:
    """Return 1 at the first largest entry along axes together, else 0."""
    found = np.zeros(array.shape)
    others = [range(1) if axis in axes else range(n) for axis, n in enumerate(array.shape)]
    for at in itertools.product(*others):
        place = tuple(slice(None) if axis in axes else n for axis, n in enumerate(at))
        part = array[place]
        one = np.zeros(part.size)
        one[list(part.ravel()).index(part.max())] = 1
        found[place] = one.reshape(part.shape)
    return found


def as_matrix(name: Name, array: Array) -> Array:
    """View an array as text has it: ∂y/∂x a row for each entry of y, a vector a column, a pixel a row.

    What stands in both the rows and the columns makes blocks: zero wherever it differs.
    """
    symbol = name.by if isinstance(name, Derivative) else name
    if symbol.as_matrix and not (isinstance(name, Derivative) and name.of):
        rows, columns = symbol.as_matrix
        one, two = ([range(array.shape[axis]) for axis in axes] for axes in (rows, columns))
        matrix = np.zeros((math.prod(map(len, one)), math.prod(map(len, two))))
        for (m, above), (n, below) in itertools.product(
            enumerate(itertools.product(*one)), enumerate(itertools.product(*two))
        ):
            at = dict(zip(rows, above, strict=True))
            if all(at.setdefault(axis, place) == place for axis, place in zip(columns, below, strict=True)):
                matrix[m, n] = array[tuple(at[axis] for axis in range(array.ndim))]
        return matrix
    if isinstance(name, Derivative) and name.of is not None:
        return array.reshape(int(np.prod(array.shape[: len(name.of.sizes)])), -1)
    if array.ndim == 4:
        return array.transpose(0, 2, 3, 1).reshape(-1, array.shape[1])
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _elementwise(kind: str, *parts: Any) -> Array | None:
    match kind, parts:
        case "-x", (x,):
            return -x
        case "+", (x, y):
            return x + y
        case "-", (x, y):
            return x - y
        case "power", (x, exponent):
            return x**exponent
        case "cases", (sign, then, otherwise):
            return np.where(sign.real > 0, then, otherwise)
        case _, (x,) if kind in _CALLS or kind in _PARTS:
            return (_CALLS | _PARTS)[kind](x)
    return None


def _matrix_operation(kind: str, *parts: Any) -> Array | None:
    """Compute, or return None where shapes do not fit."""
    shapes = [np.shape(each) for each in parts]
    match kind:
        case "juxtaposed":
            if () in shapes:
                return parts[0] * parts[1]
            return parts[0] @ parts[1] if shapes[0][1] == shapes[1][0] else None
        case "/":
            return parts[0] / parts[1] if np.size(parts[1]) == 1 else None
        case "transposed":
            return parts[0].T if len(shapes[0]) == 2 else None
        case "⊙" | "⊘":
            if shapes[0] != shapes[1]:
                return None
            return parts[0] * parts[1] if kind == "⊙" else parts[0] / parts[1]
        case "⊗":
            return np.kron(*parts)
        case "vec":
            return parts[0].reshape(-1, 1)
        case "diag":
            return np.diag(parts[0][:, 0]) if shapes[0][1:] == (1,) else None
        case "+" | "-":
            if () not in shapes and shapes[0] != shapes[1]:
                return None
    found = _elementwise(kind, *parts)
    if found is None:
        raise ReadError(f"{kind} in matrix form")
    return found
