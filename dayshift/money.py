"""Money is a whole number of pico-USD inside and a decimal string outside; floats never carry it."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

PICO_PER_USD = 10**12

Pico = int


def from_usd(amount: str | int | float | Decimal) -> Pico:
    """Pico-USD for an amount written in dollars; ValueError if it is no finite, non-negative number."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation as error:
        raise ValueError(f"{amount!r} is not an amount in dollars") from error
    if not value.is_finite() or value < 0:
        raise ValueError(f"{amount!r} is not an amount of dollars from zero up")
    return int((value * PICO_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN))


def to_usd(pico: Pico) -> str:
    """The exact amount in dollars, at least two decimals, no trailing zeros beyond them."""
    sign = "-" if pico < 0 else ""
    whole, rest = divmod(abs(pico), PICO_PER_USD)
    decimals = f"{rest:012d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def shown(pico: Pico | None) -> str:
    """The amount for a person's eyes: `$1.23`, four decimals below ten cents, `unknown` for None."""
    if pico is None:
        return "unknown"
    places = 4 if 0 < abs(pico) < PICO_PER_USD // 10 else 2
    return f"${Decimal(pico) / PICO_PER_USD:.{places}f}"
