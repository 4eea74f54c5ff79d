"""What an import would do, and what it needs to know for that: values alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.access.plans import Plan
from portal.clock import Moment
from portal.imports.found import FoundRun, What
from portal.vouchers import imported
from portal.vouchers.imported import Chance


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Keyed hashes: of a folded code, and of somebody's name in the other system, as the cause of their pass."""

    code: Callable[[str], bytes]
    cause: Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What staff chose: days of life for codes, whether easy ones end earlier, and whether cards are still unsold."""

    days: int = imported.MOST_DAYS
    shorten: bool = True
    unsold: bool = False


@dataclass(frozen=True, kw_only=True)
class There:
    """What Bando has already."""

    plans: Sequence[Plan]
    plan_ids: Mapping[str, int]  # of this source, by the key there
    codes: frozenset[bytes]
    causes: frozenset[str]  # of passes that were imported by name
    live: Mapping[str, int]  # codes that a guess could hit, by style
    currency: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing for people: what it is, its name, a word of `wording`, and figures for it."""

    what: What
    name: str
    why: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    further: bool = False  # one more thing to say about what the line before it is about


@dataclass(frozen=True, kw_only=True)
class NewPlan:
    """A plan to be made."""

    key: str
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Card:
    """A code to be kept; `run` when it is in use."""

    code: str
    index: bytes
    use_by: Moment
    run: FoundRun | None = None


@dataclass(frozen=True, kw_only=True)
class NewBatch:
    """Codes of one plan and one style; `rest_ms` when they are good for what is left of it."""

    plan: str
    style: str
    paid: bool  # their money was taken elsewhere
    rest_ms: int | None
    rest_bytes: int | None
    cards: list[Card]


@dataclass(kw_only=True)
class Work:
    """Everything that would be done, and what would not."""

    plans: list[NewPlan] = field(default_factory=list)
    batches: list[NewBatch] = field(default_factory=list)
    passes: list[FoundRun] = field(default_factory=list)  # by their device, without a code
    plan_ids: dict[str, int] = field(default_factory=dict)  # plans that are there, by their key
    chances: list[Chance] = field(default_factory=list)
    shorten: bool = False
    taken: list[Line] = field(default_factory=list)
    changed: list[Line] = field(default_factory=list)
    left: list[Line] = field(default_factory=list)
    here: list[Line] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.plans or self.batches or self.passes)

    @property
    def cards(self) -> int:
        return sum(len(each.cards) for each in self.batches)

    def told(self, choice: Choice) -> str:
        """What a page says would be done, and by which choices, to be compared once somebody agrees to it."""
        said = (choice.days, int(choice.shorten), int(choice.unsold), *self.counts().values())
        return ":".join(map(str, said))

    def counts(self) -> dict[str, int]:
        """How much would be done, by kind."""
        runs = sum(card.run is not None and each.rest_ms is None for each in self.batches for card in each.cards)
        return {"plans": len(self.plans), "vouchers": self.cards - runs, "running": runs + len(self.passes)}
