"""Where a device is, and whether it is there (§3.3, §3.4, GB-041 to GB-059)."""

import itertools

import pytest
from gb28181_registry import AWAY, CODE, HOME, PASSWORD, WALL, Registry

from cambus.gb28181.accounts import Account
from cambus.gb28181.failures import Refusals
from cambus.gb28181.liveness import Heartbeat
from cambus.gb28181.registrar import Bound, DuplicateCode, Offline, OfflineReason, Online, Source
from cambus.sip.digest import Challenge, answer
from cambus.sip.message import Request
from cambus.sip.peer import Peer


@pytest.fixture
def registry():
    made = Registry()
    made.register()
    made.events()
    return made


def kinds(events):
    return [type(each) for each in events]


@pytest.mark.parametrize("expires", ["", "-1", "soon", "²", "٣٦٠٠", "1e3", "3600.5"])
def test_an_expiry_that_is_no_number_is_none(expires):
    assert dict(Registry().register(expires=expires).headers)["Expires"] == "3600"


@pytest.mark.parametrize(
    ("wanted", "granted"), [("1", 60), ("59", 60), ("60", 60), ("604800", 604_800), ("604801", 604_800)]
)
def test_an_expiry_is_granted_within_bounds_and_kept(wanted, granted):
    registry = Registry()
    assert dict(registry.register(expires=wanted).headers)["Expires"] == str(granted)
    assert registry.registrar.binding(CODE).expires_at == WALL + granted


@pytest.mark.parametrize(
    "contact", ["*", f"<sip:{CODE}@192.0.2.7:5060>", f"<sip:{CODE}@192.0.2.7>;expires=0"]
)
def test_a_device_leaves_with_any_contact(registry, contact):
    assert registry.register(expires="0", contact=contact).status == 200
    assert registry.events()[-1] == Offline(CODE, OfflineReason.UNREGISTERED)


def test_ten_refreshes_are_no_news(registry):
    for _ in range(10):
        registry.now += 30.0
        assert registry.register().status == 200
    assert kinds(registry.events()) == [Bound] * 10


def test_a_device_expires_with_the_second(registry):
    registry.register(expires="60")
    registry.events()
    assert registry.pass_(59.0) == []
    assert registry.pass_(1.0) == [Bound(CODE, None), Offline(CODE, OfflineReason.EXPIRED)]
    assert registry.source() is Source.REFUSE


@pytest.mark.parametrize(
    ("interval", "count", "gone_s"), [(None, None, 180), (30, 2, 60), (5, 1, 5), (3600, 10, 36_000)]
)
def test_a_device_is_gone_within_a_second_of_its_last_beat(interval, count, gone_s):
    registry = Registry()
    registry.register(expires="604800")
    registry.registrar.configure(CODE, interval, count)
    registry.events()
    registry.registrar.kept_alive(CODE, registry.now)
    seen_at = next(second for second in itertools.count(1) if registry.pass_(1.0))
    assert gone_s <= seen_at <= gone_s + 1


@pytest.mark.parametrize(
    ("interval", "count", "gone_s"),
    [
        (0, 0, 180.0),
        (None, 5, 300.0),
        (10, None, 30.0),
        (1, 0, 15.0),
        (10**9, 10**9, 36_000.0),
        (-5, -5, 5.0),
    ],
)
def test_settings_no_device_can_mean_are_brought_within_bounds(interval, count, gone_s):
    heartbeat = Heartbeat(0.0)
    heartbeat.configure(interval, count)
    assert heartbeat.gone_at == gone_s


def test_a_device_that_is_slower_than_it_is_patient_flaps_three_times_and_then_no_more(registry):
    registry.register(expires="604800")
    registry.events()
    gone = []
    for _ in range(10):
        gone.append(any(isinstance(each, Offline) for _ in range(200) for each in registry.pass_(1.0)))
        registry.registrar.kept_alive(CODE, registry.now)
        registry.events()
    assert gone == [True] * 3 + [False] * 7


def test_an_outage_is_no_period(registry):
    registry.register(expires="604800")
    for _ in range(5):
        registry.now += 60.0
        registry.registrar.kept_alive(CODE, registry.now)
    registry.pass_(3600.0)
    registry.registrar.kept_alive(CODE, registry.now)
    registry.events()
    assert registry.pass_(181.0) == [Offline(CODE, OfflineReason.MISSED)]


def test_a_beat_that_was_lost_makes_nobody_more_patient(registry):
    for step in (60, 60, 120, 60, 60):
        registry.now += step
        registry.registrar.kept_alive(CODE, registry.now)
    registry.events()
    assert registry.pass_(181.0) == [Offline(CODE, OfflineReason.MISSED)]


def test_a_missed_device_is_back_with_a_beat_from_where_it_was_and_not_from_elsewhere(registry):
    registry.pass_(200.0)
    assert registry.source(AWAY) is Source.REFUSE
    assert not registry.registrar.online(CODE)
    assert registry.source(HOME) is Source.BOUND
    registry.registrar.kept_alive(CODE, registry.now)
    (back,) = [each for each in registry.events() if isinstance(each, Online)]
    assert (back.first, back.moved) == (False, False)


def test_a_move_is_told_and_what_was_refused_there_is_forgotten(registry):
    for _ in range(5):
        registry.source(AWAY)
    assert registry.register(peer=AWAY).status == 200
    assert registry.source(AWAY) is Source.BOUND
    assert [registry.source(HOME) for _ in range(4)] == [Source.REFUSE] * 3 + [Source.IGNORE]


