"""An invoice with everything that one can have, for tests and for eyes."""

from kilonova.billing.invoice.document import Document, Heading, Party
from kilonova.billing.invoice.draw_up import draw_up
from kilonova.core.corrections import Adjustment, AdjustmentKind, ChargeSum, ServingCost
from kilonova.core.model import Price
from kilonova.core.money import NANO
from kilonova.core.usage import Usage

HEADING = Heading(
    status="final",
    number="KN-000042",
    period="2026-10",
    issued_on="2026-11-01",
    due_on="2026-12-01",
    organisation_id="org_06f3k2m9c4",
    currency="EUR",
    issuer=Party(
        name="Nova Étoile SAS",
        address=("12 rue de l'Étoile", "69001 Lyon", "France"),
        vat_id="FR12345678901",
    ),
    customer=Party(
        name="Acme & Söhne <GmbH>", address=("Hauptstraße 5", "10115 Berlin"), vat_id="DE99"
    ),
    projects={"proj_1": "research", "proj_2": "shop"},
    note="Paiement par virement, IBAN FR76 0000.",
    tax_name="TVA",
    tax_ppm=200_000,
)
PRICES = (
    Price(
        currency="EUR",
        version="a",
        input=NANO * 35 // 1000,
        cache_read=8_750_000,
        cache_write=43_750_000,
        output=140_000_000,
        discount_ppm=125_000,
    ),
    Price(
        currency="EUR",
        version="b",
        input=3 * NANO,
        cache_read=300_000_000,
        cache_write=3_750_000_000,
        cache_write_long=6 * NANO,
        output=15 * NANO,
        reasoning=18 * NANO,
    ),
)


def charged(
    place: int, usage: Usage, *, project: str = "proj_1", requests: int = 1, missing: int = 0
) -> ChargeSum:
    """The charge of ``requests`` alike, less ``missing`` nano-units that nobody is charged."""
    price = PRICES[place]
    each = price.charge(usage)
    names = Usage.__struct_fields__
    return ChargeSum(
        organisation_id=HEADING.organisation_id,
        project_id=project,
        model_id=("kilonova.spark-v1:0", "acme.big-reasoner-v2:0")[place],
        service_tier=("default", "priority")[place],
        day=0,
        price=price,
        requests=requests,
        usage=Usage(**{name: getattr(usage, name) * requests for name in names}),
        price_nano=each * requests - missing,
        cost=ServingCost(currency="EUR", direct_nano=each * requests // 3, energy_uj=7, co2_ug=3),
    )


def adjusted(kind: AdjustmentKind, amount_nano: int, **how: str) -> Adjustment:
    return Adjustment(
        id=f"adj_{kind}",
        organisation_id=HEADING.organisation_id,
        kind=kind,
        amount_nano=amount_nano,
        currency="EUR",
        reason=how.get("reason", ""),
        booked_ms=1_790_000_000_000,
        request_id=how.get("request", ""),
        refers_to=how.get("refers", ""),
    )


CHARGES = [
    charged(0, Usage(input_tokens=1201, cache_read_tokens=333, output_tokens=77), requests=91_001),
    charged(
        1,
        Usage(
            input_tokens=52_345,
            cache_read_tokens=1_000_001,
            cache_write_tokens=7,
            cache_write_long_tokens=4_096,
            output_tokens=20_000,
            reasoning_tokens=15_000,
        ),
        requests=37,
        missing=123_456_789,
    ),
    charged(0, Usage(input_tokens=17, output_tokens=3), project="proj_2"),
]
ADJUSTMENTS = [
    adjusted("refund", 1_500_000_001, request="req_06f3example", reason="broken answer"),
    adjusted("correction", -250_000_000, refers="2026-09", reason="tier was wrong"),
    adjusted("allowance_use", NANO, refers="adj_a", reason="plan: team"),
    adjusted("credit_use", 2 * NANO, refers="adj_c", reason="welcome"),
]


def sample(status: str = "final") -> Document:
    """The invoice of all that."""
    from msgspec.structs import replace

    heading = HEADING
    if status == "draft":
        heading = replace(HEADING, status="draft", number="", issued_on="", due_on="")
    return draw_up(heading, CHARGES, ADJUSTMENTS)
