"""The text that a guest agrees to, in each language of the guest pages. Data, no code."""

from __future__ import annotations

from collections.abc import Mapping

PURPOSE = "offers"  # one purpose for each tick; a further one is another word with a text of its own

ENGLISH = {
    "title": "Offers from {name}",
    "who": "What you agree to",
    "agree": "{legal} may send me its own offers by SMS. The number with which this was paid is my own.",
    "free": "You need not agree: what you bought, its price and your time do not depend on it.",
    "data": "Your number is used for it, by {name} and whoever sends SMS for it, and by nobody else.",
    "back": "You can take it back at any time, on this page or by asking {name}. It then ends at once.",
}
SWAHILI = {
    "title": "Matangazo ya {name}",
    "who": "Unachokubali",
    "agree": "{legal} inaweza kunitumia matangazo yake kwa SMS. Nambari iliyolipia hii ni yangu mwenyewe.",
    "free": "Si lazima ukubali: ulichonunua, bei yake na muda wako havitegemei hilo.",
    "data": "Nambari yako hutumika kwa hilo, na {name} na anayeitumia SMS kwa niaba yake, na si mwingine yeyote.",
    "back": "Unaweza kuondoa kibali wakati wowote, kwenye ukurasa huu au kwa kuuliza {name}. Hapo huisha mara moja.",
}
WORDS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "sw": SWAHILI}
