"""The query of requests for what is stored, and pages of input items. Pure."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta, Struct

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.dialects.openai.complaints import explain
from kilonova.dialects.openai.responses.answer_schema import ItemPage
from kilonova.dialects.openai.responses.items import KeptItem

__all__ = ["Query", "decode_query", "item_page"]

_NAMES_MAX = 32


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``include`` changes nothing: what is stored is shown as it was answered."""

    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    stream: bool = False
    starting_after: int | None = None
    include_obfuscation: bool = False
    include: str | None = None

    def ignored(self, *honoured: str) -> list[str]:
        """What was said and changes nothing where only these are honoured."""
        others = [name for name in self.__struct_fields__ if name not in honoured]
        return [name for name in others if getattr(self, name) != getattr(_UNSAID, name)]


_UNSAID = Query()


def decode_query(query: bytes) -> Query:
    """Raises InvalidRequest for parameters that are unknown or out of bounds."""
    try:
        listed = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=_NAMES_MAX)
    except ValueError:
        raise InvalidRequest("The query is not understood.", param="query") from None
    # Clients of Azure name a version everywhere, at the addresses of this wire, too.
    listed.pop("api-version", None)
    said = {name.removesuffix("[]"): values[-1] for name, values in listed.items()}
    try:
        return msgspec.convert(said, Query, strict=False)
    except msgspec.ValidationError as error:
        raise explain(str(error), msgspec.json.encode(said)) from None


def item_page(items: Sequence[KeptItem], query: Query) -> ItemPage:
    """The items behind ``after``, newest first unless asked otherwise."""
    ordered = list(items) if query.order == "asc" else list(reversed(items))
    if query.after is not None:
        ids = [item.id for item in ordered]
        if query.after not in ids:
            raise NotFound(f"Item with id '{query.after[:256]}' not found.", param="after")
        ordered = ordered[ids.index(query.after) + 1 :]
    page = tuple(ordered[: query.limit])
    return ItemPage(
        data=page,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(ordered) > query.limit,
    )
