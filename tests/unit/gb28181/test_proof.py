"""What proves a device, and what does not, and what strangers see of it (§3.2, GB-030 to GB-038, GB-058)."""

from dataclasses import replace

import pytest
from gb28181_registry import AWAY, CODE, HOME, PASSWORD, REALM, SERVER, Registry

from cambus.gb28181 import registrar as registrars
from cambus.gb28181.accounts import Account, Enrolment
from cambus.gb28181.registrar import Bound, Denied, Online
from cambus.gb28181.versions import Version
from cambus.sip import digest
from cambus.sip.digest import Algorithm, Challenge, Credentials, answer

OTHER = "34020000001320000099"
ALL = (Algorithm.MD5, Algorithm.SM3, Algorithm.SHA256)


@pytest.fixture
def registry():
    return Registry()


def test_the_challenge_in_every_detail(registry):
    ((name, value),) = registry.put(registry.request()).headers
    nonce = registry.challenge().nonce
    assert name == "WWW-Authenticate"
    head, _, rest = value.partition("nonce=")
    assert head == f'Digest realm="{REALM}", '
    assert rest.partition(", ")[2] == 'algorithm=MD5, qop="auth"'
    assert len(nonce) >= 32


@pytest.mark.parametrize("with_qop", [True, False])
@pytest.mark.parametrize("quotes", [True, False])
def test_a_proof_may_be_written_with_and_without_quotes_and_name_any_uri(registry, with_qop, quotes):
    given = answer(
        registry.challenge(), CODE, PASSWORD, "REGISTER", "sip:elsewhere@192.0.2.99:7", with_qop=with_qop
    )
    text = str(given) if quotes else str(given).replace('"', "")
    assert registry.put(registry.request(authorization=text)).status == 200


