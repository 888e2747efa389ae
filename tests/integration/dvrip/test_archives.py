"""Archives of a device's configuration are exported and imported in any form of packets."""

import pytest

from cambus.dvrip.errors import DeviceError


def archive_bytes(comment=b""):
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config", b"0123456789" * 2000)
        archive.comment = comment
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["single", "end_flag", "parts", "own_end"])
async def test_an_export_comes_in_any_form(scripted, client, form):
    data = archive_bytes()

    def answer(message):
        from cambus.dvrip.wire import fragment

        if form == "single":
            message.reply(data)
        elif form == "parts":
            for part in fragment(1543, data, session_id=0x57, version=1, size=4000):
                message.peer.send_raw(part)
        else:
            for start in range(0, len(data), 5000):
                message.reply(
                    data[start : start + 5000], end=form == "end_flag" and start + 5000 >= len(data)
                )

    scripted.on[1542] = answer
    assert await client.transfers.export_config() == data


@pytest.mark.parametrize("form", ["end_flag", "zero_length"])
async def test_an_end_mark_ends_an_export_whose_own_end_does_not_show(scripted, client, form):
    data = archive_bytes(comment=b"PK\x05\x06 by a strange packer")

    def answer(message):
        message.reply(data[:5000])
        message.reply(data[5000:], end=form == "end_flag")
        if form == "zero_length":
            message.reply(b"")

    scripted.on[1542] = answer
    assert await client.transfers.export_config() == data


async def test_an_export_that_is_json_is_an_error(scripted, client):
    scripted.on[1544] = lambda message: message.reply(b'{"Name":"","Ret":107}')
    with pytest.raises(DeviceError) as caught:
        await client.transfers.export_log()
    assert caught.value.code == 107


@pytest.mark.parametrize("size", [1000, 65536, 65537, 200_000])
async def test_an_import_goes_whole_or_in_pieces_with_an_end_flag(scripted, client, size):
    got = bytearray()

    def take(message):
        got.extend(message.payload)
        if len(got) == size:
            message.reply(b'{"Ret":603}')

    scripted.on[1540] = take
    data = bytes(index % 251 for index in range(size))
    written = await client.transfers.import_config(data, confirm=True)
    assert written.restart_needed
    assert bytes(got) == data
    flags = [message.header.current_or_end for message in scripted.messages(1540)]
    assert flags == ([0] if size <= 65536 else [0] * (len(flags) - 1) + [1])
