"""A browser of the test's own, through the WebDriver protocol, signed in to Home Assistant."""

import base64
import json
from pathlib import Path

import aiohttp

from home import Home
from waiting import until
from world import Process, free_port

# All that lies in shadow roots, of which Home Assistant's pages are made.
DEEP = """
const found = [];
const walk = (root) => {
  for (const element of root.querySelectorAll('*')) {
    if (element.matches(arguments[0])) found.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  }
};
walk(document);
"""


class Browser:
    """One window; `async with` closes it."""

    def __init__(self, home: Home, folder: Path) -> None:
        self._home = home
        self._port = free_port()
        self._driver = Process("chromedriver", ["chromedriver", f"--port={self._port}"], folder)
        self._session: aiohttp.ClientSession | None = None
        self._base = ""

    async def __aenter__(self) -> "Browser":
        self._driver.start()
        self._session = aiohttp.ClientSession(f"http://127.0.0.1:{self._port}")
        await until("chromedriver", self._is_ready)
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]}
        made = await self._post(
            "/session",
            {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}},
        )
        self._base = f"/session/{made['sessionId']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        self._driver.kill()

    async def _is_ready(self) -> bool:
        self._driver.check_alive()
        try:
            async with self._session.get("/status") as answer:
                return (await answer.json())["value"]["ready"]
        except aiohttp.ClientError:
            return False

    async def _post(self, path: str, payload: dict) -> object:
        async with self._session.post(path, json=payload) as answer:
            value = (await answer.json())["value"]
        if answer.status != 200:
            raise AssertionError(f"{path}: {value}")
        return value

    async def sign_in(self) -> None:
        """Hands the browser a session, as the dialogue would."""
        await self.open("/robots.txt")
        tokens = {
            "access_token": self._home.token,
            "token_type": "Bearer",
            "expires_in": 1800,
            "hassUrl": self._home.url,
            "clientId": f"{self._home.url}/",
            "expires": 4102444800000,
            "refresh_token": "",
        }
        await self.run("localStorage.setItem('hassTokens', arguments[0])", json.dumps(tokens))

    async def open(self, path: str) -> None:
        await self._post(f"{self._base}/url", {"url": self._home.url + path})

    async def size(self, width: int, height: int) -> None:
        await self._post(f"{self._base}/window/rect", {"width": width, "height": height})

    async def run(self, script: str, *arguments: object) -> object:
        return await self._post(f"{self._base}/execute/sync", {"script": script, "args": list(arguments)})

    async def texts(self, selector: str) -> list[str]:
        """What is written in each element of this kind, however deep it lies."""
        script = DEEP + "return found.map((element) => (element.shadowRoot ?? element).textContent.trim());"
        return await self.run(script, selector)

    async def press(self, card: str, text: str) -> None:
        """Clicks the first card of this kind that has this text on it."""
        script = DEEP + (
            "const hit = found.find((element) => element.shadowRoot.textContent.includes(arguments[1]));"
            "hit?.shadowRoot.querySelector('ha-card').click(); return Boolean(hit);"
        )
        await until(f"{card} with {text}", lambda: self.run(script, card, text))

    async def picture(self, file: Path) -> None:
        async with self._session.get(f"{self._base}/screenshot") as answer:
            file.write_bytes(base64.b64decode((await answer.json())["value"]))
