"""The default text of an ISP's terms, in each language of the guest pages. Data, no code."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH = {
    "title": "Terms of {name}",
    "who": "Who sells",
    "who-text": "{legal} sells the time online on this Wi-Fi. The operator of this portal"
    " only runs the software for it.",
    "call": "By phone: {phone}.",
    "what": "What you buy",
    "what-text": "Time or data, for as many devices as the plan says. It starts when your device is first online"
    " after you paid, and waits for you as long as the plan says.",
    "money": "Paying",
    "money-text": "The price of a plan is the whole price. You pay nothing before you agree on your own phone or on the"
    " page of the payment provider. Keep the receipt: with it your time is found again.",
    "fault": "When it does not work",
    "fault-text": "If you have paid and are not online, type your receipt on the first page, or ask {name}."
    " For time in which the Wi-Fi was down {name} can give you time or money back.",
    "fair": "Using it fairly",
    "fair-text": "Do not harm others, and do nothing that the law forbids. A device that does can be kept off.",
    "law": "Your rights",
    "law-text": "These terms take nothing away from the rights that the law gives you.",
    "own": "More from {name}",
}
SWAHILI = {
    "title": "Masharti ya {name}",
    "who": "Nani anauza",
    "who-text": "{legal} huuza muda wa mtandao kwenye Wi-Fi hii. Mwendeshaji wa tovuti hii huendesha programu tu.",
    "call": "Kwa simu: {phone}.",
    "what": "Unachonunua",
    "what-text": "Muda au data, kwa idadi ya vifaa ambayo kifurushi kinasema. Huanza kifaa chako kinapoingia mtandaoni"
    " mara ya kwanza baada ya kulipa, na hukusubiri kwa muda ambao kifurushi kinasema.",
    "money": "Kulipa",
    "money-text": "Bei ya kifurushi ni bei yote. Hulipi chochote kabla ya kukubali kwenye simu yako au kwenye"
    " ukurasa wa mtoa huduma ya malipo. Tunza risiti: kwayo muda wako hupatikana tena.",
    "fault": "Isipofanya kazi",
    "fault-text": "Ukiwa umelipa na hauko mtandaoni, andika risiti yako kwenye ukurasa wa kwanza, au uliza {name}."
    " Kwa muda ambao Wi-Fi haikufanya kazi, {name} inaweza kukurudishia muda au pesa.",
    "fair": "Kuitumia vizuri",
    "fair-text": "Usidhuru wengine, wala usifanye ambacho sheria inakataza. Kifaa kinachofanya hivyo kinaweza kuzuiwa.",
    "law": "Haki zako",
    "law-text": "Masharti haya hayaondoi haki zozote ambazo sheria inakupa.",
    "own": "Zaidi kutoka {name}",
}
WORDS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "sw": SWAHILI}
