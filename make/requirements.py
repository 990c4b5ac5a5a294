"""Print the requirements of a group of pyproject.toml, one a line.

``run`` is what building and running need; any other name is an extra of the project. An extra that
names another one, as ``pykv[test]``, is followed.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

PROJECT_FILE = Path(__file__).parents[1] / "pyproject.toml"


def requirements(config: dict[str, Any], group: str) -> list[str]:
    """Return the requirement strings of one group; KeyError if there is no such extra."""
    project = config["project"]
    if group == "run":
        return [*config["build-system"]["requires"], *project.get("dependencies", [])]
    found: list[str] = []
    for entry in project["optional-dependencies"][group]:
        own = re.fullmatch(rf"{project['name']}\[([\w,-]+)\]", entry)
        if own is None:
            found.append(entry)
            continue
        for name in own[1].split(","):
            found += requirements(config, name)
    return found


def main() -> None:
    """Print the group named by the first argument."""
    config = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))
    sys.stdout.write("\n".join(requirements(config, sys.argv[1])) + "\n")


if __name__ == "__main__":
    main()
