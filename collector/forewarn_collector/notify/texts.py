"""What messages say beside the words of the ticket. English, to be translated.

What is in braces is filled in; a translation keeps it.
"""

from forewarn_collector.notify.model import Kind

BEGINNINGS = {
    Kind.ROSE: "now {severity}: {title}",
    Kind.RESOLVED: "over: {title}",
    Kind.ASSIGNED: "yours: {title}",
    Kind.ESCALATED: "nobody has taken this: {title}",
    Kind.DUE: "time is running out: {title}",
}
SEVERITIES = ("critical", "warning")
STATES = ("open", "acknowledged", "in progress", "waiting", "resolved", "closed", "false alarm")
PART = "part {serial}"
TICKET = "ticket {number}, {state}"
GIVEN = "{actor} gave it to you."
STORM = "{count} tickets at once: {severities}"
DIGEST = "the day's tickets: {severities}"
SHARE = "{count} {severity}"
OF_TICKET = "{title} (ticket {number})"
MORE = "and {count} more: forewarn tickets"
TEST_TITLE = "forewarn: a test"
TEST_BODY = "{actor} tries whether {engineer} is reached here. Nothing has happened."

MESSAGES = (
    *BEGINNINGS.values(), *SEVERITIES, *STATES, PART, TICKET, GIVEN, STORM, DIGEST, SHARE, OF_TICKET, MORE, TEST_TITLE,
    TEST_BODY,
)  # fmt: skip
