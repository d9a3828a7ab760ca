"""Between our words and a system's: states, priorities, queues, users. Pure.

Each system brings its usual words; the configuration of one instance replaces some of them.
"""

from collections.abc import Mapping

import msgspec

from forewarn_collector.tickets import life

SEVERITIES = life.TICKET_LEVELS


class Maps(msgspec.Struct, frozen=True, kw_only=True):
    """``states`` and ``priorities`` lead from our words to theirs; ``heard`` from theirs to ours, for those that
    ``states`` does not name. ``queues``: the key ``default`` stands for every other one; ``users``: names to logins.
    """

    states: Mapping[str, str] = {}
    heard: Mapping[str, str] = {}
    priorities: Mapping[str, str] = {}
    queues: Mapping[str, str] = {}
    users: Mapping[str, str] = {}

    def over(self, usual: "Maps") -> "Maps":
        """These words where they are said, else the usual ones."""
        names = self.__struct_fields__
        return Maps(**{name: {**getattr(usual, name), **getattr(self, name)} for name in names})

    def state(self, ours: str) -> str:
        """Empty: the system is not told of this state."""
        return self.states.get(ours, "")

    def priority(self, severity: str) -> str:
        return self.priorities.get(severity, "")

    def queue(self, ours: str) -> str:
        return self.queues.get(ours) or self.queues.get("default", "")

    def login(self, name: str) -> str:
        """Empty: nobody there has this name."""
        return self.users.get(name, "")

    def person(self, login: str) -> str:
        """Our name of who has this login; a stranger keeps the login."""
        return next((name for name, known in self.users.items() if known == login), login)

    def heard_states(self, theirs: str) -> list[str]:
        """Our states that their state may mean, in the order of a ticket's life."""
        return [s for s in life.STATES if self.states.get(s) == theirs or self.heard.get(theirs) == s]


def problems(maps: Maps) -> list[tuple[tuple[str, str], str]]:
    """((map, word), what is wrong) for each word that nobody here has."""
    found = [(("states", word), f"not a state; known: {', '.join(life.STATES)}")
             for word in maps.states if word not in life.STATES]  # fmt: skip
    found += [(("heard", word), f"{ours!r} is not a state; known: {', '.join(life.STATES)}")
              for word, ours in maps.heard.items() if ours not in life.STATES]  # fmt: skip
    found += [(("priorities", word), f"not a severity; known: {', '.join(SEVERITIES)}")
              for word in maps.priorities if word not in SEVERITIES]  # fmt: skip
    return found
