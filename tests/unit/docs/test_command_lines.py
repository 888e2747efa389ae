"""Every line of every block that is to be typed can be: programs are asked what they take, and nothing is run."""

import pytest
from command_lines import NOT_OURS, NotTypeable, calls, check
from documented import DOCUMENTS, ROOT, block_lines
from who_types import BY_NOBODY, ELSEWHERE, who_types

PAGES = [page for page in DOCUMENTS if block_lines(page)]
HERE = ROOT / "README.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_says_to_type_can_be_typed(page):
    for line in block_lines(page):
        for call in calls(line):
            try:
                check(call, page)
            except NotTypeable as error:
                pytest.fail(f"{line}\n{error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_test_types_each_line_or_it_is_said_why_none_does(page):
    for line in block_lines(page):
        who = who_types(page, line)
        assert who, f"who types {line}"
        assert not who.startswith("tests/") or (ROOT / who).is_file(), who


def test_every_entry_of_who_types_is_for_a_line():
    lines = [(str(page.relative_to(ROOT)), line) for page in PAGES for line in block_lines(page)]
    for of, begins, who in (*ELSEWHERE, *BY_NOBODY):
        assert any(of in {"", name} and line.startswith(begins) for name, line in lines), (of, begins, who)


def test_no_program_is_excused_that_no_page_calls():
    called = {call.program for page in PAGES for line in block_lines(page) for call in calls(line)}
    assert set(NOT_OURS) <= called


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("cambusctl devises", "there is no devises"),
        ("cambusctl ptz move gate", "channel: "),
        ("cambusctl ptz move gate 0 --pam 0.5", "--pam"),
        ("cambusctl ptz move gate first --pan 0.5", "channel"),
        ("cambusctl call gate ptz.move '{\"pan\": 0.5}'", "channel"),
        ("cambusctl recordings policy put everything", "there is no put"),
        ("cambus-sim dvrip --uzer admin", "--uzer"),
        ("cambus-recorder --config x", "takes no --config"),
        ("cambus-recorder verify --all", "takes no"),
        ("make imgaes", "no target imgaes"),
        ("make images SORT=all", "reads no SORT"),
        ("CAMBUS_HTTPS_PORT=1 make run", "nobody reads CAMBUS_HTTPS_PORT"),
        ("kubectl apply -k k8s/overlays/production", "nothing to render"),
        ("k8s/secrets.py ~/x | kubectl apply -f -", "no program of ours"),
        ("docker compose -f docker/compose.yml up -d", "there is no docker/compose.yml"),
        ("docker compose --profile demo up -d", "no profile demo"),
        ("nats req cambus.v1.cmd.gate.ptz.jump '{}'", "nobody answers"),
        ("nats req cambus.v1.cmd.gate.ptz.move '{\"pam\": 1}'", "has no pam"),
        ("pip install 'cambus-client[vault]'", "no package"),
        ("python nothing.py", "nobody has written"),
        ("helm install cambus", "nobody here knows helm"),
    ],
)
def test_a_line_that_cannot_be_typed_is_noticed(line, says):
    with pytest.raises(NotTypeable, match=says):
        check_all(line)


def check_all(line):
    for call in calls(line):
        check(call, HERE)
