"""The directory file as types: whose devices, who is responsible, who is on call, what was promised.

One declaration for the check, the JSON Schema, the OpenAPI description and the reference in docs/directory.md. Times of
day and dates are local to a time zone that stands beside them or above; durations are texts such as ``1h30m``.
"""

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Level = Literal["critical", "warning"]
LEVELS: tuple[Level, ...] = ("critical", "warning")

PRIMARY, BACKUP, ON_CALL, OWNER = "primary", "backup", "on-call", "owner"
ROLES = (PRIMARY, BACKUP, ON_CALL, OWNER)

_NAME = Meta(min_length=1, max_length=200)
_TEXT = Meta(max_length=2000)
_HH_MM = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME_OF_DAY = Meta(pattern=f"^{_HH_MM}$")
_END_OF_DAY = Meta(pattern=f"^({_HH_MM}|24:00)$")
_MOMENT = Meta(pattern=f"^20[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}} {_HH_MM}$")
_DURATION = Meta(pattern="^([0-9]{1,4}w)?([0-9]{1,4}d)?([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,7}s)?$", min_length=2)
_LANGUAGE = Meta(pattern="^[a-z]{2}(_[A-Z]{2})?$")

Name = Annotated[str, _NAME]


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every section of the file is."""


class Hours(Part, frozen=True, kw_only=True):
    """When it is open on some days of the week. A day may have several entries; a night is two: until 24:00 and from
    00:00."""

    days: Annotated[
        list[Day], Meta(min_length=1, description="mon tue wed thu fri sat sun", examples=[["mon", "tue", "wed"]])
    ]
    opens: Annotated[str, _TIME_OF_DAY, Meta(description="local time, in quotes", examples=["10:00"])]
    closes: Annotated[
        str, _END_OF_DAY, Meta(description="local time after `opens`, in quotes; 24:00 at most", examples=["18:00"])
    ]


class Calendar(Part, frozen=True, kw_only=True):
    """Opening hours. Their time zone is that of the site or customer who has the calendar."""

    name: Annotated[Name, Meta(description="how others refer to it", examples=["shop-hours"])]
    open: list[Hours]
    holidays: Annotated[
        list[datetime.date], Meta(description="days on which it is closed", examples=[["2026-10-01"]])
    ] = []


class Targets(Part, frozen=True, kw_only=True):
    """Within what time. Waiting (for the customer, a part, a vendor) stops the second clock; outside of the calendar
    both stand still."""

    respond: Annotated[str, _DURATION, Meta(description="until somebody acknowledges", examples=["30m"])]
    resolve: Annotated[str, _DURATION, Meta(description="until it is resolved", examples=["8h"])]
    around_the_clock: Annotated[
        bool, Meta(description="the clocks run at night and on holidays, too", examples=[True])
    ] = False


class Sla(Part, frozen=True, kw_only=True):
    """What is promised, by the severity of a ticket. A day of a promise is 24 hours of the calendar."""

    name: Annotated[Name, Meta(description="how customers and sites refer to it", examples=["gold"])]
    critical: Targets
    warning: Targets | None = None


class Step(Part, frozen=True, kw_only=True):
    """Who is told when nobody has acknowledged until then."""

    after: Annotated[str, _DURATION, Meta(description="since the ticket was opened", examples=["15m"])] = "0s"
    tell: Annotated[
        list[Name],
        Meta(
            min_length=1,
            description="`primary`, `backup`, `on-call`, `owner` (who took the ticket or was given it), or the name of"
            " an engineer",
            examples=[["backup", "on-call"]],
        ),
    ]


class Escalation(Part, frozen=True, kw_only=True):
    """Steps that stop at the acknowledgement."""

    name: Annotated[Name, Meta(description="how customers refer to it", examples=["standard"])]
    levels: Annotated[list[Level], Meta(min_length=1, description="for tickets of these", examples=[["critical"]])] = (
        msgspec.field(default_factory=lambda: list(LEVELS))
    )
    around_the_clock: Annotated[
        bool, Meta(description="false: times count in the customer's calendar", examples=[False])
    ] = True
    steps: list[Step]
    repeat: Annotated[int, Meta(ge=0, le=20, description="how often it all begins again", examples=[2])] = 0
    repeat_after: Annotated[
        str, _DURATION, Meta(description="from the last step to the first of the next round", examples=["30m"])
    ] = "30m"


class Shift(Part, frozen=True, kw_only=True):
    """One stretch of duty. Several engineers who take turns are a shift for each, with the same `repeat_weeks`."""

    engineer: Annotated[Name, Meta(description="who is on call", examples=["Li Wei"])]
    start: Annotated[str, _MOMENT, Meta(description="local time", examples=["2026-11-02 09:00"])]
    end: Annotated[
        str, _MOMENT, Meta(description="local time; at this minute it is over", examples=["2026-11-09 09:00"])
    ]
    repeat_weeks: Annotated[
        int, Meta(ge=0, le=52, description="comes again every so many weeks; 0: never", examples=[3])
    ] = 0


class Override(Part, frozen=True, kw_only=True):
    """Somebody else for a while; it goes before every shift. `forewarn shift override` makes one without the file."""

    engineer: Annotated[Name, Meta(description="who steps in", examples=["Ann Smith"])]
    start: Annotated[str, _MOMENT, Meta(description="local time", examples=["2026-11-05 18:00"])]
    end: Annotated[str, _MOMENT, Meta(description="local time", examples=["2026-11-06 09:00"])]


class Schedule(Part, frozen=True, kw_only=True):
    """Who is on call when. Where shifts overlap, the first in the file goes before."""

    name: Annotated[Name, Meta(description="how customers refer to it", examples=["field-service"])]
    time_zone: Annotated[Name, Meta(description="that of all its times", examples=["Asia/Shanghai"])] = "UTC"
    shifts: list[Shift]
    overrides: list[Override] = []


class External(Part, frozen=True, kw_only=True):
    """Who or what this is in another system."""

    system: Annotated[Name, Meta(description="name of a destination", examples=["rt"])]
    id: Annotated[Name, Meta(description="the id there", examples=["liwei"])]


class Engineer(Part, frozen=True, kw_only=True):
    """Somebody who can be responsible, on call, or given a ticket."""

    name: Annotated[Name, Meta(description="as others refer to it", examples=["Li Wei"])]
    user: Annotated[str, Meta(max_length=64, description="user name at forewarn", examples=["liwei"])] = ""
    language: Annotated[str, _LANGUAGE, Meta(description="of messages to this engineer", examples=["zh"])] = "en"
    time_zone: Annotated[Name, Meta(description="that of the quiet hours", examples=["Asia/Shanghai"])] = "UTC"
    mobile: Annotated[
        str, _TEXT, Meta(description="to call; robots mention the engineer by it", examples=["13800000000"])
    ] = ""
    mail: Annotated[str, _TEXT, Meta(description="to write to", examples=["li.wei@provider.example"])] = ""
    channels: Annotated[
        list[Name], Meta(description="how to be told: names of `notify.channels`", examples=[["field-robot"]])
    ] = []
    urgent_channels: Annotated[list[Name], Meta(description="beside them for what is urgent", examples=[["sms"]])] = []
    quiet_hours: Annotated[
        str,
        Meta(pattern=rf"^({_HH_MM}-{_HH_MM})?$"),
        Meta(description="only what is urgent is told then; may go over midnight", examples=["22:00-07:00"]),
    ] = ""
    digest_at: Annotated[
        str,
        Meta(pattern=rf"^({_HH_MM})?$"),
        Meta(description="when the day's low ones are told together; none: each at once", examples=["08:30"]),
    ] = ""
    external: list[External] = []


class Contact(Part, frozen=True, kw_only=True):
    """Somebody at the customer."""

    name: Annotated[Name, Meta(description="whom to ask for", examples=["Ms. Chen"])]
    role: Annotated[str, _TEXT, Meta(description="what this person is there", examples=["store manager"])] = ""
    phone: Annotated[str, _TEXT, Meta(description="to call", examples=["+86 21 5555 0123"])] = ""
    mail: Annotated[str, _TEXT, Meta(description="to write to", examples=["chen@acme.example"])] = ""


class Responsible(Part, frozen=True, kw_only=True):
    """Who looks after it. What is said of a device goes before what is said of its site, that before the customer."""

    primary: Annotated[Name, Meta(description="the engineer", examples=["Li Wei"])]
    backup: Annotated[str, _TEXT, Meta(description="who comes next", examples=["Ann Smith"])] = ""


class Devices(Part, frozen=True, kw_only=True):
    """Devices by their names. In the whole file the first entry that matches a device counts."""

    names: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=200)]],
        Meta(min_length=1, description="names or patterns", examples=[["acme-12-*"]]),
    ]
    tags: Annotated[
        list[Annotated[str, Meta(pattern="^[^,]+$", max_length=200)]],
        Meta(description="words that rules can select these devices by", examples=[["server", "24x7"]]),
    ] = []
    responsible: Responsible | None = None


class Site(Part, frozen=True, kw_only=True):
    """One place. What it leaves out is that of its customer."""

    name: Annotated[Name, Meta(description="how it is shown", examples=["Store 12"])]
    address: Annotated[str, _TEXT, Meta(description="how to get there", examples=["88 Nanjing Road, Shanghai"])] = ""
    contacts: list[Contact] = []
    access: Annotated[
        str, _TEXT, Meta(description="how to get in; for engineers only", examples=["key at the guard, gate B"])
    ] = ""
    time_zone: Annotated[str, _TEXT, Meta(description="where it is", examples=["Asia/Urumqi"])] = ""
    calendar: Annotated[str, _TEXT, Meta(description="its opening hours", examples=["shop-hours"])] = ""
    sla: Annotated[str, _TEXT, Meta(description="what is promised", examples=["gold"])] = ""
    responsible: Responsible | None = None
    devices: list[Devices] = []


class Customer(Part, frozen=True, kw_only=True):
    """One customer, with what holds for all its sites. `devices` are those at no particular site."""

    name: Annotated[Name, Meta(description="as tickets name it", examples=["Acme"])]
    language: Annotated[str, _LANGUAGE, Meta(description="of what the customer reads", examples=["zh"])] = "en"
    time_zone: Annotated[Name, Meta(description="that of calendar and clocks", examples=["Asia/Shanghai"])] = "UTC"
    calendar: Annotated[str, _TEXT, Meta(description="opening hours; none: always open", examples=["shop-hours"])] = ""
    sla: Annotated[str, _TEXT, Meta(description="what is promised; none: no clocks", examples=["gold"])] = ""
    escalation: Annotated[
        str, _TEXT, Meta(description="who is told when; none: `primary` at once", examples=["standard"])
    ] = ""
    on_call: Annotated[
        str, _TEXT, Meta(description="the schedule; none: the first of the file", examples=["field-service"])
    ] = ""
    contacts: list[Contact] = []
    responsible: Responsible | None = None
    external: list[External] = []
    devices: list[Devices] = []
    sites: list[Site] = []


class DirectoryFile(Part, frozen=True, kw_only=True):
    """The whole file."""

    customers: list[Customer] = []
    engineers: list[Engineer] = []
    calendars: list[Calendar] = []
    slas: list[Sla] = []
    escalations: list[Escalation] = []
    on_call: list[Schedule] = []
