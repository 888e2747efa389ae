import pytest

from cambus.connector_rtsp.publish.places import Place, rtmp_place, rtsp_place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/live/gate", Place("gate", 0, "main")),
        ("/live/gate/sub", Place("gate", 0, "sub")),
        ("/live/gate/3", Place("gate", 3, "main")),
        ("/live/gate/3/sub/", Place("gate", 3, "sub")),
        ("/live", None),
        ("/", None),
        ("/gate", None),
        ("/live/gate/x", None),
        ("/live/gate/0/main/x", None),
        ("/live/gate/99999", None),
        ("/live/ga te", None),
        ("/live/../gate", None),
    ],
)
def test_a_path_names_device_channel_and_stream(path, place):
    assert rtsp_place(path) == place


@pytest.mark.parametrize(
    ("app", "name", "place"),
    [
        ("live/gate", "k3y", Place("gate", 0, "main", "k3y")),
        ("live", "gate/k3y", Place("gate", 0, "main", "k3y")),
        ("live/gate", "1/sub/k3y", Place("gate", 1, "sub", "k3y")),
        ("live/gate/1/sub", "k3y", Place("gate", 1, "sub", "k3y")),
        ("live/gate", "a%2Fb", Place("gate", 0, "main", "a/b")),
        ("live", "gate?key=k%263", Place("gate", 0, "main", "k&3")),
        ("live/gate?key=k3y", "sub", Place("gate", 0, "sub", "k3y")),
        ("live", "gate", None),
        ("live/gate", "", None),
        ("", "", None),
        ("other/gate", "k3y", None),
        ("live/gate", "x" * 3000, None),
        ("live/gate", "?" + "a=b&" * 100, None),
    ],
)
def test_an_app_and_a_name_hold_the_key_as_well(app, name, place):
    assert rtmp_place(app, name) == place


def test_the_key_is_in_no_repr():
    assert "k3y" not in repr(rtmp_place("live/gate", "k3y"))
