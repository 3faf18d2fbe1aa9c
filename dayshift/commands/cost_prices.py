"""The command `cost prices`: the price rows in force."""

from datetime import date
from typing import Any

import click

from dayshift.clock import SystemClock
from dayshift.commandline import Context
from dayshift.commands.lookup import print_json
from dayshift.commands.tables import aligned
from dayshift.cost.prices import OVERRIDES, PER_MILLION, UNIT, Rates, load_prices
from dayshift.money import Pico, to_usd

PER_TOKEN = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
HEADINGS = ("model", "since", "from", "input", "output", "cache read", "write 5m", "write 1h", "search", "fast",
            "long prompts")  # fmt: skip


@click.command("prices")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The prices of that day, not of today.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def prices(context: Context, on: Any, as_json: bool) -> None:
    """Show the price rows in force, in US dollars per million tokens; your own are marked.

    \b
    Examples:
      dayshift cost prices
      dayshift cost prices --on 2026-11-01 --json
    """
    from dayshift.commands.outlook import read_settings, today  # what `cost` itself can do without

    settings = read_settings(context)
    day: date = on.date() if on else today(settings, SystemClock(), None)
    rows = load_prices(settings.prices, day).rows()
    if as_json:
        return print_json({"date": str(day), "prices": [_facts(rates) for rates in rows]})
    click.echo(f"prices on {day}, in US dollars per million tokens (searches: each); * marks your own")
    click.echo("\n".join(aligned([HEADINGS, *map(_cells, rows)], left=3)))
    return None


def _facts(rates: Rates) -> dict[str, Any]:
    return {
        "model": rates.model,
        **{f"{kind}_usd": _mtok(getattr(rates, kind)) for kind in PER_TOKEN},
        "web_search_usd": to_usd(rates.web_search),
        "window": rates.window,
        "fast": _times(rates.fast),
        "long_above": rates.long_above,
        "long_input": _times(rates.long_input),
        "long_output": _times(rates.long_output),
        "source": rates.source,
        "since": _since(rates),
        "own": _own(rates),
    }


def _cells(rates: Rates) -> tuple[str, ...]:
    long = (
        f"above {rates.long_above:,}: x{_times(rates.long_input)}, x{_times(rates.long_output)}"
        if rates.long_above
        else ""
    )
    return (
        f"{rates.model}{' *' if _own(rates) else ''}", _since(rates) or "-", rates.source,
        *(_mtok(getattr(rates, kind)) for kind in PER_TOKEN), to_usd(rates.web_search),
        f"x{_times(rates.fast)}" if rates.fast else "not sold", long or "-",
    )  # fmt: skip


def _mtok(per_token: Pico) -> str:
    return to_usd(per_token * PER_MILLION)


def _times(thousandths: int | None) -> str | None:
    if thousandths is None:
        return None
    whole, rest = divmod(thousandths, UNIT)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def _own(rates: Rates) -> bool:
    return rates.source == OVERRIDES


def _since(rates: Rates) -> str | None:
    return str(rates.since) if rates.since else None
