"""The default text of a privacy notice, in each language of the guest pages. Data, no code."""

from __future__ import annotations

from collections.abc import Mapping

REGULATOR = "https://www.odpc.go.ke"

ENGLISH = {
    "title": "Privacy notice of {name}",
    "who": "Who is responsible",
    "who-text": "{legal} runs this Wi-Fi and decides what happens with your data: it is the data controller.",
    "registered": "It is registered with the Office of the Data Protection Commissioner under {number}.",
    "licensed": "Its licence of the Communications Authority is {number}.",
    "contact": "About your data, write to: {contact}.",
    "call": "By phone: {phone}.",
    "platform": "The operator of this portal runs the software for {name}, as its data processor, on its orders only."
    " The operator's data protection contact: {operator}.",
    "what": "What is kept, and why",
    "what-text": "Your phone number, if you pay by phone: to ask for the payment, to find it again and to help you."
    " The address of your device (MAC), where and when it was online and how much it used: to give you what you bought."
    " Payments and receipts: for the books, as the law asks. A printed voucher can be used without any number."
    " Which pages you visit is not kept. That you paid allows nobody to send you offers.",
    "long": "How long it is kept",
    "payment": "Payments and receipts: {days} days.",
    "session": "Sessions and usage: {days} days after your device was last there.",
    "person": "Phone number and device: {days} days after they were last seen.",
    "evidence": "Messages of payment providers: {days} days.",
    "support": "Notes of those who helped you: {days} days after the last one.",
    "consent": "What you agreed to: {days} days after you took it back.",
    "others": "Who else gets it",
    "others-text": "These work for {name}, and get only what is said here:",
    "other": "{other}. Why: {purpose}. What it gets: {gets}. Country: {country} {about}",
    "no-country": "not told yet.",
    "basis-contract": "(outside of Kenya, because it is needed for what you bought).",
    "basis-safeguards": "(outside of Kenya; its contract holds safeguards as Kenya's law asks).",
    "basis-adequate": "(outside of Kenya; that country protects data as Kenya does).",
    "basis-consent": "(outside of Kenya, because you agreed to it).",
    "others-law": "Authorities get it where the law orders it. It is not sold.",
    "rights": "Your rights",
    "rights-text": "You may ask to see your data, to have a copy, to have it corrected or erased, and you may object."
    " It costs nothing. Ask {name}.",
    "complain": "You may complain to the Office of the Data Protection Commissioner: {regulator}",
    "own": "More from {name}",
}
SWAHILI = {
    "title": "Ilani ya faragha ya {name}",
    "who": "Nani anawajibika",
    "who-text": "{legal} huendesha Wi-Fi hii na huamua data yako itumikeje: ndiye mdhibiti wa data.",
    "registered": "Imesajiliwa na Ofisi ya Kamishna wa Ulinzi wa Data kwa nambari {number}.",
    "licensed": "Leseni yake ya Mamlaka ya Mawasiliano ni {number}.",
    "contact": "Kuhusu data yako, andika kwa: {contact}.",
    "call": "Kwa simu: {phone}.",
    "platform": "Programu huendeshwa kwa niaba ya {name} na mwendeshaji wa tovuti hii, kama mchakataji wa data,"
    " kwa maagizo yake tu. Mawasiliano ya mwendeshaji kuhusu ulinzi wa data: {operator}.",
    "what": "Kinachohifadhiwa, na kwa nini",
    "what-text": "Nambari yako ya simu, ukilipa kwa simu: kuomba malipo, kuyatafuta tena na kukusaidia."
    " Anwani ya kifaa chako (MAC), wapi na lini kilikuwa mtandaoni na kilitumia kiasi gani: kukupa ulichonunua."
    " Malipo na risiti: kwa ajili ya hesabu, kama sheria inavyotaka. Vocha iliyochapishwa hutumika bila nambari yoyote."
    " Kurasa unazotembelea hazihifadhiwi. Kulipa hakumruhusu yeyote kukutumia matangazo.",
    "long": "Huhifadhiwa kwa muda gani",
    "payment": "Malipo na risiti: siku {days}.",
    "session": "Vipindi na matumizi: siku {days} baada ya kifaa chako kuonekana mara ya mwisho.",
    "person": "Nambari ya simu na kifaa: siku {days} baada ya kuonekana mara ya mwisho.",
    "evidence": "Ujumbe wa watoa huduma za malipo: siku {days}.",
    "support": "Maandishi ya waliokusaidia: siku {days} baada ya la mwisho.",
    "consent": "Ulichokubali: siku {days} baada ya kuondoa kibali.",
    "others": "Nani mwingine huipata",
    "others-text": "Hawa hufanya kazi kwa niaba ya {name}, na hupata yaliyosemwa hapa tu:",
    "other": "{other}. Kwa nini: {purpose}. Hupata: {gets}. Nchi: {country} {about}",
    "no-country": "haijasemwa bado.",
    "basis-contract": "(nje ya Kenya, kwa sababu inahitajika kwa ulichonunua).",
    "basis-safeguards": "(nje ya Kenya; mkataba wake una ulinzi unaotakiwa na sheria ya Kenya).",
    "basis-adequate": "(nje ya Kenya; nchi hiyo hulinda data kama Kenya).",
    "basis-consent": "(nje ya Kenya, kwa sababu ulikubali).",
    "others-law": "Mamlaka huipata sheria inapoamuru. Haiuzwi.",
    "rights": "Haki zako",
    "rights-text": "Unaweza kuomba kuona data yako, kupata nakala, irekebishwe au ifutwe, na unaweza kupinga."
    " Ni bure. Uliza {name}.",
    "complain": "Unaweza kulalamika kwa Ofisi ya Kamishna wa Ulinzi wa Data: {regulator}",
    "own": "Zaidi kutoka {name}",
}
WORDS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "sw": SWAHILI}
KEPT = ("payment", "session", "person", "evidence", "support", "consent")
