"""Where a device is dialled, once it was told to be elsewhere."""

import pytest

from cambus.connector_dvrip.whereabouts import Claimed, Whereabouts

HOME = ("192.168.1.10", 34567)
SELF = Claimed("192.168.1.10", 34567)


@pytest.mark.parametrize(
    ("name", "value", "claimed"),
    [
        ("NetWork.NetCommon", {"HostIP": "0x0B01A8C0", "TCPPort": 34568}, Claimed("192.168.1.11", 34568)),
        ("NetWork.NetCommon", {"HostIP": "192.168.1.11"}, Claimed("192.168.1.11")),
        ("NetWork", {"NetCommon": {"TCPPort": 1}, "NetNTP": {}}, Claimed(None, 1)),
        ("NetWork.NetCommon.TCPPort", 34568, Claimed(None, 34568)),
        ("NetWork.NetCommon.HostIP", "0x0B01A8C0", Claimed("192.168.1.11")),
        ("NetWork.NetCommon.HostName", "x", Claimed()),
        ("NetWork.NetCommon", {"HostIP": "0x00000000", "TCPPort": 0}, Claimed()),
        ("NetWork.NetCommon", {"HostIP": "gate", "TCPPort": 99999}, Claimed()),
        ("NetWork.NetCommon", None, Claimed()),
        ("Detect.MotionDetect", {"HostIP": "192.168.1.11"}, Claimed()),
    ],
)
def test_what_a_setting_says_of_the_address(name, value, claimed):
    assert Claimed.in_setting(name, value) == claimed


def test_a_new_address_is_tried_first_and_the_old_one_after_it():
    where = Whereabouts(HOME)
    assert where.candidates() == [HOME]
    assert where.written(SELF, Claimed("192.168.1.11", 34568)) == ("192.168.1.11", 34568)
    assert where.candidates() == [("192.168.1.11", 34568), HOME]


def test_it_stays_a_candidate_until_the_device_is_there():
    where = Whereabouts(HOME)
    where.written(SELF, Claimed(port=34568))
    assert not where.reached(HOME)  # it has not restarted yet
    assert where.candidates()[0] == ("192.168.1.10", 34568)
    assert where.reached(("192.168.1.10", 34568))
    assert where.candidates() == [("192.168.1.10", 34568)]


def test_what_is_written_back_moves_nobody():
    where = Whereabouts(HOME)
    assert where.written(SELF, SELF) is None
    where.written(SELF, Claimed(port=34568))
    assert where.written(SELF, SELF) is None  # undone before it took effect
    assert where.candidates() == [HOME]


def test_behind_a_router_only_what_is_the_same_inside_and_outside_is_followed():
    where = Whereabouts(("gate.example", 40001))
    assert where.written(SELF, Claimed("192.168.1.11", 34568)) is None
    where = Whereabouts(("gate.example", 34567))
    assert where.written(SELF, Claimed("192.168.1.11", 34568)) == ("gate.example", 34568)
