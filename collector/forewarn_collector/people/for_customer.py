"""What of the directory a customer may read: its own entry, and of engineers the names. Pure."""

from msgspec.structs import replace

from forewarn_collector.people.schema import Customer, Devices, DirectoryFile, Engineer, Site


def for_customer(file: DirectoryFile, name: str | None) -> DirectoryFile:
    """Contacts, sites and what was promised to this customer; not how to get in, which is for engineers."""
    own = next((one for one in file.customers if one.name == name), None)
    if own is None:
        return DirectoryFile()
    sites = [replace(site, access="") for site in own.sites]
    slas = {own.sla, *(site.sla for site in sites)}
    calendars = {own.calendar, *(site.calendar for site in sites)}
    return DirectoryFile(
        customers=[replace(own, sites=sites, escalation="", on_call="", external=[])],
        engineers=[Engineer(name=one.name) for one in file.engineers if one.name in _responsible(own)],
        calendars=[one for one in file.calendars if one.name in calendars],
        slas=[one for one in file.slas if one.name in slas],
    )


def _responsible(customer: Customer) -> set[str]:
    parts: list[Customer | Site | Devices] = [customer, *customer.sites, *customer.devices]
    parts += [entry for site in customer.sites for entry in site.devices]
    said = [part.responsible for part in parts]
    return {name for one in said if one is not None for name in (one.primary, one.backup)}
