"""A registrar without sockets, and devices that speak to it."""

from cambus.gb28181.accounts import Account
from cambus.gb28181.registrar import Registrar, RegistrarSettings
from cambus.sip.digest import Challenge, answer
from cambus.sip.message import Request
from cambus.sip.nonces import NonceBook
from cambus.sip.peer import Peer

CODE = "34020000001320000001"
SERVER = "34020000002000000001"
REALM = "3402000000"
PASSWORD = "right horse"
HOME, AWAY = Peer("udp", "192.0.2.7", 5060), Peer("udp", "192.0.2.8", 5060)
KEY = b"a key of 16 byte"
WALL = 1_700_000_000.0


class Accounts:
    def __init__(self, *accounts):
        self.accounts = {each.code: each for each in accounts}

    def account(self, code):
        return self.accounts.get(code)


class Registry:
    """A registrar, and a device that speaks to it."""

    def __init__(self, *accounts, **settings):
        self.now = 0.0
        self.registrar = Registrar(
            RegistrarSettings(REALM, SERVER, **settings),
            Accounts(*(accounts or (Account(CODE, PASSWORD),))),
            NonceBook(KEY),
        )

    def request(self, code=CODE, *, expires="3600", authorization=None, **headers):
        request = Request(method="REGISTER", uri=f"sip:{SERVER}@{REALM}")
        request.headers.add("From", f"<sip:{headers.pop('from_code', code)}@{REALM}>;tag=1")
        request.headers.add("To", f"<sip:{code}@{REALM}>")
        request.headers.add("Call-ID", "one")
        request.headers.add("CSeq", "1 REGISTER")
        request.headers.add("Contact", headers.pop("contact", f"<sip:{code}@192.0.2.7:5060>"))
        if expires is not None:
            request.headers.add("Expires", expires)
        for name, value in headers.items():
            request.headers.add(name.replace("_", "-"), value)
        if authorization is not None:
            request.headers.add("Authorization", str(authorization))
        return request

    def put(self, request, peer=HOME):
        return self.registrar.register(request, peer, self.now, WALL + self.now)

    def challenge(self, code=CODE, peer=HOME):
        first = self.put(self.request(code), peer)
        assert first.status == 401, first
        return Challenge.parse(dict(first.headers)["WWW-Authenticate"])

    def register(self, code=CODE, password=PASSWORD, peer=HOME, **options):
        given = answer(self.challenge(code, peer), code, password, "REGISTER", "sip:any@where")
        return self.put(self.request(code, authorization=given, **options), peer)

    def pass_(self, seconds):
        self.now += seconds
        self.registrar.tick(self.now, WALL + self.now)
        return self.events()

    def events(self):
        return self.registrar.events_received()

    def source(self, peer=HOME, code=CODE):
        return self.registrar.source(code, peer, self.now, WALL + self.now)
