"""What became of the mutants: a proof caught them, or none did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One thing changed, and whether a proof failed."""

    where: str
    change: str
    caught: bool
    computed: bool
    """Whether it could be computed at all: what cannot is caught, but proves less of the proofs."""


@dataclass(frozen=True)
class EquivalentMutant:
    """A change that changes no result, which is why it is not counted."""

    where: str
    change: str
    reason: str


@dataclass(frozen=True)
class MutantGroup:
    """All mutants of one kind: of index form, of matrix form, or of the layers' code."""

    name: str
    mutants: tuple[Mutant, ...]
    equivalents: tuple[EquivalentMutant, ...] = ()

    @property
    def made(self) -> int:
        """Return how many there are."""
        return len(self.mutants)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Return those that no proof caught."""
        return tuple(mutant for mutant in self.mutants if not mutant.caught)

    @property
    def caught(self) -> int:
        """Return how many were caught."""
        return self.made - len(self.survivors)

    @property
    def not_computed(self) -> int:
        """Return how many of the caught could not be computed, for an index or a shape that does not fit."""
        return sum(mutant.caught and not mutant.computed for mutant in self.mutants)


@dataclass(frozen=True)
class MutationReport:
    """What became of all mutants."""

    kinds: tuple[MutantGroup, ...]

    @property
    def made(self) -> int:
        """Return how many there are."""
        return sum(kind.made for kind in self.kinds)

    @property
    def caught(self) -> int:
        """Return how many were caught."""
        return sum(kind.caught for kind in self.kinds)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Return those that no proof caught: there should be none."""
        return tuple(mutant for kind in self.kinds for mutant in kind.survivors)

    @property
    def equivalents(self) -> tuple[EquivalentMutant, ...]:
        """Return the changes that change no result, which no number here counts."""
        return tuple(equivalent for kind in self.kinds for equivalent in kind.equivalents)

    def lines(self) -> list[str]:
        """Return a line for every kind, survivor, and change that changes nothing."""
        counts = [
            f"{kind.name}: {kind.made} mutants, {kind.caught} caught, "
            f"{kind.not_computed} of these as they cannot be computed"
            for kind in self.kinds
            if kind.made
        ]
        survivors = [f"SURVIVED {mutant.where}: {mutant.change}" for mutant in self.survivors]
        same = [f"changes nothing, {same.where}: {same.change} ({same.reason})" for same in self.equivalents]
        return counts + survivors + same
