"""What a card should not spell, in English and Swahili, as it reads with digits for letters. Pure."""

from __future__ import annotations

import re

# Crockford's alphabet has no I, L, O and U, so a code spells them with 1, 0 and V; the rest is how people write.
_READ = str.maketrans("OILV34567892", "011UEASGTBGZ")

_WORDS = """
    ANAL ANUS ARSE ASS BASTARD BITCH BOOB CLIT COCK CRAP CUM CUNT DAMN DICK DILDO DYKE FAG FART FUCK FUK GAY HELL HOMO
    JIZZ KILL KKK NAZI NEGRO NIGA NIGGER PAEDO PEDO PENIS PISS PORN PUSSY RAPE SATAN SEX SHIT SLUT TIT TURD TWAT WANK
    WHORE JINGA KAFIR KINYA KUMA MALAYA MATAKO MAVI MBORO MKUNDU MSENGE PUMBA SHENZI SHOGA TOMBA UMBWA
"""
_UNWANTED = re.compile("|".join(word.translate(_READ) for word in _WORDS.split()))


def is_unwanted(code: str) -> bool:
    """Whether a code spells something that nobody wants on a card."""
    return _UNWANTED.search(code.translate(_READ)) is not None
