from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from fleetmon.access.vault import CREDENTIAL_NAME, Vault, make_key, open_vault
from fleetmon.errors import ConfigError, StorageError
from tests.observations import device, opened

KEY = bytes(range(32))
CANARY = "canary-hunter2-7f3a"


def key_file(path: Path, content: bytes = KEY, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def vault_of(tmp_path: Path, environment: Mapping[str, str] | None = None) -> Vault:
    return open_vault(environment=environment or {}, configuration=tmp_path / "etc", data=tmp_path / "data")


def test_what_was_sealed_opens() -> None:
    assert Vault(KEY).open_password("lab", Vault(KEY).seal_password("lab", CANARY)) == CANARY


def test_sealing_twice_looks_different() -> None:
    assert Vault(KEY).seal_password("lab", CANARY) != Vault(KEY).seal_password("lab", CANARY)


def test_a_secret_moved_to_another_row_does_not_open() -> None:
    sealed = Vault(KEY).seal_password("lab", CANARY)
    with pytest.raises(StorageError, match="changed"):
        Vault(KEY).open_password("prod", sealed)


@pytest.mark.parametrize("place", [0, 1, 5, 17, -1])
def test_a_changed_bit_does_not_open(place: int) -> None:
    sealed = bytearray(Vault(KEY).seal_password("lab", CANARY))
    sealed[place] ^= 1
    with pytest.raises(StorageError):
        Vault(KEY).open_password("lab", bytes(sealed))


def test_another_key_does_not_open_and_the_message_says_what_would() -> None:
    sealed = Vault(KEY).seal_password("lab", CANARY)
    with pytest.raises(StorageError, match="another master key; give the service the key"):
        Vault(bytes(32)).open_password("lab", sealed)


def test_no_message_tells_a_secret() -> None:
    vault = Vault(KEY)
    with pytest.raises(StorageError) as caught:
        vault.open_password("prod", vault.seal_password("lab", CANARY))
    assert CANARY not in str(caught.value)
    assert KEY.hex() not in repr(vault)


@pytest.mark.parametrize("content", [KEY, KEY.hex().encode() + b"\n", base64.b64encode(KEY) + b"\n"])
def test_a_key_is_bytes_hex_or_base64(tmp_path: Path, content: bytes) -> None:
    named = {"FLEETMON_MASTER_KEY_FILE": str(key_file(tmp_path / "key", content))}
    sealed = vault_of(tmp_path, named).seal_password("lab", CANARY)
    assert Vault(KEY).open_password("lab", sealed) == CANARY


def test_the_named_file_wins_over_systemd_which_wins_over_the_own_file(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key_file(credentials / CREDENTIAL_NAME, bytes(32), 0o440)
    named = key_file(tmp_path / "key")
    environment = {"FLEETMON_MASTER_KEY_FILE": str(named), "CREDENTIALS_DIRECTORY": str(credentials)}
    assert repr(vault_of(tmp_path, environment)) == repr(Vault(KEY))
    del environment["FLEETMON_MASTER_KEY_FILE"]
    assert repr(vault_of(tmp_path, environment)) == repr(Vault(bytes(32)))
    assert repr(vault_of(tmp_path)) not in {repr(Vault(KEY)), repr(Vault(bytes(32)))}


def test_the_own_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first, second = vault_of(tmp_path), vault_of(tmp_path)
    assert repr(first) == repr(second)
    path = tmp_path / "etc" / CREDENTIAL_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    make_key(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [CREDENTIAL_NAME]


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    named = {"FLEETMON_MASTER_KEY_FILE": str(key_file(tmp_path / "key", mode=0o640))}
    with pytest.raises(ConfigError, match="can be read by others; run `chmod 600"):
        vault_of(tmp_path, named)


def test_a_missing_key_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere cannot be read"):
        vault_of(tmp_path, {"FLEETMON_MASTER_KEY_FILE": str(tmp_path / "nowhere")})


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"z" * 64])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="is not a key"):
        vault_of(tmp_path, {"FLEETMON_MASTER_KEY_FILE": str(key_file(tmp_path / "key", content))})


def test_a_key_in_the_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    key_file(tmp_path / "data" / "key")
    with pytest.raises(ConfigError, match="lies in the data directory"):
        vault_of(tmp_path, {"FLEETMON_MASTER_KEY_FILE": str(tmp_path / "link" / "key")})


def test_a_driver_that_keeps_no_session_leaves_none() -> None:
    assert Vault(KEY).seal_session("web-01", "redfish", {}) is None
    assert Vault(KEY).open_session("web-01", "redfish", None) == {}


async def test_no_file_of_the_store_holds_a_secret_in_clear(tmp_path: Path) -> None:
    vault = Vault(KEY)
    async with opened(tmp_path) as store:
        await store.fleet.add_device(device())
        await store.fleet.put_credential("lab", user="admin", sealed=vault.seal_password("lab", CANARY))
        spellings = [
            CANARY.encode(),
            base64.b64encode(CANARY.encode()),
            CANARY.encode().hex().encode(),
            CANARY[::-1].encode(),
        ]
        spellings += [CANARY.encode("utf-16-le")]
        files = [file.read_bytes() for file in tmp_path.iterdir()]
        assert any(b"admin" in content for content in files)
        assert not any(spelling in content for spelling in spellings for content in files)
