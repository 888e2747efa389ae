"""The claim table against a model that ticks second by second and is too simple to be wrong."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cambus.connector.claims import ClaimTable

LINGER_S = 10
WHO = st.sampled_from(["a", "b", "c"])
TTL = st.integers(5, 40)


class Claims(RuleBasedStateMachine):
    """The model: seconds left of each claim, and seconds left of the linger."""

    def __init__(self):
        super().__init__()
        self.table = ClaimTable(linger_s=LINGER_S)
        self.now = 0
        self.left = {}
        self.linger = 0

    @rule(seconds=st.integers(0, 60))
    def wait(self, seconds):
        for _ in range(seconds):
            self.now += 1
            self.linger = max(self.linger - 1, 0)
            had_claims = bool(self.left)
            self.left = {who: left - 1 for who, left in self.left.items() if left > 1}
            if had_claims and not self.left:
                self.linger = LINGER_S

    @rule(who=WHO, ttl_s=TTL)
    def claim(self, who, ttl_s):
        wanted = bool(self.left) or self.linger > 0
        assert self.table.claim(who, ttl_s, self.now) is (not wanted)
        self.left[who] = ttl_s
        self.linger = 0

    @rule(who=WHO, ttl_s=TTL)
    def touch(self, who, ttl_s):
        assert self.table.touch(who, ttl_s, self.now) is (who in self.left)
        if who in self.left:
            self.left[who] = ttl_s

    @rule(who=WHO)
    def release(self, who):
        held = self.left.pop(who, None) is not None
        assert self.table.release(who, self.now) is held
        if held and not self.left:
            self.linger = LINGER_S

    @invariant()
    def agrees_with_the_model(self):
        assert self.table.wanted(self.now) is (bool(self.left) or self.linger > 0)
        assert set(self.table.claimants) == set(self.left)

        timeout = self.table.next_timeout()
        if self.left:
            assert timeout == self.now + min(self.left.values())
        elif self.linger:
            assert timeout == self.now + self.linger


TestClaims = Claims.TestCase
