"""Links of documents lead to files and headings that are there."""

import links
import pytest

PAGE = """\
# The page

## What `it` does, and *why* { #why }
## Second: a [link](https://example.org) & more
## Twice
## Twice

```sh
# no heading
[x](nowhere.md)
```

`[x](nowhere.md)`
<a id="here"></a>
"""


@pytest.fixture
def told(tmp_path):
    """What is said of a document with these links, beside `page.md`."""
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "code.py").touch()

    def look(text):
        document = tmp_path / "document.md"
        document.write_text(text)
        return list(links.faults([document, tmp_path / "page.md"], tmp_path))

    return look


@pytest.mark.parametrize(
    "link",
    [
        "page.md",
        "page.md#why",
        "page.md#second-a-link-more",
        "page.md#twice",
        "page.md#twice_1",
        "page.md#here",
    ],
)
def test_what_is_there_is_found(link, told):
    assert (
        told(f"# A title\n\n[one]({link}) [two](#a-title) [three](https://example.org/x#y) [four](code.py)\n")
        == []
    )


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("pages.md", "no such file"),
        ("page.md#what-it-does", "no such heading"),
        ("page.md#no-heading", "no such heading"),
        ("#nothing", "no such heading"),
    ],
)
def test_what_is_not_there_is_told_with_its_document(link, why, told):
    assert told(f"[one]({link})\n") == [f"document.md: {link}: there is {why}"]
