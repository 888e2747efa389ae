import pytest
import typer

from cambus.simulators.gb28181.command import read_address


def test_a_name_is_looked_up() -> None:
    assert read_address("localhost:5060") == ("127.0.0.1", 5060)


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.0.2.5:5060", ("192.0.2.5", 5060)), ("[2001:db8::5]:5070", ("2001:db8::5", 5070))],
)
def test_an_address_stays_what_it_is(text: str, address: tuple[str, int]) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize("text", ["192.0.2.5", ":5060", "192.0.2.5:0", "192.0.2.5:sip", "no such host:5060"])
def test_what_leads_nowhere_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--server"):
        read_address(text)