def test_a_proof_for_another_realm_is_none(registry):
    issued = registry.challenge()
    given = answer(replace(issued, realm="4403000000"), CODE, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 403


def test_a_proof_with_another_uri_than_it_was_made_for_is_none(registry):
    given = answer(registry.challenge(), CODE, PASSWORD, "REGISTER", "sip:one@x")
    assert (
        registry.put(registry.request(authorization=str(given).replace("sip:one@x", "sip:two@x"))).status
        == 403
    )


@pytest.mark.parametrize("with_qop", [True, False])
def test_a_proof_that_was_seen_before_changes_neither_address_nor_expiry(registry, with_qop):
    given = answer(registry.challenge(), CODE, PASSWORD, "REGISTER", "sip:x", with_qop=with_qop)
    assert registry.put(registry.request(authorization=given)).status == 200
    before = registry.registrar.binding(CODE)
    registry.events()
    for peer in (HOME, AWAY):
        registry.now += 1.0
        again = registry.put(registry.request(authorization=given, expires="7200"), peer)
        assert again.status == 401
        assert Challenge.parse(dict(again.headers)["WWW-Authenticate"]).stale
    assert registry.put(registry.request(authorization=given, expires="0")).status == 401
    assert registry.registrar.binding(CODE) == before
    assert registry.events() == []


def test_the_call_id_of_an_earlier_success_proves_nothing(registry):
    assert registry.register().status == 200
    assert registry.put(registry.request(Call_ID="one")).status == 401


@pytest.mark.parametrize("nonce", ["1715926053", "", "0" * 64])
def test_a_nonce_that_is_not_ours_is_challenged_anew_whatever_it_proves(registry, nonce):
    given = answer(Challenge(REALM, nonce), CODE, PASSWORD, "REGISTER", "sip:x")
    again = registry.put(registry.request(authorization=given))
    assert again.status == 401
    assert not Challenge.parse(dict(again.headers)["WWW-Authenticate"]).stale
    assert registry.events() == []


def test_a_nonce_of_one_device_is_no_good_for_another():
    registry = Registry(Account(CODE, PASSWORD), Account(OTHER, PASSWORD))
    given = answer(registry.challenge(OTHER), CODE, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 401


@pytest.mark.parametrize("name", [OTHER, "admin", ""])
def test_a_proof_under_another_name_is_none(registry, name):
    given = answer(registry.challenge(), name, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 403


def test_a_device_may_have_another_name_for_its_proof():
    registry = Registry(Account(CODE, PASSWORD, username="admin"))
    given = answer(registry.challenge(), "admin", PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 200


@pytest.mark.parametrize("code", ["3402000000132000001", "340200000013200000011", "3402000000132000000x", ""])
def test_what_is_no_code_is_refused_at_once(registry, code):
    assert registry.put(registry.request(code)).status == 403


def refusals(monkeypatch):
    """What a stranger sees, and what is computed, for each way to be refused."""
    hashed = []
    real_hash, real_matches = registrars.secret_hash, Credentials.matches
    monkeypatch.setattr(
        registrars, "secret_hash", lambda *given: (hashed.append("secret"), real_hash(*given))[1]
    )
    monkeypatch.setattr(
        Credentials, "matches", lambda self, *given: (hashed.append("answer"), real_matches(self, *given))[1]
    )
    ways = {
        "unknown": (Registry(Account(OTHER, PASSWORD)), {}),
        "wrong": (Registry(), {"password": "wrong"}),
        "another name": (Registry(), {"name": "admin"}),
        "disabled": (Registry(Account(CODE, PASSWORD, enabled=False)), {}),
        "closed": (Registry(Account(CODE, "")), {"password": ""}),
        "enrolled, wrong": (Registry(Account(OTHER, "x"), enrolment=Enrolment.AUTO, common_password="c"), {}),
        "pending, wrong": (
            Registry(Account(OTHER, "x"), enrolment=Enrolment.PENDING, common_password="c"),
            {},
        ),
    }
    for name, (registry, options) in ways.items():
        first = registry.put(registry.request())
        given = answer(
            registry.challenge(),
            options.get("name", CODE),
            options.get("password", PASSWORD),
            "REGISTER",
            "u",
        )
        hashed.clear()
        refused = registry.put(registry.request(authorization=given))
        names = [header for header, _ in first.headers]
        yield name, first.status, names, refused, tuple(hashed), registry


def test_every_way_to_be_refused_looks_alike_and_costs_the_same(monkeypatch):
    seen = list(refusals(monkeypatch))
    assert {(status, tuple(names)) for _, status, names, *_ in seen} == {(401, ("WWW-Authenticate",))}
    assert {(refused.status, refused.headers) for *_, refused, _, _ in seen} == {(403, ())}
    assert {computed for *_, computed, _ in seen} == {("secret", "answer")}
    for *_, registry in seen:
        assert registry.registrar.binding(CODE) is None


def test_it_is_told_inside_who_was_refused_and_why(monkeypatch):
    told = {}
    for name, *_, registry in refusals(monkeypatch):
        (denied,) = [each for each in registry.events() if isinstance(each, Denied)]
        told[name] = denied.reason
    assert told == {
        "unknown": "unknown",
        "wrong": "wrong-password",
        "another name": "wrong-password",
        "disabled": "disabled",
        "closed": "wrong-password",
        "enrolled, wrong": "unknown",
        "pending, wrong": "unknown",
    }


def test_four_failures_hold_nobody_off_and_a_success_forgets_them(registry):
    for _ in range(3):
        for _ in range(4):
            assert registry.register(password="wrong").status == 403
        assert registry.register().status == 200


def test_failures_count_for_five_minutes(registry):
    for _ in range(10):
        assert registry.register(password="wrong").status == 403
        assert registry.put(registry.request()).status == 401  # looked at, not held off
        registry.now += 76.0


def test_who_is_held_off_is_refused_without_looking_for_a_minute_and_only_there(registry, monkeypatch):
    challenge = registry.challenge(peer=AWAY)
    for _ in range(5):
        registry.register(password="wrong", peer=AWAY)
    given = answer(challenge, CODE, PASSWORD, "REGISTER", "sip:x")
    with monkeypatch.context() as patched:
        patched.setattr(registrars, "secret_hash", None)
        assert registry.put(registry.request(authorization=given), AWAY).status == 403
    assert registry.register(peer=HOME).status == 200
    registry.now += 59.0
    assert registry.put(registry.request(), AWAY).status == 403
    registry.now += 1.5
    assert registry.register(peer=AWAY).status == 200


@pytest.mark.parametrize("algorithm", [each for each in ALL if each.available])
def test_every_algorithm_that_is_offered_proves_and_md5_alone_still_does(algorithm):
    registry = Registry(Account(CODE, PASSWORD, algorithms=ALL))
    offered = [Challenge.parse(value) for _, value in registry.put(registry.request()).headers]
    assert [each.algorithm for each in offered] == [each for each in ALL if each.available]
    (chosen,) = [each for each in offered if each.algorithm is algorithm]
    given = answer(chosen, CODE, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 200
    old = answer(
        Challenge(REALM, chosen.nonce, Algorithm.MD5, ("auth",)), CODE, PASSWORD, "REGISTER", "sip:x", nc=2
    )
    assert registry.put(registry.request(authorization=old)).status == 200


def test_an_algorithm_that_is_not_offered_proves_nothing(registry):
    challenge = registry.challenge()
    given = answer(Challenge(REALM, challenge.nonce, Algorithm.SHA256), CODE, PASSWORD, "REGISTER", "sip:x")
    assert registry.put(registry.request(authorization=given)).status == 403


def test_the_worked_values_open_a_registrar(monkeypatch):
    """Every value of the worked example, through the registrar: the nonce is made to be the one of the example."""
    code, password = "34020000001320000002", "12345678"
    nonce, uri = "44010b73623249f6916a6acf7c316b8e", "sip:34020000002000000001@3402000000"
    expected = {
        Algorithm.MD5: "1e2f66de4337039661a39b6608f4c0ec",
        Algorithm.SM3: "52c64daeda30398daad7e0cde089406543e049e51d3d40485c57d671ff8d22f0",
        Algorithm.SHA256: "a6e71718e96a1a6ad3c1c0a707d9e10541402f18056a75ff374092bd47add0f7",
    }
    for algorithm, response in expected.items():
        if not algorithm.available:
            continue
        registry = Registry(Account(code, password, algorithms=ALL))
        monkeypatch.setattr(registry.registrar._nonces, "check", lambda *_: registrars.NonceState.GOOD)
        monkeypatch.setattr(registry.registrar._nonces, "use", lambda *_: True)
        given = (
            f'Digest username="{code}",realm="{REALM}",nonce="{nonce}",uri="{uri}",response="{response}",'
            f'algorithm={algorithm.value},qop=auth,nc=00000001,cnonce="0a4f113b"'
        )
        assert registry.put(registry.request(code, authorization=given)).status == 200
        assert registry.put(registry.request(code, authorization=given.replace("0a4f", "0a4e"))).status == 403
    no_qop = (
        f'Digest username="{code}",realm="{REALM}",nonce="{nonce}",uri="{uri}",'
        'response="9047313a9e17f6f5ee57359a9d89994d"'
    )
    registry = Registry(Account(code, password))
    monkeypatch.setattr(registry.registrar._nonces, "check", lambda *_: registrars.NonceState.GOOD)
    monkeypatch.setattr(registry.registrar._nonces, "use", lambda *_: True)
    assert registry.put(registry.request(code, authorization=no_qop)).status == 200
    assert digest.Algorithm.MD5.available


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize("name", ["X_GB_Ver", "x_gb_ver", "X_Gb_VER"])
def test_the_edition_is_told_to_whoever_tells_its_own(status, name):
    registry = Registry()
    if status == 401:
        answered = registry.put(registry.request(**{name: "3.0"}))
    else:
        answered = registry.register(password=PASSWORD if status == 200 else "wrong", **{name: "3.0"})
    assert answered.status == status
    assert dict(answered.headers)["X-GB-Ver"] == "3.0"


def test_a_setting_counts_more_than_what_a_device_announces():
    registry = Registry(Account(CODE, PASSWORD, version=Version.GB2016, charset="UTF-8"))
    registry.register(X_GB_Ver="3.0")
    binding = registry.registrar.binding(CODE)
    assert (binding.version, binding.charset) == (Version.GB2016, "UTF-8")


@pytest.mark.parametrize(
    ("announced", "version"), [(None, "2.0"), ("gibberish", "2.0"), ("4.0", "3.0"), ("1.1", "1.1")]
)
def test_what_a_device_announces_is_kept_with_its_registration(registry, announced, version):
    registry.register(**({"X_GB_Ver": announced} if announced is not None else {}))
    assert registry.registrar.binding(CODE).version is Version(version)


def test_a_redirector_proves_first_and_then_says_where_and_for_how_long():
    registry = Registry(redirect=f"sip:{SERVER}@192.0.2.9:5060")
    assert registry.register(password="wrong").status == 403
    sent = registry.register(expires="7200")
    assert (sent.status, dict(sent.headers)["Expires"]) == (302, "7200")
    assert not [each for each in registry.events() if isinstance(each, Bound | Online)]
