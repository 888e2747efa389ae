"""What an expression asks for."""

import pytest
from promql import NotPromQl, asked_for


def metrics(expression):
    return [each.metric for each in asked_for(expression).selectors]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("up", ["up"]),
        ('sum by (a) (rate(x_total{b=~"c"}[5m])) / on (a) y', ["x_total", "y"]),
        ("max_over_time(sum(x)[30m:1m]) > 0.2 and y offset 15m", ["x", "y"]),
        ("histogram_quantile(0.95, sum(rate(x_bucket[$__rate_interval])) by (le))", ["x_bucket"]),
        ("count(x == 0) or vector(0)", ["x"]),
        ("topk(10, x) unless y > 1e3", ["x", "y"]),
    ],
)
def test_metrics_are_found(expression, expected):
    assert metrics(expression) == expected


def test_matchers_and_groupings_are_told():
    asked = asked_for('sum by (a, le) (x{b="1", c!~"2|3"}) / on (d) sum(y) by (e)')
    assert asked.selectors[0].matchers == [("b", "=", "1"), ("c", "!~", "2|3")]
    told = [(label, [each.metric for each in about]) for label, about in asked.groupings]
    assert told == [("a", ["x"]), ("le", ["x"]), ("d", ["x"]), ("e", ["y"])]


@pytest.mark.parametrize("expression", ["sum(x", "x)", 'x{a="1', "x{a+1}", "§"])
def test_what_is_none_is_refused(expression):
    with pytest.raises(NotPromQl):
        asked_for(expression)
