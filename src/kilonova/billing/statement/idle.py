"""Who pays for the time in which nothing ran. Pure, and exact: nothing is lost between the shares.

The cost of a resource is what its requests took directly, and the rest: its idle time. Idle time is
shared out by a policy among cells (the requests of one organisation, project, model and engine),
and inside of a cell among its requests; what no policy gives to anybody stays with the platform.

    proportional   to the direct cost of each (the default)
    reserved       who reserved a share of a machine pays for what it left unused of that share
    platform       none of it is shared
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kilonova.core.money import apportion
from kilonova.core.statement import IdlePolicy

__all__ = ["WHOLE", "IdleTerms", "Share", "Worker", "checked_terms", "share_idle"]

# Reserved shares of a machine are in millionths.
WHOLE = 1_000_000


class IdleTerms(Struct, frozen=True):
    """The policy, and the share of every machine that an organisation reserved, in millionths."""

    policy: IdlePolicy = "proportional"
    reserved: Mapping[str, int] = {}


class Worker(Struct, frozen=True):
    """A cell at work on a resource: whose it is, what it took, and the fixed part of that."""

    organisation_id: str
    direct_nano: int
    fixed_nano: int


class Share(Struct, frozen=True):
    """What the workers pay besides, in their order; what those pay who reserved and did not come;
    and what is left to the platform. Together, all of it."""

    workers: list[int]
    absent: dict[str, int]
    platform_nano: int


def share_idle(
    idle_nano: int, workers: Sequence[Worker], *, fixed_nano: int, terms: IdleTerms
) -> Share:
    """``fixed_nano`` is what the whole resource cost, whether it worked or not.

    Idle time can be negative, by roundings and by rates that came down: it is shared alike.
    """
    if terms.policy == "reserved":
        return _reserved(idle_nano, workers, fixed_nano=fixed_nano, terms=terms)
    weights = [worker.direct_nano for worker in workers]
    if terms.policy == "platform" or not any(weights):
        return Share([0] * len(workers), {}, idle_nano)
    return Share(apportion(idle_nano, weights), {}, 0)


def _reserved(
    idle_nano: int, workers: Sequence[Worker], *, fixed_nano: int, terms: IdleTerms
) -> Share:
    owners = sorted(terms.reserved)
    used = dict.fromkeys(owners, 0)
    for worker in workers:
        if worker.organisation_id in used:
            used[worker.organisation_id] += worker.fixed_nano
    unused = [max(0, fixed_nano * terms.reserved[owner] // WHOLE - used[owner]) for owner in owners]
    # Where others worked in what was reserved, there is less idle time than was left unused.
    charged = min(sum(unused), max(idle_nano, 0))
    owed = dict(zip(owners, apportion(charged, unused), strict=True)) if charged else {}
    paid = [0] * len(workers)
    for owner in list(owed):
        places = [at for at, worker in enumerate(workers) if worker.organisation_id == owner]
        weights = [workers[at].direct_nano for at in places]
        if any(weights):
            for at, share in zip(places, apportion(owed.pop(owner), weights), strict=True):
                paid[at] = share
    return Share(paid, {owner: nano for owner, nano in owed.items() if nano}, idle_nano - charged)


def checked_terms(policy: IdlePolicy, reserved: Mapping[str, int]) -> IdleTerms:
    """Raises ValueError where more is reserved than there is."""
    for owner, share in reserved.items():
        if not 0 < share <= WHOLE:
            raise ValueError(f"{owner} reserves {share} millionths of a machine")
    if sum(reserved.values()) > WHOLE:
        raise ValueError("more than the whole of every machine is reserved")
    return IdleTerms(policy, reserved)
