"""What a stream says of its price and cost, in the JSON of its last word: a member of our own.

Official SDKs keep what they do not know, or drop it; that none of them minds is tested.
"""

import msgspec

from kilonova.core.bill import Bill

__all__ = ["wire_bill"]


def wire_bill(bill: Bill | None) -> bytes:
    """``,"kilonova":{…}``, to follow another member of an object; nothing where there is none."""
    return b"" if bill is None else b',"kilonova":' + msgspec.json.encode(bill)
