"""What the operator writes on every invoice: who sells, to whom, on which terms, with which tax."""

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from msgspec import Struct, field

from kilonova.billing.invoice.document import Heading, Party, Status
from kilonova.billing.month import Month
from kilonova.settings import InvoiceSettings, PartySettings, SettingsError

__all__ = ["Customer", "Stationery", "open_stationery"]

_DIGITS = 6
_PREFIX_MAX = 20
_PPM = 1_000_000


class Customer(Struct, frozen=True, kw_only=True):
    """An organisation that gets invoices, with the names of its projects."""

    id: str
    name: str
    projects: dict[str, str]


class Stationery(Struct, frozen=True, kw_only=True):
    """``customers`` are addresses by the name of their organisation. ``number_prefix`` must not end
    in a digit, so that the number behind it can be read."""

    issuer: Party = Party()
    customers: dict[str, Party] = field(default_factory=dict)
    number_prefix: str = "KN-"
    payment_days: int = 30
    note: str = ""
    tax_name: str = ""
    tax_ppm: int = 0

    def number(self, place: int) -> str:
        """The number of the ``place``-th invoice, which begins with 1."""
        return f"{self.number_prefix}{place:0{_DIGITS}d}"

    def next_place(self, numbers: list[str]) -> int:
        """The place behind the last number with this prefix."""
        behind = [number.removeprefix(self.number_prefix) for number in numbers]
        places = [
            int(digits)
            for number, digits in zip(numbers, behind, strict=True)
            if number == self.number_prefix + digits and digits.isdigit()
        ]
        return max(places, default=0) + 1

    def heading(
        self,
        month: Month,
        customer: Customer,
        *,
        currency: str,
        number: str = "",
        issued_on: date | None = None,
    ) -> Heading:
        """For a final invoice, or without a number and a date for a draft."""
        status: Status = "draft" if issued_on is None else "final"
        due_on = issued_on + timedelta(days=self.payment_days) if issued_on else None
        party = self.customers.get(customer.name, Party())
        return Heading(
            status=status,
            number=number,
            period=str(month),
            issued_on=issued_on.isoformat() if issued_on else "",
            due_on=due_on.isoformat() if due_on else "",
            organisation_id=customer.id,
            currency=currency,
            issuer=self.issuer,
            customer=Party(
                name=party.name or customer.name, address=party.address, vat_id=party.vat_id
            ),
            projects=customer.projects,
            note=self.note,
            tax_name=self.tax_name if self.tax_ppm else "",
            tax_ppm=self.tax_ppm,
        )


def open_stationery(settings: InvoiceSettings) -> Stationery:
    """Raises SettingsError for a prefix or a tax that cannot be."""
    prefix = settings.number_prefix
    if not prefix or prefix[-1].isdigit() or len(prefix) > _PREFIX_MAX:
        raise SettingsError(
            "invoice.number_prefix: needs one to 20 characters of which the last is no digit, so "
            "that the number behind it can be read"
        )
    return Stationery(
        issuer=Party(name=settings.name, address=settings.address, vat_id=settings.vat_id),
        customers={name: _party(each) for name, each in settings.customers.items()},
        number_prefix=prefix,
        payment_days=settings.payment_days,
        note=settings.note,
        tax_name=settings.tax_name,
        tax_ppm=_tax_ppm(str(settings.tax_percent)),
    )


def _party(settings: PartySettings) -> Party:
    return Party(name=settings.name, address=settings.address, vat_id=settings.vat_id)


def _tax_ppm(text: str) -> int:
    if not text:
        return 0
    try:
        ppm = Decimal(text) * 10_000
    except InvalidOperation:
        raise SettingsError(f"invoice.tax_percent: {text!r} is not a decimal such as 20") from None
    if not ppm.is_finite() or ppm != ppm.to_integral_value() or not 0 <= ppm <= _PPM:
        raise SettingsError(
            f"invoice.tax_percent: {text!r} is not from 0 to 100 with at most four decimals"
        )
    return int(ppm)
