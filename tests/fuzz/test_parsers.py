"""Everything that reads the bytes of a stranger, with inputs made by chance: what breaks is told in hex.

``make fuzz FUZZ_MINUTES=30`` runs all targets for so long in all, with a seed it prints; FUZZ_SEED takes one of one's
own. ``make fuzz FUZZ_TARGET=body FUZZ_HEX=7b7d`` tries one input on one target.
"""

import os

import fuzz_targets_bodies
import fuzz_targets_connector
import fuzz_targets_dvrip
import fuzz_targets_media
import fuzz_targets_publishers
import fuzz_targets_rtsp_client
import fuzz_targets_sessions
import pytest
from fuzzing import Broken, Campaign, Target

MODULES = (
    fuzz_targets_bodies,
    fuzz_targets_dvrip,
    fuzz_targets_sessions,
    fuzz_targets_media,
    fuzz_targets_connector,
    fuzz_targets_rtsp_client,
    fuzz_targets_publishers,
)
TARGETS = {target.name: target for module in MODULES for target in module.TARGETS}
SEED = int(os.environ.get("FUZZ_SEED", "1"))
MINUTES = float(os.environ.get("FUZZ_MINUTES", "30"))
ONLY = os.environ.get("FUZZ_TARGET", "")
HEX = os.environ.get("FUZZ_HEX")
INPUTS = 250
LONGEST_S = 1.0

wanted = pytest.mark.parametrize("name", [name for name in TARGETS if ONLY in {"", name}])


@wanted
def test_some_hundred_inputs(name):
    campaign = Campaign(TARGETS[name], seed=1)
    campaign.run(inputs=INPUTS)
    assert campaign.tried == INPUTS
    assert campaign.outcomes > 1


@pytest.mark.slow
@pytest.mark.timeout(0)
@wanted
def test_many_minutes(name):
    if HEX is not None:
        TARGETS[name].run(bytes.fromhex(HEX))
        return
    campaign = Campaign(TARGETS[name], SEED, longest_s=LONGEST_S)
    campaign.run(seconds=MINUTES * 60 / (1 if ONLY else len(TARGETS)))
    print(f"{name}: {campaign.tried} inputs, {campaign.outcomes} outcomes")


def falls_over(data: bytes) -> int:
    return 1 // (data.count(b"!") - 3)


BRITTLE = Target("brittle", falls_over, (b"a!b", b"!"), tokens=(b"!",))


def test_what_breaks_is_found_made_short_and_told_in_hex():
    with pytest.raises(Broken, match=r"FUZZ_TARGET=brittle FUZZ_HEX=212121$") as found:
        Campaign(BRITTLE, 5).run(inputs=10_000)
    assert isinstance(found.value.__cause__, ZeroDivisionError)


def test_a_seed_makes_the_same_inputs_again():
    tried = []
    target = Target("recorded", lambda data: tried.append(data) or len(data), (b"abc", b"xyz"))
    for seed in (1, 1, 2):
        Campaign(target, seed).run(inputs=200)
    assert tried[:200] == tried[200:400] != tried[400:]


def test_an_input_that_takes_too_long_is_told():
    target = Target("slow", lambda data: sum(range(10_000_000)), (b"x",))
    with pytest.raises(Broken, match="took"):
        Campaign(target, 1, longest_s=0.001).run(inputs=1)


def test_an_error_a_target_may_raise_is_an_outcome():
    campaign = Campaign(Target("picky", lambda data: int(data, 10), (b"1",), (ValueError,)), 1)
    campaign.run(inputs=300)
    assert campaign.outcomes > 5
