"""An MQTT client that looks at what nodes publish, and at the LEDs they latch."""

import json

import paho.mqtt.client as mqtt

from waiting import until
from world import OBSERVER, Broker


class Observer:
    """The newest payload of each topic."""

    def __init__(self, broker: Broker) -> None:
        self.newest: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes]] = []
        self._broker = broker
        login = broker.login(OBSERVER)
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(login.user, login.password)
        self._client.tls_set(login.authority)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)

    async def start(self) -> None:
        self._client.connect_async("127.0.0.1", self._broker.port)
        self._client.loop_start()
        await until("the observer's connection", self._client.is_connected)

    def stop(self) -> None:
        self._client.loop_stop()

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/availability") and (message.retain or message.payload == b"offline"):
            # Another life of the node: what it showed before tells nothing. It is said again, too, when Home Assistant starts.
            self.newest.pop(message.topic.replace("/availability", "/frame"), None)
        self.newest[message.topic] = message.payload
        self.heard.append((message.topic, message.payload))

    def publish(self, topic: str, payload: str, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def json(self, topic: str) -> dict:
        return json.loads(self.newest.get(topic) or b"{}")

    def text(self, topic: str) -> str:
        return self.newest.get(topic, b"").decode()

    async def leds(self, node: str, what: str, look: object, secs: float = 20) -> list[int]:
        """Waits until the 18 PWM values that the node latched are as `look` wants them."""
        topic = f"piglow/{node}/frame"
        self.publish(f"piglow/{node}/frame/watch", "60")

        def shown() -> list[int] | None:
            levels = self._levels(topic)
            return levels if levels is not None and look(levels) else None

        try:
            return await until(f"LEDs of {node}: {what}", shown, secs)
        except AssertionError as error:
            raise AssertionError(f"{error}; frame: {self._levels(topic)}") from None

    def _levels(self, topic: str) -> list[int] | None:
        payload = self.newest.get(topic)
        return None if payload is None else levels(json.loads(payload))


def levels(frame: object) -> list[int]:
    """The PWM values in LED order out of a frame message."""
    return frame["leds"] if isinstance(frame, dict) else frame
