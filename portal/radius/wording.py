"""Why a login is refused, in a sentence that the router's page shows (Reply-Message: at most 253 bytes). Pure."""

from __future__ import annotations

from portal import words
from portal.errors import Refused
from portal.tenancy.store import Tenant
from portal.texts import LANGUAGES, said_in

_EN = {
    "unknown": "This device has no internet time here yet. Open any page to buy some or to enter a voucher.",
    "expired": "Your internet time is over. Open any page to buy more.",
    "data": "The data of your plan is used up. Open any page to buy more.",
    "withdrawn": "Your internet time was withdrawn or refunded. Ask at the counter or call us.",
    "held-guest": "You have disconnected this device. Open the Wi-Fi's page and tap Connect.",
    "held-staff": "Staff have stopped this device for now. Please call us.",
    "blocked": "Staff have stopped this device. Please call us.",
    "paused": "Your time is paused and costs nothing. Open the Wi-Fi's page and tap Connect to go on.",
    "elsewhere": "Your internet time is good, but for other places of ours. Nothing was used.",
    "off": "This Wi-Fi is switched off. Ask whoever runs it.",
    "ticket": "This login was used or is too old. Open the Wi-Fi's page again and tap Connect.",
    "not-yours": "This is the name of another device.",
    "password": "The password does not fit this name.",
}
_SW = {
    "unknown": "Kifaa hiki bado hakina muda wa intaneti hapa. Fungua ukurasa wowote ununue au uweke vocha.",
    "expired": "Muda wako wa intaneti umekwisha. Fungua ukurasa wowote ununue mwingine.",
    "data": "Data ya mpango wako imekwisha. Fungua ukurasa wowote ununue nyingine.",
    "withdrawn": "Muda wako wa intaneti umefutwa au umerudishiwa pesa. Uliza kaunta au tupigie simu.",
    "held-guest": "Umekata muunganisho wa kifaa hiki. Fungua ukurasa wa Wi-Fi ubonyeze Unganisha.",
    "held-staff": "Wahudumu wamesimamisha kifaa hiki kwa sasa. Tafadhali tupigie simu.",
    "blocked": "Wahudumu wamesimamisha kifaa hiki. Tafadhali tupigie simu.",
    "paused": "Muda wako umesimama na haupungui. Fungua ukurasa wa Wi-Fi ubonyeze Unganisha.",
    "elsewhere": "Muda wako ni mzuri, lakini kwa maeneo yetu mengine. Hakuna kilichotumika.",
    "off": "Wi-Fi hii imezimwa. Muulize anayeiendesha.",
    "ticket": "Kuingia huku kumetumika au kumepitwa na wakati. Fungua ukurasa wa Wi-Fi ubonyeze Unganisha tena.",
    "not-yours": "Hili ni jina la kifaa kingine.",
    "password": "Nenosiri halilingani na jina hili.",
}
SENTENCES = {"en": _EN, "sw": _SW}
assert set(SENTENCES) == set(LANGUAGES)


def sentence(why: str, tenant: Tenant) -> str:
    """Why, in the ISP's language."""
    return SENTENCES.get(tenant.language, _EN)[why]


def refused(why: Refused, tenant: Tenant) -> str:
    """Why a voucher was refused, as the guest's page says it."""
    said = said_in(tenant.theme, tenant.language)
    values = {**why.values, "wait": words.wait(why.values.get("wait_s"), said.lang)}
    return str(said(f"refused.{why.key}.text", **values).unescape())
