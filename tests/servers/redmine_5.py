"""Redmine 5 from Debian, on SQLite and loopback, in directories of its own."""

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import httpx
from servers.started import PROJECT, Process, There, free_port, put_back, run, template

HERE = Path(__file__).resolve().parent / "redmine"
PLUGIN = PROJECT / "deploy" / "destinations" / "redmine-forewarn.rb"
ROOT = Path("/usr/share/redmine")
DATABASE = "production:\n  adapter: sqlite3\n  database: {directory}/redmine.db\n  encoding: utf8\n  timeout: 20000\n"


def _configure(directory: Path) -> dict[str, str]:
    """Debian's Redmine has instances, which are directories below one of its own; this one is below ours."""
    for name in ("config", "log", "tmp/cache", "files"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "config" / "database.yml").write_text(DATABASE.format(directory=directory))
    (directory / "config" / "secret_key.txt").write_text("0123456789abcdef" * 4)
    return {
        "REDMINE_INSTANCE": f"../../../..{directory}",
        "RAILS_ENV": "production",
        # Debian's ruby3.1 brings a bundler that does not know where Debian keeps gems; this one does.
        "BUNDLER_VERSION": "2.3.15",
        "HOME": str(directory),
        "FOREWARN_HOOK": str(directory / "hook"),
        "FOREWARN_PLUGIN": str(PLUGIN),
    }


def _fill(directory: Path) -> None:
    environment = _configure(directory)
    run(["bundle", "exec", "rake", "db:migrate"], environment, ROOT)
    said = run(["bundle", "exec", "rails", "runner", str(HERE / "setup.rb")], environment, ROOT)
    (directory / "known.json").write_text(said.splitlines()[-1])


class Redmine:
    kind = "redmine"
    installed = (ROOT / "Rakefile").exists()
    states: ClassVar = {"New": "open", "In Progress": "acknowledged", "Feedback": "waiting", "Resolved": "resolved"}
    ended, refused, bad_state = "Closed", "Rejected", "on holiday"
    queues: ClassVar = {"default": "fleet"}

    def __init__(self, directory: Path) -> None:
        self._template = template("redmine", "redmine", [HERE / "setup.rb", Path(__file__)], _fill)
        self._directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        known = json.loads((self._template / "known.json").read_text())
        self.token = known["users"]["forewarn"]["key"]
        self.engineer = str(known["users"]["liwei"]["id"])
        self.users = {"Li Wei": self.engineer}
        self.options = {"key_field_id": str(known["field"]), "tracker_id": str(known["tracker"])}
        self._field = known["field"]
        self._people = httpx.Client(
            base_url=self.url, headers={"X-Redmine-API-Key": known["users"]["liwei"]["key"]}, timeout=60
        )
        self.hook = directory / "hook"
        shutil.copy(self._template / "redmine.db", directory / "redmine.db")
        self._process = Process(
            ["puma", "-e", "production", "-t", "1:3", "-b", f"tcp://127.0.0.1:{self.port}", str(HERE / "config.ru")],
            directory / "out",
            _configure(directory),
            ROOT,
        )

    def start(self) -> None:
        self._process.start(lambda: self._ask("GET", "/issue_statuses.json"))
        found = self._ask("GET", "/issue_statuses.json")["issue_statuses"]
        self._statuses = {item["name"]: item["id"] for item in found}

    def stop(self) -> None:
        self._process.stop()

    def fresh(self) -> None:
        """As it was set up, without an issue."""
        self.hook.unlink(missing_ok=True)
        put_back(self._template / "redmine.db", self._directory / "redmine.db")

    def say(self, id_: str, *, state: str = "", owner: str = "", note: str = "", public: bool = False) -> None:
        """What the engineer does there."""
        issue: dict[str, Any] = {}
        if note:
            issue |= {"notes": note, "private_notes": not public}
        if state:
            issue["status_id"] = self._statuses[state]
        if owner:
            issue["assigned_to_id"] = owner
        self._ask("PUT", f"/issues/{id_}.json", {"issue": issue})

    def all(self) -> list[There]:
        found: list[There] = []
        while True:
            wanted = {"status_id": "*", "sort": "id", "limit": "100", "offset": str(len(found))}
            issues = self._ask("GET", "/issues.json", params=wanted)["issues"]
            if not issues:
                return found
            found += [self._there(issue) for issue in issues]

    def with_notes(self) -> list[There]:
        return [self._noted(there) for there in self.all()]

    def _noted(self, there: There) -> There:
        journals = self._ask("GET", f"/issues/{there.id}.json", params={"include": "journals"})["issue"]["journals"]
        notes = [(str(j["user"]["id"]), j["notes"], not j["private_notes"]) for j in journals if j["notes"]]
        return there._replace(notes=notes)

    def _there(self, issue: dict[str, Any]) -> There:
        key = next(f["value"] for f in issue["custom_fields"] if f["id"] == self._field)
        owner = str(issue["assigned_to"]["id"]) if "assigned_to" in issue else ""
        return There(
            str(issue["id"]), key, issue["subject"], issue["status"]["name"], owner, issue["priority"]["name"], []
        )

    def _ask(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
        answer = self._people.request(method, path, json=body, params=params)
        answer.raise_for_status()
        return answer.json() if answer.content.strip() else None
