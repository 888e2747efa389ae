"""Files that are read by the process that runs them report what they would have reported."""

import pytest

FILES = {
    "conftest": """
        import os, pytest

        @pytest.fixture(scope="session")
        def server(pytestconfig):
            yield os.urandom(8).hex()

        @pytest.fixture(scope="module", autouse=True)
        def told(request, server):
            with open(os.environ["TOLD"], "a") as file:
                print(server, file=file)
        """,
    "test_good": """
        import pytest

        @pytest.mark.parametrize("number", range(5))
        def test_a_number(number, server): pass

        @pytest.mark.slow
        def test_that_takes_long(): assert False
        """,
    "folder/test_short": "def test_it(): pass",
    "folder/test_that_is_long": """
        import pytest

        @pytest.mark.slow
        def test_that_takes_long(): assert False
        """,
    "test_wrong": "def test_it(): assert 1 == 2",
    "test_unreadable": "import nothing_of_this_name",
    "test_left_out": "import pytest; pytest.skip('not here', allow_module_level=True)",
}


def test_every_test_is_reported_and_what_lives_as_long_as_the_process_does(pytester, tmp_path, monkeypatch):
    told = tmp_path / "told"
    monkeypatch.setenv("TOLD", str(told))
    pytester.makeini("[pytest]\nmarkers = slow\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(**FILES)
    options = [
        "-p",
        "whole_files",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "-n",
        "1",
        "--dist",
        "loadfile",
    ]
    result = pytester.runpytest_inprocess(*options, "-v", "-ra")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=6, skipped=1, failed=1, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "*PASSED test_good.py::test_a_number[[]4[]]*",
            "*PASSED folder/test_short.py::test_it*",
            "*FAILED test_wrong.py::test_it*",
            "E*assert 1 == 2",
            "E*No module named 'nothing_of_this_name'",
            "SKIPPED*not here",
        ]
    )
    files = told.read_text().splitlines()
    assert len(files) == 3
    assert len({*files}) == 1, "one process, one server"
