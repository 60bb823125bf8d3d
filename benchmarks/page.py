"""A page of the documentation that holds the benchmark's tables between two marks."""

from __future__ import annotations

BEGIN, END = "<!-- make bench -->", "<!-- end -->"


def written(page: str, tables: list[str]) -> str:
    """Return the page with these tables in place of those before."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(tables).strip() + f"\n\n{END}{after}"
