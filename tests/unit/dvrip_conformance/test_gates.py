"""What a device does not list among its functions is not offered of it."""

from dataclasses import replace

import pytest

from cambus.connector_dvrip.clock import UTC_ZONE
from cambus.connector_dvrip.mapping.alarms import alarms_of_functions
from cambus.connector_dvrip.mapping.device import Facts, description_of
from cambus.dvrip.messages.ability import SystemFunctions
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.system import SystemInfo


def facts(functions, **info):
    groups = SystemFunctions.parse(functions).groups
    return Facts(LoginReply.parse({}), SystemInfo.parse({"VideoInChannel": 1, **info}), functions=groups)


@pytest.mark.parametrize(
    ("functions", "streams"),
    [
        ({}, ["main", "sub"]),  # a device that lists nothing has two, as all do
        ({"EncodeFunction": {"DoubleStream": True}}, ["main", "sub"]),
        ({"EncodeFunction": {"DoubleStream": 0}}, ["main"]),
    ],
)
def test_a_second_stream_is_offered_where_there_is_one(functions, streams):
    (channel,) = description_of(facts(functions), UTC_ZONE).channels
    assert channel.streams == streams


@pytest.mark.parametrize(("login", "channels"), [(0, 12), (11, 12), (16, 16)])
def test_there_are_as_many_channels_as_the_device_has_or_as_its_login_says(login, channels):
    device = facts({}, VideoInChannel=8, DigChannel=4)
    device = replace(device, login=LoginReply.parse({"Ret": 100, "ChannelNum": login}))
    assert [channel.channel for channel in description_of(device, UTC_ZONE).channels] == list(range(channels))


def test_only_alarms_that_are_listed_can_be_expected():
    listed = {"AlarmFunction": {"MotionDetect": True, "BlindDetect": False, "HumanDection": 1}}
    assert alarms_of_functions(facts(listed).functions) == ["analytics.human", "motion"]
    assert alarms_of_functions(facts({}).functions) == []


def test_a_missing_flag_and_a_missing_group_are_no():
    device = facts({"OtherFunction": {"SupportPlaybackLocate": True}})
    assert device.has("OtherFunction", "SupportPlaybackLocate")
    assert not device.has("OtherFunction", "NotSupportTalk")
    assert not device.has("NetServerFunction", "NetDAS")
