"""Figures side by side as Mermaid text: a bar for each name, a line across. Pure.

Joins mermaid for names that no reader takes for syntax.
"""

from collections.abc import Sequence
from decimal import Decimal

from dayshift.reporting.mermaid import inert

PALETTE = "#9AA5B1, #0072B2, #C24F00"
Figures = Sequence[Decimal | int]


def bars(title: str, labels: Sequence[str], values: Sequence[Figures], line: Figures = ()) -> str:
    """A chart of these rows of figures, one label each: the first as bars, the next in front of them, then the line.

    Empty if there is no figure above zero.
    """
    top = max((figure for row in (*values, line) for figure in row), default=0)
    if top <= 0:
        return ""
    names = ", ".join(f'"{inert(label)}"' for label in labels)
    return "\n".join([
        "---", "config:", "  themeVariables:", "    xyChart:",
        f'      plotColorPalette: "{_palette(len(values))}"', "---",
        "xychart-beta", f'    title "{inert(title, 80)}"', f"    x-axis [{names}]",
        f"    y-axis 0 --> {_digits(top * Decimal('1.1'))}",
        *(f"    bar [{_listed(row)}]" for row in values), *([f"    line [{_listed(line)}]"] if line else []),
    ])  # fmt: skip


def _palette(rows: int) -> str:
    """A row alone is blue; behind another it is grey."""
    return PALETTE if rows > 1 else PALETTE.partition(", ")[2]


def _listed(row: Figures) -> str:
    return ", ".join(_digits(Decimal(figure)) for figure in row)


def _digits(value: Decimal) -> str:
    """At most four decimals; Mermaid knows no exponents."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