def test_refusals_are_counted_for_each_source_and_begin_anew_with_a_registration(registry):
    elsewhere = [Peer("udp", "192.0.2.7", port) for port in (1, 2)]
    for peer in elsewhere:
        assert [registry.source(peer) for _ in range(4)] == [Source.REFUSE] * 3 + [Source.IGNORE]
    registry.register()
    for peer in elsewhere:
        assert registry.source(peer) is Source.REFUSE


def test_the_table_of_refusals_is_bounded_and_loses_the_oldest():
    table = Refusals(1000)
    for number in range(5000):
        assert table.add(f"{number}", HOME) == 1
    assert len(table) == 1000
    assert table.add("4999", HOME) == 2
    assert table.add("3", HOME) == 1
    table.forget("4999")
    assert table.add("4999", HOME) == 1


def test_what_has_expired_is_refused_before_anybody_has_looked(registry):
    registry.register(expires="60")
    registry.now += 60.0
    assert registry.source() is Source.REFUSE


def test_a_closed_connection_is_forgiven_if_the_device_registers_on_another_in_time():
    registry = Registry(connection_grace_s=5.0)
    one, two = (Peer("tcp", "192.0.2.7", 40_000 + each, each) for each in (1, 2))
    registry.register(peer=one)
    registry.events()
    registry.registrar.connection_lost(one, registry.now)
    assert registry.pass_(4.0) == []
    registry.register(peer=two)
    assert Offline not in kinds(registry.pass_(60.0))
    assert registry.registrar.binding(CODE).peer == two


def test_another_connection_from_the_same_address_is_another_source():
    registry = Registry()
    registry.register(peer=Peer("tcp", "192.0.2.7", 40_000, 1))
    assert registry.source(Peer("tcp", "192.0.2.7", 40_000, 2)) is Source.REFUSE
    assert registry.source(Peer("udp", "192.0.2.7", 40_000)) is Source.REFUSE


def test_two_devices_with_one_code_are_noticed_and_the_last_that_proved_itself_counts():
    registry = Registry()
    for turn in range(8):
        registry.register(peer=(HOME, AWAY)[turn % 2])
    alerts = [each for each in registry.events() if isinstance(each, DuplicateCode)]
    assert [set(each.peers) for each in alerts] == [{HOME, AWAY}]
    assert registry.registrar.binding(CODE).peer == AWAY


def test_three_moves_are_allowed_and_the_fourth_in_five_minutes_is_noticed():
    registry = Registry()
    for turn in range(4):
        registry.register(peer=(HOME, AWAY)[turn % 2])
    assert DuplicateCode not in kinds(registry.events())
    registry.register(peer=HOME)
    assert DuplicateCode in kinds(registry.events())


def test_a_device_that_moves_now_and_then_is_no_duplicate():
    registry = Registry()
    for turn in range(12):
        registry.register(peer=(HOME, AWAY)[turn % 2])
        registry.now += 101.0
    assert DuplicateCode not in kinds(registry.events())


class Strangers(Registry):
    """Messages from elsewhere may prove themselves."""

    def __init__(self, **options):
        super().__init__(Account(CODE, PASSWORD, challenge_strangers=True, **options))
        self.register()
        self.events()

    def message(self, peer=AWAY, authorization=None):
        request = Request(method="MESSAGE", uri="sip:any@where")
        if authorization is not None:
            request.headers.add("Authorization", str(authorization))
        return self.registrar.challenge(request, CODE, peer, self.now, WALL + self.now)

    def asked(self):
        return Challenge.parse(dict(self.message().headers)["WWW-Authenticate"])


def test_only_where_it_was_set_is_a_stranger_challenged(registry):
    assert not registry.registrar.challenges(CODE)
    assert not Strangers().registrar.challenges("34020000001320000099")
    assert Strangers().registrar.challenges(CODE)


def test_a_message_that_proves_itself_moves_the_device():
    registry = Strangers()
    given = answer(registry.asked(), CODE, PASSWORD, "MESSAGE", "sip:any@where")
    before = registry.registrar.binding(CODE)
    assert registry.message(authorization=given) is None
    now = registry.registrar.binding(CODE)
    assert (now.peer, now.expires_at) == (AWAY, before.expires_at)
    assert kinds(registry.events()) == [Bound, Online]
    assert registry.source(AWAY) is Source.BOUND


@pytest.mark.parametrize(
    ("method", "password", "status"), [("MESSAGE", "wrong", 403), ("REGISTER", PASSWORD, 403)]
)
def test_a_message_that_proves_something_else_moves_nobody(method, password, status):
    registry = Strangers()
    given = answer(registry.asked(), CODE, password, method, "sip:any@where")
    assert registry.message(authorization=given).status == status
    assert registry.registrar.binding(CODE).peer == HOME


def test_a_proof_moves_a_device_once():
    registry = Strangers()
    given = answer(registry.asked(), CODE, PASSWORD, "MESSAGE", "sip:any@where")
    registry.message(authorization=given)
    registry.register(peer=HOME)
    assert registry.message(authorization=given).status == 401
    assert (
        registry.message(authorization=answer(Challenge("x", "1"), CODE, PASSWORD, "MESSAGE", "u")).status
        == 401
    )
    assert registry.registrar.binding(CODE).peer == HOME


def test_after_expiry_no_message_brings_a_device_back():
    registry = Strangers()
    given = answer(registry.asked(), CODE, PASSWORD, "MESSAGE", "sip:any@where")
    registry.now += 3601.0
    assert registry.message(authorization=given).status == 403
