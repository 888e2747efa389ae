"""Registration without sockets (GB-030 to GB-059)."""

import pytest
from gb28181_registry import AWAY, CODE, HOME, PASSWORD, REALM, SERVER, WALL, Registry

from cambus.gb28181.accounts import Account, Enrolment
from cambus.gb28181.binding import Binding
from cambus.gb28181.registrar import (
    Bound,
    Denied,
    DuplicateCode,
    Knocked,
    Offline,
    OfflineReason,
    Online,
    RegistrarSettings,
    Source,
)
from cambus.gb28181.versions import Version
from cambus.sip.digest import Algorithm, Challenge, answer
from cambus.sip.peer import Peer


@pytest.fixture
def registry():
    return Registry()


def test_the_challenge_says_all_that_devices_need(registry):
    challenge = registry.challenge()
    assert (challenge.realm, challenge.algorithm, challenge.qop) == (REALM, Algorithm.MD5, ("auth",))
    assert Registry(Account(CODE, PASSWORD, no_qop=True)).challenge().qop == ()


@pytest.mark.parametrize("with_qop", [True, False])
def test_both_forms_of_the_answer_open(registry, with_qop):
    given = answer(registry.challenge(), CODE, PASSWORD, "REGISTER", "sip:else", with_qop=with_qop)
    assert registry.put(registry.request(authorization=given)).status == 200
    assert [type(each) for each in registry.events()] == [Bound, Online]


def test_the_answer_tells_time_expiry_and_edition_only_where_asked(registry):
    answered = dict(registry.register(X_GB_Ver="3.0").headers)
    assert answered["Date"] == "2023-11-15T06:13:20.000"  # Beijing
    assert answered["Expires"] == "3600"
    assert answered["Contact"].startswith("<sip:")
    assert answered["X-GB-Ver"] == "3.0"
    assert registry.registrar.binding(CODE).version is Version.GB2022
    assert "X-GB-Ver" not in dict(registry.register().headers)
    assert "Date" not in dict(Registry(Account(CODE, PASSWORD, date_header=False)).register().headers)


@pytest.mark.parametrize(
    ("options", "granted"),
    [
        ({"expires": "10"}, "60"),
        ({"expires": "99999999"}, "604800"),
        ({"expires": None}, "3600"),
        ({"expires": "100", "contact": f"<sip:{CODE}@x>;expires=200"}, "200"),
    ],
)
def test_expiry_is_brought_within_bounds(registry, options, granted):
    assert dict(registry.register(**options).headers)["Expires"] == granted


