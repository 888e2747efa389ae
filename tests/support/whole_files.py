"""Collects the tests of a file in the process that runs them, once it gets there: `-p whole_files`, with xdist.

Each of xdist's workers collects every test of a run, and runs an eighth of them: seven seconds of a processor each.
Here it is handed files instead, one item for each, and whoever runs that item collects the file and runs its tests.
They are reported one by one, like the file that can not be imported, as ever. `-m` is asked about each test,
`-k` about files alone. Without workers nothing is different.
"""

import pytest


class WholeFile(pytest.Item):
    """What stands for the tests of a file until they are run."""

    def runtest(self) -> None:
        """It is no test itself."""
        raise NotImplementedError

    def run(self, nextitem: pytest.Item | None) -> None:
        """Collect the tests and run them, each in the place of the file: xdist reports on what stands there."""
        session = self.session
        module = pytest.Module.from_parent(self.parent.parent, path=self.path)
        tests = list(session.genitems(module))
        session._collection_cache.clear()  # it would keep them
        self.config.hook.pytest_collection_modifyitems(session=session, config=self.config, items=tests)
        if not tests:  # nothing that would end what earlier files of this folder have begun
            session._setupstate.teardown_exact(nextitem)
        place = session.items.index(self)
        for test, following in zip(tests, [*tests, nextitem][1:], strict=True):
            session.items[place] = test
            self.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
            if session.shouldfail or session.shouldstop:
                break
        session.items[place] = self


class UnreadFile(pytest.File):
    """A file of tests nobody has looked into."""

    def collect(self) -> list[WholeFile]:
        """One item for all of its tests, each of which has a time-out of its own."""
        tests = WholeFile.from_parent(self, name="tests")
        tests.add_marker(pytest.mark.timeout(0))
        return [tests]


class Worker:
    """What is different in the processes that run tests."""

    def pytest_pycollect_makemodule(self, module_path, parent) -> UnreadFile:
        """Look into no file."""
        return UnreadFile.from_parent(parent, path=module_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the tests of a file."""
        if not isinstance(item, WholeFile):
            return None
        item.run(nextitem)
        return True


class Controller:
    """What is different in the process that hears of all tests: how many there will be is a guess."""

    def __init__(self) -> None:
        self.session: pytest.Session | None = None
        self._files = 0
        self._begun: set[str] = set()
        self._tests: set[str] = set()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep what is asked how far the run is."""
        self.session = session

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn how many files there are."""
        self._files = len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Guess from the files that were begun."""
        self._begun.add(nodeid.partition("::")[0])
        self._tests.add(nodeid)
        self.session.testscollected = len(self._tests) * self._files // len(self._begun)


def pytest_configure(config: pytest.Config) -> None:
    """Take part in the processes of xdist."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(), "whole-files")
    elif getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(Controller(), "whole-files")
