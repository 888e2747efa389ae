"""`cambusctl secret keys`: a key is changed without a moment in which something does not open."""

import stat

import pytest

from cambus.bus.sealing import KEY_BYTES, KeyRing
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.state.credentials import Credentials, SealedCredentials

PLAIN = Credentials(username="admin", password="c4nary-secret")


@pytest.fixture
async def bucket(bus):
    """Where credentials are; those of other tests are gone."""
    bucket = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
    for name in await bucket.items():
        await bucket.delete(name)
    return bucket


async def test_a_key_is_changed_while_services_go_on(cambusctl, bucket, key_file, unique):
    keys = ("--credentials-key", str(key_file))
    service = KeyRing.load(key_file)  # one that is not restarted
    names = [f"{unique}-{number}" for number in range(3)]
    for name in names:
        await bucket.put(name, service.seal(PLAIN, name))
    (old,) = service.ids

    assert (await cambusctl("secret", "keys", "drop", *keys, "--yes", "--json")).code == 0  # nothing to drop
    added = (await cambusctl("secret", "keys", "add", *keys, "--json")).document["added"]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    listed = (await cambusctl("secret", "keys", "list", *keys, "--json")).document
    assert [(each["key"], each["sealed"]) for each in listed] == [(added, 0), (old, 3)]
    refused = await cambusctl("secret", "keys", "drop", *keys, "--yes", "--json")
    assert (refused.code, refused.error["reason"]) == (3, "key-in-use")

    assert (await cambusctl("secret", "keys", "reseal", *keys, "--json")).document == {
        "resealed": 3,
        "failed": {},
    }
    for name in names:
        entry = await bucket.get(name)
        assert entry.value.key_id == added
        assert service.open(entry.value, name).password.get_secret_value() == "c4nary-secret"
    assert (await cambusctl("secret", "keys", "reseal", *keys, "--json")).document["resealed"] == 0
    assert (await cambusctl("secret", "keys", "drop", *keys, "--yes", "--json")).document == {
        "dropped": [old]
    }
    assert key_file.stat().st_size == KEY_BYTES
    assert service.seal(PLAIN, names[0]).key_id == added


async def test_what_does_not_open_is_named_and_the_rest_is_done(
    cambusctl, bucket, key_file, tmp_path, unique
):
    keys = ("--credentials-key", str(key_file))
    lost = KeyRing.load_or_create(tmp_path / "lost.key")
    await bucket.put(f"{unique}-lost", lost.seal(PLAIN, f"{unique}-lost"))
    await bucket.put(f"{unique}-ours", KeyRing.load(key_file).seal(PLAIN, f"{unique}-ours"))
    await cambusctl("secret", "keys", "add", *keys)
    ran = await cambusctl("secret", "keys", "reseal", *keys, "--json")
    assert (ran.code, list(ran.document["failed"])) == (3, [f"{unique}-lost"])
    assert "not in the key file" in ran.document["failed"][f"{unique}-lost"]
    assert (await bucket.get(f"{unique}-ours")).value.key_id == KeyRing.load(key_file).ids[0]