def test_a_nonce_of_somebody_else_opens_nothing(registry):
    invented = Challenge(REALM, "0" * 32)
    given = answer(invented, CODE, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 401
    assert registry.registrar.binding(CODE) is None


def test_a_replayed_registration_changes_nothing(registry):
    given = answer(registry.challenge(), CODE, PASSWORD, "REGISTER", "sip:x", with_qop=False)
    assert registry.put(registry.request(authorization=given)).status == 200
    before = registry.registrar.binding(CODE)
    registry.now = 5.0
    assert registry.put(registry.request(authorization=given), AWAY).status == 401
    assert registry.registrar.binding(CODE) == before


def test_a_count_that_does_not_rise_is_refused_and_one_that_does_is_not(registry):
    challenge = registry.challenge()
    statuses = []
    for count in (1, 1, 2):
        given = answer(challenge, CODE, PASSWORD, "REGISTER", "sip:x", nc=count)
        statuses.append(registry.put(registry.request(authorization=given)).status)
    assert statuses == [200, 401, 200]


def test_an_old_nonce_is_stale_and_the_next_one_opens(registry):
    challenge = registry.challenge()
    registry.now = 61.0
    given = answer(challenge, CODE, PASSWORD, "REGISTER", "sip:x")
    late = registry.put(registry.request(authorization=given))
    again = Challenge.parse(dict(late.headers)["WWW-Authenticate"])
    assert (late.status, again.stale) == (401, True)
    given = answer(again, CODE, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 200


def test_unknown_disabled_and_wrong_look_alike(registry):
    other = "34020000001320000099"
    assert registry.register(other).status == 403
    assert registry.register(password="wrong").status == 403
    assert Registry(Account(CODE, PASSWORD, enabled=False)).register().status == 403
    assert Registry(Account(CODE, "")).register(password="").status == 403


@pytest.mark.parametrize("options", [{"from_code": "34020000001320000002"}, {"code": "123"}])
def test_a_registration_that_is_not_of_one_device_is_refused(registry, options):
    assert registry.put(registry.request(**options)).status == 403


def test_failures_hold_off_the_pair_and_not_the_device(registry):
    for _ in range(5):
        registry.register(password="wrong", peer=AWAY)
    assert registry.put(registry.request(), AWAY).status == 403
    assert registry.register(peer=HOME).status == 200
    registry.now = 61.0
    assert registry.put(registry.request(), AWAY).status == 401


def test_enrolment_denies_shows_or_takes():
    other = "34020000001320000099"
    pending = Registry(enrolment=Enrolment.PENDING, common_password="common")
    assert pending.register(other, "common").status == 403
    assert next(each for each in pending.events() if isinstance(each, Knocked)).code == other
    assert pending.register(other, "guess").status == 403
    assert [(each.code, each.reason) for each in pending.events() if isinstance(each, Denied)] == [
        (other, "unknown")
    ]
    auto = Registry(enrolment=Enrolment.AUTO, common_password="common")
    assert auto.register(other, "common").status == 200
    closed = Registry(enrolment=Enrolment.AUTO)
    assert closed.register(other, "").status == 403


def test_an_open_device_registers_without_proof():
    registry = Registry(Account(CODE, "", open_=True))
    assert registry.put(registry.request()).status == 200


def test_a_refresh_is_no_news_and_a_move_is(registry):
    registry.register()
    registry.events()
    registry.register()
    assert [type(each) for each in registry.events()] == [Bound]
    registry.register(peer=AWAY)
    assert [each.moved for each in registry.events() if isinstance(each, Online)] == [True]
    assert registry.registrar.binding(CODE).peer == AWAY


def test_unregistering_needs_proof(registry):
    registry.register()
    assert registry.put(registry.request(expires="0")).status == 401
    assert registry.registrar.online(CODE)
    registry.events()
    assert registry.register(expires="0").status == 200
    assert registry.events() == [Bound(CODE, None), Offline(CODE, OfflineReason.UNREGISTERED)]


def test_strangers_are_refused_three_times_and_then_ignored(registry):
    registry.register()
    assert registry.source() is Source.BOUND
    assert [registry.source(AWAY) for _ in range(5)] == [Source.REFUSE] * 3 + [Source.IGNORE] * 2
    assert registry.source(HOME, "34020000001320000055") is Source.REFUSE
    registry.register(peer=AWAY)
    assert registry.source(AWAY) is Source.BOUND


def test_a_device_is_gone_after_three_missed_beats_and_back_with_the_next(registry):
    registry.register()
    registry.events()
    assert registry.pass_(179.0) == []
    assert registry.pass_(2.0) == [Offline(CODE, OfflineReason.MISSED)]
    assert registry.source() is Source.BOUND
    registry.registrar.kept_alive(CODE, registry.now)
    assert [type(each) for each in registry.events()] == [Online]


def test_anything_from_the_device_counts_as_life(registry):
    registry.register()
    registry.events()
    for _ in range(5):
        registry.now += 100.0
        registry.source()
        assert registry.pass_(0.0) == []


def test_settings_of_the_heartbeat_are_brought_within_bounds(registry):
    registry.register()
    registry.events()
    registry.registrar.configure(CODE, 0, 0)
    assert registry.pass_(170.0) == []
    registry.registrar.configure(CODE, 1, 1)  # means 5 s
    assert registry.pass_(0.0) == [Offline(CODE, OfflineReason.MISSED)]


def test_a_slow_device_does_not_flap(registry):
    registry.register()
    registry.events()
    for _ in range(4):
        registry.now += 170.0
        registry.registrar.kept_alive(CODE, registry.now)
    assert registry.pass_(200.0) == []


def test_an_expired_binding_is_gone_and_only_a_registration_brings_it_back(registry):
    registry.register(expires="60")
    registry.events()
    assert Offline(CODE, OfflineReason.EXPIRED) in registry.pass_(61.0)
    assert registry.source() is Source.REFUSE


@pytest.mark.parametrize("settings", [{}, {"connection_grace_s": 5.0}])  # five seconds by default
def test_a_lost_connection_is_forgiven_for_a_moment(settings):
    registry = Registry(**settings)
    line = Peer("tcp", "192.0.2.7", 40000, 1)
    registry.register(peer=line)
    registry.events()
    registry.registrar.connection_lost(line, registry.now)
    assert registry.pass_(4.0) == []
    assert registry.pass_(1.5)[-1] == Offline(CODE, OfflineReason.CONNECTION_CLOSED)


def test_two_devices_with_one_code_are_noticed(registry):
    for turn in range(6):
        registry.register(peer=(HOME, AWAY)[turn % 2])
    alerts = [each for each in registry.events() if isinstance(each, DuplicateCode)]
    assert len(alerts) == 1
    assert set(alerts[0].peers) == {HOME, AWAY}


def test_a_restart_forgets_nobody(registry):
    registry.register()
    kept = Binding.from_json(registry.registrar.binding(CODE).to_json())
    again = Registry()
    again.registrar.restore([kept], 0.0, WALL)
    assert again.source() is Source.BOUND
    assert [type(each) for each in again.events()] == [Online]
    again.registrar.restore([kept], 0.0, WALL + 4000.0)
    assert again.events() == []


def test_a_redirector_sends_devices_on():
    registry = Registry(redirect=f"sip:{SERVER}@192.0.2.9:5060")
    sent = registry.register()
    assert sent.status == 302
    assert dict(sent.headers)["Contact"] == f"<sip:{SERVER}@192.0.2.9:5060>"
    assert registry.registrar.binding(CODE) is None


def test_secrets_are_not_shown():
    assert PASSWORD not in repr(Account(CODE, PASSWORD))
    assert "common" not in repr(RegistrarSettings(REALM, SERVER, common_password="common"))
