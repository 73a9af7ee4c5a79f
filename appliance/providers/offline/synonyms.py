"""Words for one thing: what people ask for and what documents call it. Short and general on purpose.

Words that a business has for its own things belong into its documents, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

_GROUPS = """
refund reimburse moneyback
return sendback giveback bringback
cost price fee charge postage
ship deliver dispatch send
arrive come
parcel package box shipment delivery
cancel terminate revoke
stop end unsubscribe leave
buy purchase order
bill invoice receipt
coupon voucher discount promo
gift present
break damage crush crack defect fault shatter smash
repair fix mend
warranty guarantee
delete remove erase close
login signin logon
phone call ring telephone
email mail message
contact reach
company business firm corporate employer
data information
instalment installment rate
maximum max most highest largest biggest big
minimum min least lowest smallest small
replace exchange swap substitute
wash clean rinse
duration period term
save store keep
copy export
change modify edit update alter
quick fast express soon
children child kid
free complimentary
safe secure
staff team employee
opening open hour
location address
method way mean option
item product article
accept take
decline refuse reject deny
miss lose vanish
job vacancy career position
amount value quantity
expire valid
earn collect
redeem spend
"""
IRREGULAR = {
    "paid": "pay", "sent": "send", "bought": "buy", "broke": "break", "broken": "break", "lost": "lose",
    "kept": "keep", "sold": "sell", "forgot": "forget", "forgotten": "forget", "wrote": "write",
    "written": "write", "came": "come", "gone": "go", "went": "go", "held": "hold", "chose": "choose",
    "chosen": "choose", "gave": "give", "given": "give", "took": "take", "taken": "take", "made": "make",
    "found": "find", "spent": "spend", "stolen": "steal", "threw": "throw", "thrown": "throw",
    "left": "leave",
    "brought": "bring", "meant": "mean", "said": "say", "told": "tell", "worn": "wear", "torn": "tear",
    "people": "person", "children": "child", "won't": "will", "can't": "can",
}  # fmt: skip
PHRASES = {
    "money back": "moneyback",
    "send back": "sendback",
    "sent back": "sendback",
    "give back": "giveback",
    "bring back": "bringback",
    "log in": "login",
    "logged in": "login",
    "sign in": "signin",
    "e-mail": "email",
    "back up": "backup",
    "backed up": "backup",
    "backing up": "backup",
    "switch on": "activate",
    "turn on": "activate",
    "switch off": "deactivate",
    "turn off": "deactivate",
    "turned off": "deactivate",
    "set up": "setup",
}


@lru_cache(1)
def groups() -> Mapping[str, frozenset[str]]:
    """Each word with all words of its groups, itself included."""
    found: dict[str, frozenset[str]] = {}
    for line in _GROUPS.split("\n"):
        words = frozenset(line.split())
        for word in words:
            found[word] = found.get(word, frozenset()) | words
    return found
