"""All that was done before was done behind the access list that this repository ships: nobody needs more than it gives."""

import asyncio

from paho.mqtt import publish

from check_restarts import available, settled
from waiting import until

REFUSALS = ("refuse", "not authorized", "NotAuthorized")


async def a_device_that_is_deleted_is_gone_until_its_node_starts_again(world) -> None:
    home, node = world.home, world.other
    topic, identifier = f"homeassistant/device/piglow-{node.id}/config", ["mqtt", f"piglow-{node.id}"]

    async def device() -> dict | None:
        listed = await home.ask("config/device_registry/list")
        return next((entry for entry in listed if identifier in entry["identifiers"]), None)

    await home.ask("config/device_registry/remove", device_id=(await device())["id"])
    # Home Assistant empties the message, or the device would be back at its next start.
    await until("its message emptied", lambda: world.observer.newest[topic] == b"")
    await until("its light gone", lambda: home.state(f"light.piglow_{node.slug}") is None)
    assert await device() is None
    await node.stop()
    node.start()
    await until("its light back", lambda: available(world, node), secs=60)
    await settled(world)


async def nobody_was_refused_anything(world) -> None:
    assert not world.broker.refused(), world.broker.refused()
    for node in world.nodes:
        told = [line for line in node.log.read_text().splitlines() if any(word in line for word in REFUSALS)]
        assert not told, told


async def a_node_can_not_speak_for_another(world) -> None:
    login = world.broker.login(world.other.id)
    messages = {
        f"piglow/{world.node.id}/availability": "offline",
        f"homeassistant/device/piglow-{world.node.id}/config": "",
    }
    for topic, payload in messages.items():
        await asyncio.to_thread(
            publish.single,
            topic,
            payload,
            retain=True,
            hostname="127.0.0.1",
            port=world.broker.port,
            client_id="somebody",
            auth={"username": login.user, "password": login.password},
            tls={"ca_certs": str(login.authority)},
        )
        await until(f"{topic} refused", lambda topic=topic: any(topic in line for line in world.broker.refused()))
    await settled(world)


CHECKS = [
    a_device_that_is_deleted_is_gone_until_its_node_starts_again,
    nobody_was_refused_anything,
    a_node_can_not_speak_for_another,
]
