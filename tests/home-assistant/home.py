"""A Home Assistant of the test's own: its process, its interface, its log."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import aiohttp

from waiting import until
from world import HOME_ASSISTANT, Broker, Process, free_port

USER, PASSWORD = "test", "piglow-node"
ONBOARDED = {
    "version": 4,
    "minor_version": 1,
    "key": "onboarding",
    "data": {"done": ["user", "core_config", "analytics", "integration"]},
}
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d ")
COMPLAINT = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) ")
# What Home Assistant says of itself in a fresh folder, and of nothing else.
OF_ITSELF = (
    # A machine that is busy makes it wait for itself.
    re.compile(r"\[homeassistant\.bootstrap\] Waiting (on|for) integrations"),
    # Libraries that it could do with and that no check needs.
    re.compile(r"\[aiohttp_fast_zlib\] zlib_ng and isal are not available"),
    re.compile(r"\[haffmpeg\.(core|tools)\]"),
    # The checks take its broker away: that it notices is right.
    re.compile(r"\[homeassistant\.components\.mqtt\.client\] Error returned from MQTT server: The connection was lost"),
    re.compile(r"\[homeassistant\.components\.mqtt\.client\] Failed to connect to MQTT server"),
    re.compile(r"\[paho\.mqtt\.client\] failed to receive on socket"),
    # Of each entity of a device that was deleted, when it has emptied the device's message itself.
    re.compile(r"\[homeassistant\.components\.mqtt\.discovery\] No device components to cleanup"),
    re.compile(r"_async_resubscribe_and_publish_birth_message(?s:.*)The client is not currently connected"),
)


class Home:
    """Starts, stops and asks it; `states` follows by itself while it is connected."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder = folder / "home-assistant"
        self.folder.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.states: dict[str, dict] = {}
        self.events: list[dict] = []
        self.token = ""
        self._numbers = iter(range(1, sys.maxsize))
        self._answers: dict[int, asyncio.Future] = {}
        self._session: aiohttp.ClientSession | None = None
        self._reader: asyncio.Task | None = None
        (self.folder / "configuration.yaml").write_text(
            configuration.replace("PORT", str(self.port))
        )
        program = [sys.executable, "-m", "homeassistant"]
        # A user, and nothing of what the first visit sets up beside it.
        add_user = ["--script", "auth", "--config", str(self.folder), "add", USER, PASSWORD]
        subprocess.run([*program, *add_user], check=True, capture_output=True)
        (self.folder / ".storage" / "onboarding").write_text(json.dumps(ONBOARDED))
        self.process = Process("home-assistant", [*program, "--config", str(self.folder)], folder)

    async def start(self) -> None:
        """Starts it and waits until it says that it runs."""
        self.process.start()
        self._session = aiohttp.ClientSession(self.url)
        await until("Home Assistant's web server", self._answers_http, secs=180)
        self.token = ""
        await self._sign_in()
        await self._listen()
        await until("Home Assistant to run", self._runs, secs=180)
        # Else it goes back to its usual port after five minutes, and asks in the browser until then.
        if (await self.ask("http/config")).get("pending"):
            await self.ask("http/config/promote")

    async def stop(self) -> None:
        await self.hang_up()
        await self.process.stop(secs=60)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _answers_http(self) -> bool:
        self.process.check_alive()
        try:
            async with self._session.get("/manifest.json") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def _runs(self) -> bool:
        return (await self.ask("get_config"))["state"] == "RUNNING"

    async def _sign_in(self) -> None:
        client = {"client_id": f"{self.url}/"}
        step = await self.post(
            "/auth/login_flow",
            client | {"handler": ["homeassistant", None], "redirect_uri": client["client_id"]},
        )
        done = await self.post(
            f"/auth/login_flow/{step['flow_id']}", client | {"username": USER, "password": PASSWORD}
        )
        assert done["type"] == "create_entry", done
        async with self._session.post(
            "/auth/token", data=client | {"grant_type": "authorization_code", "code": done["result"]}
        ) as answer:
            self.token = (await answer.json())["access_token"]

    async def post(self, path: str, payload: dict) -> dict:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.post(path, json=payload, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise AssertionError(f"{path} answers {answer.status}: {text}")
            return json.loads(text) if text else {}

    async def upload(self, file: Path) -> str:
        """Hands it a file as its dialogues do, and returns its name for it."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with file.open("rb") as opened:
            async with self._session.post("/api/file_upload", data={"file": opened}, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                return (await answer.json())["file_id"]

    async def add_broker(self, broker: Broker) -> None:
        """Sets up the MQTT integration as its dialogue does."""
        login = broker.login(HOME_ASSISTANT)
        step = await self.post("/api/config/config_entries/flow", {"handler": "mqtt"})
        while step["type"] in ("form", "menu"):
            if step["type"] == "menu":
                fields = {"next_step_id": "broker"}
            else:
                offered = {"broker": "127.0.0.1", "port": broker.port, "username": login.user, "password": login.password}
                offered |= {"set_ca_cert": "custom", "certificate": await self.upload(login.authority)}
                # Required, and proposed by the dialogue in the browser only.
                offered |= {"set_client_cert": False}
                fields = filled_in(step["data_schema"], offered)
                assert not step.get("errors"), step
            step = await self.post(f"/api/config/config_entries/flow/{step['flow_id']}", fields)
        assert step["type"] == "create_entry", step

    async def call(self, service: str, entity: str | None = None, **data: object) -> dict | None:
        """Calls an action as a button of the interface does."""
        domain, name = service.split(".")
        return await self.ask(
            "call_service",
            domain=domain,
            service=name,
            service_data=data,
            target={"entity_id": entity} if entity else {},
        )

    def state(self, entity: str) -> str | None:
        return self.states.get(entity, {}).get("state")

    def attribute(self, entity: str, name: str) -> object:
        return self.states.get(entity, {}).get("attributes", {}).get(name)

    async def registry(self) -> dict[str, dict]:
        """All entities that are registered for MQTT, by entity id, the disabled ones too."""
        listed = await self.ask("config/entity_registry/list")
        return {entry["entity_id"]: entry for entry in listed if entry["platform"] == "mqtt"}

    async def ask(self, kind: str, **fields: object) -> object:
        number = next(self._numbers)
        self._answers[number] = waiting = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "type": kind, **fields})
        async with asyncio.timeout(30):
            answer = await waiting
        if not answer["success"]:
            raise AssertionError(f"{kind} {fields}: {answer['error']}")
        return answer["result"]

    async def _listen(self) -> None:
        self._socket = await self._session.ws_connect("/api/websocket", max_msg_size=0)
        await self._socket.receive_json()
        await self._socket.send_json({"type": "auth", "access_token": self.token})
        assert (await self._socket.receive_json())["type"] == "auth_ok"
        self._reader = asyncio.create_task(self._read())
        self.states = {}
        await self.ask("subscribe_events")
        for state in await self.ask("get_states"):
            self.states.setdefault(state["entity_id"], state)

    async def _read(self) -> None:
        async for message in self._socket:
            got = json.loads(message.data)
            if got["type"] == "event":
                self._take(got["event"])
            elif waiting := self._answers.pop(got["id"], None):
                waiting.set_result(got)

    def _take(self, event: dict) -> None:
        self.events.append(event)
        if event["event_type"] == "state_changed":
            data = event["data"]
            if data["new_state"] is None:
                self.states.pop(data["entity_id"], None)
            else:
                self.states[data["entity_id"]] = data["new_state"]

    async def hang_up(self) -> None:
        if self._reader:
            self._reader.cancel()
            self._reader = None
        if self._session:
            await self._session.close()
            self._session = None

    def complaints(self) -> list[str]:
        """Each warning and error of its log so far, with the lines that belong to it."""
        entries: list[str] = []
        for line in self.process.log.read_text().splitlines():
            line = re.sub("\x1b\\[[0-9;]*m", "", line)
            if entries and not ENTRY.match(line):
                entries[-1] += f"\n{line}"
            else:
                entries.append(line)
        return [
            entry
            for entry in entries
            if COMPLAINT.match(entry) and not any(known.search(entry) for known in OF_ITSELF)
        ]


def filled_in(form: list[dict], offered: dict) -> dict:
    """A dialogue's form with what is offered, and what it proposes itself for the rest."""
    fields = {}
    for field in form:
        if field.get("type") == "expandable":
            fields[field["name"]] = filled_in(field["schema"], offered)
        elif offered.get(field["name"]) is not None:
            fields[field["name"]] = offered[field["name"]]
        elif "default" in field:
            fields[field["name"]] = field["default"]
    return fields
