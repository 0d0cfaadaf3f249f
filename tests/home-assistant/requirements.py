"""Prints what pip has to install for the integrations that the checks use and all those they depend on."""

import json
from pathlib import Path

import homeassistant.components

USED = [
    *("automation", "blueprint", "config", "frontend", "history", "logbook", "logger", "mqtt", "recorder"),
    *("input_boolean", "input_button", "input_number", "input_select", "sun", "template"),
]


def requirements(names: list[str]) -> set[str]:
    folder = Path(homeassistant.components.__path__[0])
    found, waiting, needed = set(), list(names), set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        manifest = json.loads((folder / name / "manifest.json").read_text())
        needed.update(manifest.get("requirements", []))
        waiting += manifest.get("dependencies", [])
    return needed


if __name__ == "__main__":
    print("\n".join(sorted(requirements(USED))))
