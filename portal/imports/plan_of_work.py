"""What an import would do: what was found beside what is there already. Pure, and the same for the dry run and the act.

A plan is known by its name in the other system, a voucher by its code, somebody who is running by their code or their
name there. What is known is left as it is, so an import that is run again does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import Moment
from portal.imports import found as inventory
from portal.imports.found import Found, FoundPlan, FoundRun, FoundVoucher, Terms, What
from portal.imports.measures import LONGEST_MS
from portal.imports.terms import alike, made, terms_of, what_is_left
from portal.imports.work import Card, Choice, Keys, Line, NewBatch, NewPlan, There, Work
from portal.vouchers import codes, imported
from portal.vouchers.imported import Chance


def work_of(found: Found, there: There, choice: Choice, keys: Keys, now: Moment) -> Work:
    """What is to be done."""
    return _Maker(found, there, choice, keys, now).made()


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """A code that might be taken."""

    code: str
    plan: str
    run: FoundRun | None = None


class _Maker:
    """Puts the work together, step by step."""

    def __init__(self, found: Found, there: There, choice: Choice, keys: Keys, now: Moment) -> None:
        self.found, self.there, self.choice, self.keys, self.now = found, there, choice, keys, now
        self.work = Work(shorten=choice.shorten)
        self.terms: dict[str, Terms] = {}
        self.seen: set[str] = set()  # codes
        self.met: set[str] = set()  # people
        self.groups: dict[tuple[str, str, bool, int | None, int | None], NewBatch] = {}

    def made(self) -> Work:
        self.work.left += [
            Line(what=each.what, name=masked(each.what, each.name), why=each.why) for each in self.found.left
        ]
        for plan in self.found.plans:
            self._plan(plan)
        self._named_plans()
        self._codes(self._wishes())
        self.work.batches = list(self.groups.values())
        return self.work

    # plans

    def _plan(self, one: FoundPlan) -> None:
        known = self._known(one)
        if known is None and len(self.work.plans) >= inventory.MOST_PLANS:
            self._leave("plan", one.name, "too-many")
            return
        self.terms[one.key] = one.terms
        if known is not None:
            self.work.plan_ids[one.key] = known
            self.work.here.append(Line(what="plan", name=one.name))
            return
        name = self._free(one.name)
        self.work.plans.append(NewPlan(key=one.key, plan=made(one, name, self.there.currency)))
        notes = [*one.notes, *(["renamed"] if name != one.name else [])]
        self._tell("plan", one.name, notes, to=name)

    def _known(self, one: FoundPlan) -> int | None:
        """The plan that this one is already: taken before, or the very same under the same name."""
        if one.key in self.there.plan_ids:
            return self.there.plan_ids[one.key]
        same = (each for each in self.there.plans if each.name == one.name and alike(each, one, self.there.currency))
        return next((each.id for each in same), None)

    def _free(self, name: str) -> str:
        """A name that no other plan has."""
        used = {each.name for each in self.there.plans} | {each.plan.name for each in self.work.plans}
        names = (name, *(f"{name[:40]} (imported{f' {n}' if n > 1 else ''})" for n in range(1, 1_000)))
        return next(each for each in names if each not in used)

    def _named_plans(self) -> None:
        """Plans of Bando that what was found only names."""
        by_name = {each.name: each for each in self.there.plans if not each.trial}
        named = {each.plan for each in self.found.vouchers} | {each.plan for each in self.found.running}
        for key in named - set(self.terms):
            if (known := by_name.get(key)) is not None:
                self.work.plan_ids[key] = known.id
                self.terms[key] = terms_of(known)

    # codes and running users

    def _wishes(self) -> list[_Wish]:
        """The codes that might be taken, those in use first; who has none is a pass by their device."""
        wishes = [wish for run in self.found.running if (wish := self._running(run)) is not None]
        unused = 0
        for voucher in self.found.vouchers:
            if (wish := self._voucher(voucher, full=unused >= inventory.MOST_VOUCHERS)) is not None:
                wishes.append(wish)
                unused += 1
        return wishes

    def _running(self, run: FoundRun) -> _Wish | None:
        if run.plan not in self.terms or (run.until is not None and run.until > self.now + LONGEST_MS):
            self._leave("running", run.name, "no-time" if run.plan in self.terms else "no-plan")
            return None
        cause = self.keys.cause(f"{self.found.source}|{run.key}")
        if cause in self.there.causes:
            self._here("running", run.name)
            return None
        if cause in self.met:
            self._leave("running", run.name, "twice-there")
            return None
        why = self._why_no_code(run.code) if run.code else "no-code"
        if why == "here":
            self._here("running", run.name)
            return None
        if len(self.met) >= inventory.MOST_RUNNING:
            self._leave("running", run.name, "too-many")
            return None
        self.met.add(cause)
        if why:
            self._without_code(run, why)
            return None
        self.seen.add(imported.fold(run.code))
        return _Wish(code=imported.fold(run.code), plan=run.plan, run=run)

    def _without_code(self, run: FoundRun, why: str) -> None:
        """Somebody whose code is not taken: by their device, if it is known."""
        if not run.mac:
            self._leave("running", run.name, "no-device" if why == "no-code" else why)
            return
        self.work.passes.append(run)
        self._tell("running", run.name, [*run.notes, *([] if why == "no-code" else ["no-code"])])

    def _voucher(self, voucher: FoundVoucher, *, full: bool) -> _Wish | None:
        why = self._why_no_code(voucher.code) or ("" if voucher.plan in self.terms else "no-plan")
        why = why or ("too-many" if full else "")
        if why == "here":
            self._here("voucher", voucher.code)
        elif why:
            self._leave("voucher", voucher.code, why)
        else:
            self.seen.add(imported.fold(voucher.code))
            return _Wish(code=imported.fold(voucher.code), plan=voucher.plan)
        return None

    def _why_no_code(self, text: str) -> str:
        """Why this is no code for Bando; "here" when it has it already."""
        code = imported.fold(text)
        if not code:
            return "code-short" if len(text) < imported.SHORTEST else "code-odd"
        if self.keys.code(code) in self.there.codes:
            return "here"
        if code in self.seen:
            return "twice"
        return "code-ours" if imported.is_own(text) else ""

    def _codes(self, wishes: Sequence[_Wish]) -> None:
        """Each shape of codes is taken for as long as its odds allow."""
        self.work.chances = imported.chances([each.code for each in wishes], self.there.live, self.choice.days)
        by_length = {each.shape.length: each for each in self.work.chances}
        for wish in wishes:
            chance = by_length[len(wish.code)]
            days = chance.days(shorten=self.choice.shorten)
            if days:
                self._take(wish, chance, days)
            elif wish.run is not None:
                self._without_code(wish.run, "easy")
            else:
                self._leave("voucher", wish.code, "easy")

    def _take(self, wish: _Wish, chance: Chance, days: int) -> None:
        end, run = imported.end_of(days, self.now), wish.run
        shorter = ["shorter"] if days < self.choice.days else []
        if run is None:
            self._put(wish, chance, paid=not self.choice.unsold, use_by=end)
            self._tell("voucher", wish.code, shorter, days=str(days))
        elif run.mac:
            self._put(wish, chance, paid=True, use_by=end)
            self._tell("running", run.name, [*run.notes, *shorter], days=str(days))
        else:
            left, data = what_is_left(run, self.terms[wish.plan], self.now)
            self._put(wish, chance, paid=True, use_by=min(end, run.until or end), rest=left, data=data)
            self._tell("running", run.name, [*run.notes, "as-code"], days=str(days))

    def _put(
        self,
        wish: _Wish,
        chance: Chance,
        *,
        paid: bool,
        use_by: Moment,
        rest: int | None = None,
        data: int | None = None,
    ) -> None:
        key = (wish.plan, chance.shape.style, paid, rest, data)
        if key not in self.groups:
            self.groups[key] = NewBatch(
                plan=wish.plan, style=chance.shape.style, paid=paid, rest_ms=rest, rest_bytes=data, cards=[]
            )
        card = Card(code=wish.code, index=self.keys.code(wish.code), use_by=use_by, run=None if rest else wish.run)
        self.groups[key].cards.append(card)

    # lines

    def _leave(self, what: What, name: str, why: str) -> None:
        self.work.left.append(Line(what=what, name=masked(what, name), why=why))

    def _here(self, what: What, name: str) -> None:
        self.work.here.append(Line(what=what, name=masked(what, name)))

    def _tell(self, what: What, name: str, notes: Sequence[str], **figures: str) -> None:
        """Taken as it is, or with what is different."""
        if not notes:
            self.work.taken.append(Line(what=what, name=masked(what, name)))
        for at, note in enumerate(notes):
            line = Line(what=what, name=masked(what, name), why=note, figures=figures, further=at > 0)
            self.work.changed.append(line)


def masked(what: What, name: str) -> str:
    """A name for a list: codes and people are shown in part."""
    return name if what == "plan" else codes.masked(imported.fold(name) or name)
