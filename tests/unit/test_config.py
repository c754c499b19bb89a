"""fleetmon.toml and the environment become settings, or one clear line says why not."""

from datetime import timedelta
from pathlib import Path

import pytest

from fleetmon import config
from fleetmon.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "fleetmon.toml"
    file.write_text(text)
    return file


def test_nothing_said_gives_the_defaults():
    loaded = config.load(None, {"XDG_STATE_HOME": "/var/lib"})
    assert loaded.settings.listen.port == 8480
    assert loaded.settings.data == Path("/var/lib/fleetmon")
    assert set(loaded.origins.values()) == {"default"}


def test_systemd_names_the_data_directory():
    assert config.load(None, {"STATE_DIRECTORY": "/var/lib/private/fm"}).settings.data == Path("/var/lib/private/fm")


def test_the_environment_overrides_the_file_and_both_are_told(tmp_path):
    file = written(tmp_path, '[listen]\nport = 9000\n\n[polling.interval]\nsensors = "30s"\n')
    loaded = config.load(file, {"FLEETMON__LISTEN__PORT": "9001", "FLEETMON_URL": "x"})
    assert loaded.settings.listen.port == 9001
    assert loaded.settings.polling.interval.sensors == timedelta(seconds=30)
    assert loaded.origins["listen.port"] == "FLEETMON__LISTEN__PORT"
    assert loaded.origins["polling.interval.sensors"] == f"{file}:5"
    assert loaded.origins["listen.host"] == "default"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[listen]\nprot = 1\n", "fleetmon.toml:2: unknown key listen.prot; did you mean listen.port?"),
        ("[listen]\nport = 70000\n", "fleetmon.toml:2: listen.port: input should be less than or equal to 65535"),
        ('[listen]\nhost = "0.0.0.0"\n', "not a loopback address; sign-in does not exist yet"),
        ('[polling]\nrequest_timeout = "soon"\n', "fleetmon.toml:2: polling.request_timeout: 'soon' is no duration"),
        ('[polling.interval]\nsensors = "1s"\n', "1s is out of range; use 5s to 1d"),
        ('[retention]\nreadings = "1d"\n', "1d is out of range; use 2d to 3650d"),
        ('[polling]\npoll_deadline = "2s"\n', "poll_deadline (2s) is shorter than polling.connect_timeout (10s)"),
        ('data = "/d"\nmaster_key_file = "/d/key"\n', "lies inside the data directory"),
        ('roles = ["api", "cook"]\n', "fleetmon.toml:1: roles:"),
        ("listen = \n", "not TOML"),
        ("[logging]\nlevel = true\n", "fleetmon.toml:2: logging.level"),
    ],
)
def test_what_is_impossible_is_refused_with_its_place_and_the_cure(tmp_path, text, said):
    with pytest.raises(ConfigError) as refused:
        config.load(written(tmp_path, text), {})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_misspelt_variable_is_refused():
    with pytest.raises(ConfigError, match="FLEETMON__LISTEN__PROT: unknown key"):
        config.load(None, {"FLEETMON__LISTEN__PROT": "1"})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file"):
        config.load(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("30s", 30), ("1.5h", 5400), ("35d", 3024000), (7, 7)])
def test_durations_are_written_as_people_write_them(text, seconds):
    assert config.duration(text).total_seconds() == seconds


@pytest.mark.parametrize("seconds", [5, 60, 90, 3600, 86400, 0.5])
def test_a_duration_is_told_in_the_form_it_is_read(seconds):
    assert config.duration(config.say_duration(timedelta(seconds=seconds))).total_seconds() == seconds


def test_every_key_is_described_in_the_schema():
    schema = config.schema()
    nodes = [schema, *schema["$defs"].values()]
    missing = [
        name
        for node in nodes
        for name, prop in node.get("properties", {}).items()
        if "$ref" not in str(prop) and not prop.get("description")
    ]
    assert missing == []


def test_every_key_stands_in_the_manual_with_its_default():
    manual = (Path(__file__).parents[2] / "docs" / "reference" / "configuration.md").read_text()
    loaded = config.load(None, {})
    for key, value in loaded.values.items():
        row = next((line for line in manual.splitlines() if line.startswith(f"| `{key}` |")), None)
        assert row, key
        if isinstance(value, timedelta):
            assert f"`{config.say_duration(value)}`" in row
        elif isinstance(value, str | int):
            assert f"`{value}`" in row
