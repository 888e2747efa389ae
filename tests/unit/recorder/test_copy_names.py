import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.recorder.copy_names import FIELDS, CopyNames, beside
from cambus.recorder.extent import Extent
from cambus.recorder.index import Segment
from cambus.recorder.layout import SegmentName, StreamKey
from cambus.schemas.spans import RecordingTrigger

ID = "01KGE4ZJ3E8Q6W7D1M0B5P9T4C"
START_US = 1_770_000_000_123_456


def segment(device: str = "gate-1", stream: str = "main") -> Segment:
    name = SegmentName(StreamKey(device, 3, stream), ID, START_US, RecordingTrigger.ALARM)
    return Segment(name, START_US + 4_000_000, Extent(1, 4_000_000, "h264", 1, 1, None), open=False)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{device}_{channel}_{start}.{ext}", "gate-1_3_20260202T024000.123456Z.ts"),
        ("a/{year}/{month}/{day}/{hour}/{id}.{ext}", f"a/2026/02/02/02/{ID}.ts"),
        (
            "{replica}/{date}/{stream}-{trigger}-{end}-{id}.{ext}",
            f"r-0/20260202/main-alarm-20260202T024004.123456Z-{ID}.ts",
        ),
    ],
)
def test_a_template_is_filled(template: str, name: str) -> None:
    assert CopyNames(template).name(segment(), "r-0", "ts") == name


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{id}",
        "{id}.mp4",
        "{device}_{start}.{ext}",
        "{channel}_{start}.{ext}",
        "{id}{password}.{ext}",
        "{id!r}.{ext}",
        "{id:>9}.{ext}",
        "{id.name}.{ext}",
        "{}{id}.{ext}",
        "{id.{ext}",
        "{id}}.{ext}",
        "/{id}.{ext}",
        "a//{id}.{ext}",
        "../{id}.{ext}",
        "a/./{id}.{ext}",
        ".../{id}.{ext}",
        "a b/{id}.{ext}",
        "a\\{id}.{ext}",
        "ä{id}.{ext}",
        "a%2f{id}.{ext}",
        "{id}\n.{ext}",
        "x" * 600 + "{id}.{ext}",
        "{id}.{ext}\n",
    ],
)
def test_a_template_that_could_mean_anything_else_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        CopyNames(template)


@pytest.mark.parametrize("device", ["..", "a/b", "../../etc", "a\\b", "", "a b", "a\0", "a%2fb"])
def test_what_is_no_token_never_becomes_part_of_a_name(device: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of a name"):
        CopyNames("{device}/{channel}/{start}.{ext}").name(segment(device), "r-0", "mp4")
    with pytest.raises(ValueError, match="cannot be part of a name"):
        CopyNames("{id}.{ext}").name(segment(stream=device), "r-0", "mp4")


@given(
    st.lists(
        st.sampled_from([*sorted(f"{{{each}}}" for each in FIELDS), "/", ".", "..", "-", "a", "%", "{", "}"]),
        max_size=8,
    )
)
def test_a_name_has_as_many_parts_as_its_template(pieces: list[str]) -> None:
    template = "".join(pieces) + "-{id}.{ext}"
    try:
        names = CopyNames(template)
    except ValueError:
        return
    name = names.name(segment(), "r-0", "mp4")
    assert name.count("/") == template.count("/")
    assert not name.startswith("/")
    assert all(part.strip(".") for part in name.split("/"))


def test_another_name_stays_in_the_same_folder() -> None:
    assert beside("a/b.c/gate.mp4", segment()) == f"a/b.c/gate-{ID}.mp4"
