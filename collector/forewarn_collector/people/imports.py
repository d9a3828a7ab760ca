"""Customers or engineers from a CSV file, put into a directory: what a row says replaces, what it leaves empty stays.

A file with a column ``customer`` has a row for each site (or customer), one with ``engineer`` a row for each engineer.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from forewarn_collector.people.reading import DirectoryError
from forewarn_collector.people.schema import Contact, Customer, Devices, DirectoryFile, Engineer, Responsible, Site

COLUMNS = {
    "customer": (
        "customer", "site", "address", "access", "contact", "contact_role", "phone", "mail", "devices", "tags",
        "primary", "backup", "language", "time_zone", "calendar", "sla", "escalation", "on_call",
    ),
    "engineer": ("engineer", "user", "mobile", "mail", "channels", "time_zone", "language", "quiet_hours"),
}  # fmt: skip
OF_CUSTOMERS = ("language", "escalation", "on_call")
"""What a site cannot have: a row of a site says it of the customer."""
OF_SITES = ("address", "access")
OF_PLACES = ("time_zone", "calendar", "sla")
LISTS = ("devices", "tags", "channels")
"""Several values of a cell stand apart by spaces."""

Row = dict[str, str]


def import_csv(path: Path, file: DirectoryFile) -> DirectoryFile:
    """Raise DirectoryError with every mistake of the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DirectoryError(f"{path}: cannot be read: {reason}; make it a readable UTF-8 text file") from None
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
    try:
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise DirectoryError(f"{path}:{reader.line_num}: {error}; mind the quotes on and above this line") from None
    header = [name.strip().lower() for name in lines[0][1]] if lines else []
    kind = next((kind for kind in COLUMNS if kind in header), None)
    if kind is None:
        raise DirectoryError(f"{path}:1: no column customer or engineer; name the columns in the first line")
    known = ", ".join(COLUMNS[kind])
    unknown = [name for name in header if name not in COLUMNS[kind]]
    problems = [f"{path}:1: unknown column (found {name!r}); known here: {known}" for name in unknown]
    for number, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        found = list(_row_problems(row, kind, len(cells), len(header)))
        if not found:
            try:
                file = _with_customer(file, row) if kind == "customer" else _with_engineer(file, row)
            except msgspec.ValidationError as error:
                found.append(f"{str(error).replace('Expected', 'expected')}; see docs/directory.md for what fits there")
        problems += [f"{path}:{number}: {text}" for text in found]
    if problems:
        raise DirectoryError("\n".join(problems))
    return file


def _delimiter(text: str) -> str:
    """Spreadsheets write commas, semicolons or tabs."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _row_problems(row: Row, kind: str, cells: int, columns: int) -> Iterator[str]:
    if cells > columns:
        yield f"{cells} cells below {columns} columns; put a text that holds the delimiter in quotes"
    if not row.get(kind):
        yield f"{kind}: this is empty; every row names one"
    if row.get("backup") and not row.get("primary"):
        yield f"backup: without primary (found {row['backup']!r}); name the primary, too"
    if row.get("tags") and not row.get("devices"):
        yield f"tags: without devices (found {row['tags']!r}); name the devices that have them"
    for key in OF_SITES:
        if row.get(key) and not row.get("site"):
            yield f"{key}: without site (found {row[key]!r}); name the site"
    if any(row.get(key) for key in ("contact_role", "phone", "mail")) and kind == "customer" and not row.get("contact"):
        yield "contact: this is empty; name whom to ask for"


def _with_engineer(file: DirectoryFile, row: Row) -> DirectoryFile:
    before = next((one for one in file.engineers if one.name == row["engineer"]), Engineer(name=row["engineer"]))
    after = _replaced(before, _values(row, *COLUMNS["engineer"][1:]))
    return replace(file, engineers=_put(file.engineers, after))


def _with_customer(file: DirectoryFile, row: Row) -> DirectoryFile:
    customer = next((one for one in file.customers if one.name == row["customer"]), Customer(name=row["customer"]))
    customer = _replaced(customer, _values(row, *OF_CUSTOMERS))
    if row.get("site"):
        site = next((one for one in customer.sites if one.name == row["site"]), Site(name=row["site"]))
        site = _replaced(site, _values(row, *OF_SITES, *OF_PLACES) | _people(site, row) | _devices(site, row))
        customer = replace(customer, sites=_put(customer.sites, site))
    else:
        more = _people(customer, row) | _devices(customer, row)
        customer = _replaced(customer, _values(row, *OF_PLACES) | more)
    engineers = list(file.engineers)
    for name in (row.get("primary"), row.get("backup")):
        if name and name not in {one.name for one in engineers}:
            engineers.append(Engineer(name=name))
    return replace(file, customers=_put(file.customers, customer), engineers=engineers)


def _put(known: Sequence[Any], one: Any) -> list[Any]:
    """In place of the one of this name, or behind the others."""
    return list(({other.name: other for other in known} | {one.name: one}).values())


def _people(place: Customer | Site, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if row.get("primary"):
        found["responsible"] = Responsible(primary=row["primary"], backup=row.get("backup", ""))
    if row.get("contact"):
        said = {key: row.get(key, "") for key in ("phone", "mail")}
        contact = Contact(name=row["contact"], role=row.get("contact_role", ""), **said)
        found["contacts"] = [*(one for one in place.contacts if one.name != contact.name), contact]
    return found


def _devices(place: Customer | Site, row: Row) -> dict[str, Any]:
    if not row.get("devices"):
        return {}
    entry = Devices(names=row["devices"].split(), tags=row.get("tags", "").split())
    return {"devices": [*(one for one in place.devices if not set(one.names) & set(entry.names)), entry]}


def _values(row: Row, *keys: str) -> dict[str, Any]:
    return {key: row[key].split() if key in LISTS else row[key] for key in keys if row.get(key)}


def _replaced(before: Any, values: dict[str, Any]) -> Any:
    """Raise ValidationError when a value does not fit."""
    return msgspec.convert(msgspec.to_builtins(replace(before, **values)), type(before))
