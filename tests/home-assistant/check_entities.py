"""Every entity of the node is there, as it was announced and as Home Assistant's rules want it."""

from waiting import until

# The keys of a component are abbreviated on the wire.
LONG = {
    "p": "platform",
    "uniq_id": "unique_id",
    "ent_cat": "entity_category",
    "en": "enabled_by_default",
    "unit_of_meas": "unit_of_measurement",
    "dev_cla": "device_class",
    "stat_cla": "state_class",
    "sug_dsp_prc": "suggested_display_precision",
    "ic": "icon",
    "cmps": "components",
    "dev": "device",
}
# What a host may be unable to tell, or what nobody has done yet.
MAY_BE_UNKNOWN = ("button", "event")


def announced(world, node) -> dict[str, dict]:
    """The components of the discovery message that are entities, by their unique id."""
    message = spelled_out(world.observer.json(f"homeassistant/device/piglow-{node.id}/config"))
    parts = (spelled_out(part) for part in message.get("components", {}).values())
    return {part["unique_id"]: part for part in parts if "unique_id" in part}


def spelled_out(keys: dict) -> dict:
    return {LONG.get(key, key): value for key, value in keys.items()}


async def every_announced_entity_is_registered_under_the_id_it_asks_for(world) -> None:
    for node in world.nodes:
        wanted = await until(f"the announcement of {node.id}", lambda node=node: announced(world, node))
        ids = {part["default_entity_id"] for part in wanted.values()}

        async def missing(ids=ids) -> bool:
            return not ids - set(await world.home.registry())

        await until(f"all entities of {node.id}", missing, secs=60)
        registry = {entry["unique_id"]: entry for entry in (await world.home.registry()).values()}
        for unique_id, part in wanted.items():
            entry = registry[unique_id]
            assert entry["entity_id"] == part["default_entity_id"], (entry, part)
            assert entry["entity_category"] == part.get("entity_category"), (entry, part)
            disabled = None if part.get("enabled_by_default", True) else "integration"
            assert entry["disabled_by"] == disabled, (entry, part)


async def parts_of_the_board_are_enabled_as_they_are_commonly_wanted(world) -> None:
    registry = await world.home.registry()
    prefix = f"light.piglow_{world.node.slug}"
    on = [prefix, *(f"{prefix}_arm_{arm}" for arm in ("top", "right", "left"))]
    off = [f"{prefix}_ring_{ring}" for ring in ("red", "orange", "yellow", "green", "blue", "white")]
    off += [f"{prefix}_led_{led}" for led in range(1, 19)]
    assert all(registry[entity]["disabled_by"] is None for entity in on)
    assert all(registry[entity]["disabled_by"] == "integration" for entity in off)
    lights = {entity for entity in registry if entity.split("_led_")[0].split("_arm_")[0].split("_ring_")[0] == prefix}
    assert lights == {*on, *off}, lights


async def every_enabled_entity_has_a_value_its_unit_and_its_icon(world) -> None:
    home = world.home
    for node in world.nodes:
        for part in announced(world, node).values():
            entity = part["default_entity_id"]
            if not part.get("enabled_by_default", True):
                assert entity not in home.states, f"{entity} is not disabled"
                continue
            may = ("unknown",) if part["platform"] in MAY_BE_UNKNOWN else ()
            await until(
                f"a value of {entity}",
                lambda: home.state(entity) not in (None, "unavailable", "unknown") or home.state(entity) in may,
            )
            for key in ("unit_of_measurement", "device_class", "state_class", "icon"):
                if key in part:
                    assert home.attribute(entity, key) == part[key], (entity, key, home.states[entity])
            if part["platform"] == "light" and part.get("effect"):
                offered = set(home.attribute(entity, "effect_list"))
                assert set(part["fx_list"]) <= offered, (entity, offered)


async def precisions_are_taken(world) -> None:
    registry = await world.home.registry()
    for part in announced(world, world.node).values():
        if "suggested_display_precision" not in part:
            continue
        entity = part["default_entity_id"]
        entry = await world.home.ask("config/entity_registry/get", entity_id=entity)
        options = entry["options"].get("sensor", {})
        if registry[entity]["disabled_by"] is None:
            assert options.get("suggested_display_precision") == part["suggested_display_precision"], (entity, options)


async def one_device_bears_the_name_the_maker_and_the_version(world) -> None:
    devices = await world.home.ask("config/device_registry/list")
    for node in world.nodes:
        own = [device for device in devices if ["mqtt", f"piglow-{node.id}"] in device["identifiers"]]
        assert len(own) == 1, own
        assert node.id in own[0]["name"] and own[0]["manufacturer"] and own[0]["model"], own
        version = world.observer.json(f"piglow/{node.id}/info")["version"]
        assert own[0]["sw_version"] == version, own


async def readings_are_those_of_the_host(world) -> None:
    home, prefix = world.home, f"sensor.piglow_{world.node.slug}"
    world.observer.newest.pop(f"piglow/{world.node.id}/telemetry", None)
    await until("a temperature", lambda: home.state(f"{prefix}_temperature") == "48.312" or home.state(f"{prefix}_temperature") == "48.3")
    sample = await until("a sample", lambda: world.observer.json(f"piglow/{world.node.id}/telemetry"))
    disk = float(home.state(f"{prefix}_disk"))
    assert abs(disk - sample["disk"]["used_percent"]) < 1, (disk, sample)
    assert home.state(f"{prefix}_uptime").startswith("20"), home.state(f"{prefix}_uptime")


CHECKS = [
    every_announced_entity_is_registered_under_the_id_it_asks_for,
    parts_of_the_board_are_enabled_as_they_are_commonly_wanted,
    every_enabled_entity_has_a_value_its_unit_and_its_icon,
    precisions_are_taken,
    one_device_bears_the_name_the_maker_and_the_version,
    readings_are_those_of_the_host,
]
