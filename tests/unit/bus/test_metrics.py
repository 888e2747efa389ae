"""Metrics with closed label sets."""

import pytest

from cambus.bus.metrics import Metrics


def test_a_label_outside_its_set_is_counted_as_other():
    metrics = Metrics()
    family = metrics.counter("things_total", "Things", {"kind": ("a", "b")})
    family("a").inc()
    for number in range(1000):
        family(f"device-{number}").inc()
    text = metrics.render().decode()
    assert 'cambus_things_total{kind="a"} 1.0' in text
    assert 'cambus_things_total{kind="other"} 1000.0' in text
    assert "device-" not in text
    assert len(family._series) == 2  # values outside are not remembered either


def test_asking_again_gives_the_same_metric():
    metrics = Metrics()
    metrics.counter("x_total", "X")().inc()
    metrics.counter("x_total", "X")().inc()
    assert b"cambus_x_total 2.0" in metrics.render()


def test_registries_are_apart():
    one, two = Metrics("one"), Metrics("two")
    one.gauge("level", "Level")().set(1)
    assert b"cambus_level" not in two.render()


def test_the_number_of_labels_is_checked():
    family = Metrics().counter("x_total", "X", {"a": ("1",)})
    with pytest.raises(ValueError, match="1 labels"):
        family("1", "2")


def test_the_build_is_named():
    assert b'cambus_build_info{service="demo",version="1.2"} 1.0' in Metrics("demo", "1.2").render()


def test_histograms_have_buckets():
    metrics = Metrics()
    metrics.histogram("took_seconds", "Took", buckets=(0.1, 1.0))().observe(0.5)
    assert b'cambus_took_seconds_bucket{le="1.0"} 1.0' in metrics.render()


def test_what_has_few_series_begins_at_nothing():
    metrics = Metrics()
    metrics.counter("x_total", "X", {"what": ("a", "b")})
    metrics.counter("y_total", "Y", {"what": map(str, range(1000))})
    metrics.gauge("z", "Z", {"what": ("a",)})
    metrics.gauge("unknown", "U", {"what": ("a",)}, at_zero=False)
    text = metrics.render().decode()
    assert 'cambus_z{what="a"} 0.0' in text
    assert "cambus_unknown{" not in text
    assert 'cambus_x_total{what="a"} 0.0\ncambus_x_total{what="b"} 0.0' in text
    assert "cambus_y_total{" not in text


def test_what_is_measured_is_told():
    metrics = Metrics("demo", "1")
    metrics.counter("x", "X", {"what": iter(["a", "b"])})
    metrics.histogram("took_seconds", "Took")
    build, histogram, counter = metrics.declared
    assert (counter.name, counter.kind, counter.labels) == ("cambus_x_total", "counter", {"what": ("a", "b")})
    assert histogram.series == (
        "cambus_took_seconds_bucket",
        "cambus_took_seconds_sum",
        "cambus_took_seconds_count",
    )
    assert (build.name, build.documentation) == ("cambus_build_info", "The running service")
