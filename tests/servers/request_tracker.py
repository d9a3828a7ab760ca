"""Request Tracker 5 from Debian, on SQLite and loopback, in directories of its own."""

import shutil
from pathlib import Path
from typing import Any, ClassVar

import httpx
from servers.started import PROJECT, Process, There, free_port, put_back, run, template

HERE = Path(__file__).resolve().parent / "rt"
SCRIP = PROJECT / "deploy" / "destinations" / "request-tracker-scrip.pl"
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
CONFIG = """
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{directory}/rt.db');
Set($rtname, 'tests'); Set($Organization, 'tests');
Set($WebPath, ''); Set($WebDomain, '127.0.0.1'); Set($WebPort, {port}); Set($WebBaseURL, 'http://127.0.0.1:{port}');
# A token is hashed at every request: the least that RT takes.
Set($BcryptCost, 10); Set($MailCommand, 'testfile'); Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning');
1;
"""


def _configure(directory: Path, port: int) -> dict[str, str]:
    (directory / "none").mkdir(exist_ok=True)
    config = directory / "config.pm"
    config.write_text(CONFIG.format(directory=directory, port=port))
    return {
        "RT_SITE_CONFIG": str(config),
        "RT_SITE_CONFIG_DIR": str(directory / "none"),
        "FOREWARN_HOOK": str(directory / "hook"),
        "TMPDIR": str(directory),
    }


def _fill(directory: Path) -> None:
    environment = _configure(directory, 1)
    run(["rt-setup-database-5", "--action", "init", "--skip-create", "--dba", "none"], environment)
    (directory / "tokens").write_text(run(["perl", str(HERE / "setup.pl"), str(SCRIP)], environment))


class RequestTracker:
    kind = "rt"
    installed = SERVER.exists()
    states: ClassVar = {"new": "open", "open": "acknowledged", "stalled": "waiting", "resolved": "resolved"}
    ended, refused, bad_state, engineer = "resolved", "rejected", "on holiday", "liwei"
    options: ClassVar = {"key_field": "DedupKey", "severity_field": "Severity", "outcome_field": "Outcome"}
    queues: ClassVar = {"default": "FleetFaults"}
    users: ClassVar = {"Li Wei": "liwei"}

    def __init__(self, directory: Path) -> None:
        self._template = template("rt", "request-tracker5", [HERE / "setup.pl", SCRIP, Path(__file__)], _fill)
        self._directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token, token = (self._template / "tokens").read_text().split()
        self._people = httpx.Client(
            base_url=f"{self.url}/REST/2.0", headers={"Authorization": f"token {token}"}, timeout=60
        )
        self.hook = directory / "hook"
        shutil.copy(self._template / "rt.db", directory / "rt.db")
        self._process = Process(
            [str(SERVER), "--server", "Starman", "--workers", "2", "--host", "127.0.0.1", "--port", str(self.port)],
            directory / "log",
            _configure(directory, self.port),
            directory,
        )

    def start(self) -> None:
        self._process.start(lambda: self._ask("GET", "/rt"))

    def stop(self) -> None:
        self._process.stop()

    def fresh(self) -> None:
        """As it was set up, without a ticket."""
        self.hook.unlink(missing_ok=True)
        put_back(self._template / "rt.db", self._directory / "rt.db")

    def say(self, id_: str, *, state: str = "", owner: str = "", note: str = "", public: bool = False) -> None:
        """What the engineer does there."""
        if note:
            kind = "correspond" if public else "comment"
            self._ask("POST", f"/ticket/{id_}/{kind}", {"Content": note, "ContentType": "text/plain"})
        body = {name: value for name, value in (("Status", state), ("Owner", owner)) if value}
        if body:
            self._ask("PUT", f"/ticket/{id_}", body)

    def outcome(self, id_: str, word: str) -> None:
        self._ask("PUT", f"/ticket/{id_}", {"CustomFields": {"Outcome": word}})

    def all(self) -> list[There]:
        found, page, pages = [], 0, 1
        while page < pages:
            page += 1
            wanted = {"query": "id > 0", "orderby": "id", "per_page": "100", "page": str(page)}
            wanted["fields"] = "Subject,Status,Owner,CustomFields,Priority"
            answer = self._ask("GET", "/tickets", params=wanted)
            pages = answer["pages"]
            found += [self._there(item) for item in answer["items"]]
        return found

    def with_notes(self) -> list[There]:
        return [there._replace(notes=self._notes(there.id)) for there in self.all()]

    def _there(self, item: dict[str, Any]) -> There:
        fields = {field["name"]: field["values"] for field in item["CustomFields"]}
        owner = item["Owner"]["id"]
        key = "".join(fields["DedupKey"])
        return There(
            item["id"], key, item["Subject"], item["Status"], "" if owner == "Nobody" else owner, item["Priority"], []
        )

    def _notes(self, id_: str) -> list[tuple[str, str, bool]]:
        fields = {"fields": "Type,Creator", "per_page": "100"}
        found = []
        for item in self._ask("GET", f"/ticket/{id_}/history", params=fields)["items"]:
            if item["Type"] in ("Comment", "Correspond"):
                path = f"/transaction/{item['id']}/attachments"
                texts = self._ask("GET", path, params={"fields": "Content"})["items"]
                found.append((item["Creator"]["id"], texts[0]["Content"].strip(), item["Type"] == "Correspond"))
        return found

    def _ask(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
        answer = self._people.request(method, path, json=body, params=params)
        answer.raise_for_status()
        return answer.json()
