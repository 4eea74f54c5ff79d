"""Who may do what: one table, read by every route of the console and by the test that walks all of them."""

from __future__ import annotations

from typing import Literal, get_args

Permission = Literal[
    "dashboard",  # takings, vouchers left, what needs looking at
    "alarms",  # what is wrong, and who is told of it
    "alarms.change",  # say that one takes care of it; who is told
    "online",  # who is online, and on which router
    "guests",  # find a guest, and what happened to them
    "guests.help",  # connect, extend, move, write a note
    "guests.stop",  # kick and block
    "rights.read",  # what people asked about their data
    "rights.file",  # write down that somebody asks
    "rights.change",  # answer, refuse, carry it out
    "person.erase",  # erase a guest
    "incidents",  # what went wrong with people's data
    "incidents.change",  # record it, say who was told, ask whose rows were open
    "disclosures",  # what authorities were told, under which order
    "disclosures.make",  # hand rows out
    "payments",  # payments and the queue of what matched nothing
    "payments.settle",  # close a line of that queue
    "books",  # what stands in the books, everybody's drawer, the daily check
    "books.change",  # count somebody's drawer, read a statement in, settle what does not agree
    "drawer",  # one's own drawer, and counting it
    "refunds",  # give money back, within the limits of one's role
    "refunds.approve",  # agree to somebody else's refund
    "vouchers",  # batches and their cards
    "vouchers.make",  # make and print
    "vouchers.void",  # take back
    "plans",  # what is for sale
    "plans.change",
    "routers",  # how each router is
    "routers.change",  # add, pin, change, switch off
    "tenant",  # the ISP's profile, look and settings
    "tenant.change",
    "retention.change",  # how long records are kept, and holds on them
    "leave",  # close the ISP, and have it erased
    "accounts",  # its paybill or till, without the secrets
    "accounts.change",
    "export",  # take the ISP's records away as files
    "support",  # whether the platform's staff may look in
    "support.change",  # let them in, and out again
    "isps",  # the ISPs of the installation
    "staff",  # who works here
    "staff.change",  # invite, change the role, switch off, reset
    "audit",  # who did what
    "agents",  # who sells cards: their stock, their account, what they owe
    "agents.change",  # hand out stock, take it back, write it off; commission and limit
    "agents.settle",  # take their cash
    "compensate",  # give free time, within the limits of the role
    "stock",  # one's own cards, and nothing else of the ISP: for agents alone
    "profile",  # one's own account; everybody has it
]
Role = Literal["owner", "manager", "cashier", "support", "auditor", "agent", "platform"]

# Everything at an ISP. What an agent does and what the platform does is nobody else's.
ALL: frozenset[Permission] = frozenset(get_args(Permission)) - {"stock", "isps"}
LOOKING: frozenset[Permission] = frozenset(
    {"dashboard", "alarms", "online", "guests", "payments", "vouchers", "plans", "routers", "profile"}
)

ROLES: dict[str, frozenset[Permission]] = {
    "owner": ALL,
    "manager": ALL
    - {"staff.change", "accounts.change", "support.change", "retention.change", "disclosures.make", "leave"},
    "cashier": frozenset(
        {
            *("online", "guests", "guests.help", "guests.stop", "payments", "vouchers", "vouchers.make", "plans"),
            *("drawer", "refunds", "agents", "agents.settle", "compensate", "profile"),
            *("rights.read", "rights.file"),
        }
    ),
    "support": frozenset(
        {
            *("online", "guests", "guests.help", "payments", "vouchers", "plans", "routers", "profile", "compensate"),
            *("rights.read", "rights.file", "rights.change"),
        }
    ),
    "auditor": LOOKING
    | {
        "staff",
        "audit",
        "tenant",
        "accounts",
        "export",
        "support",
        "books",
        "agents",
        "rights.read",
        "incidents",
        "disclosures",
    },
    "agent": frozenset({"stock", "profile"}),
    # Whoever runs the installation: of an ISP's guests they see nothing.
    "platform": frozenset(
        {
            *("isps", "staff", "staff.change", "audit", "profile"),
            *("incidents", "incidents.change", "alarms", "alarms.change"),
        }
    ),
}
PLATFORM: Role = "platform"

# What platform staff may look at while an ISP's support window is open: no form, no file, no secret.
VISITOR: frozenset[Permission] = LOOKING | {"tenant"}


# What is left while the ISP is switched off: its records, their end, and the door that it opened to the platform.
WHEN_OFF: frozenset[Permission] = frozenset({"export", "leave", "support", "support.change", "profile"})

# They may see and change money, or all ISPs: never by password alone.
SECOND_FACTOR: frozenset[Role] = frozenset({"owner", "manager", "platform"})


def may(role: str, permission: Permission) -> bool:
    """Whether this role has this permission; a role that is not known has none."""
    return permission in ROLES.get(role, frozenset())


def of_kind(kind: str) -> tuple[str, ...]:
    """The roles that there are at an ISP, or at the platform."""
    return tuple(each for each in ROLES if (each == PLATFORM) == (kind == "platform"))
