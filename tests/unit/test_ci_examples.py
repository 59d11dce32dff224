"""The examples of pipelines: YAML, and no command or option of closlab in them that there is not."""

import re
from pathlib import Path

import pytest
import typer.main
import yaml

from labs.cli.app import build

FOLDER = Path(__file__).parents[2] / "docs" / "ci"
FILES = sorted(FOLDER.glob("*.yml"))
COMMAND = re.compile(r"/bin/closlab (\S+)([^|\n;]*)")


def test_there_are_examples() -> None:
    """One for GitHub, one for GitLab."""
    assert [path.name for path in FILES] == ["github-actions.yml", "gitlab-ci.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_yaml_and_its_commands_are_there(path: Path) -> None:
    """With their options."""
    assert yaml.safe_load(path.read_text())
    commands = typer.main.get_command(build()).commands  # type: ignore[attr-defined]  # it is a group

    found = COMMAND.findall(path.read_text())

    assert {name for name, _ in found} == {"doctor", "run"}
    for name, rest in found:
        options = {option for each in commands[name].params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options
