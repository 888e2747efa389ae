"""How long things may take where nobody says otherwise (§14, GB-150, GB-192)."""

from cambus.gb28181.times import Times


def test_times_are_these_unless_they_are_set():
    times = Times()
    assert (times.request_s, times.control_s, times.query_s) == (32.0, 5.0, 10.0)
    assert (times.invite_s, times.first_media_s, times.media_loss_s) == (15.0, 10.0, 10.0)
    assert (times.broadcast_answer_s, times.broadcast_invite_s) == (5.0, 10.0)
    assert times.config_gap_s == 5.0
    assert (times.catalog.first_s, times.catalog.gap_s, times.catalog.late_s) == (30.0, 5.0, 60.0)
    assert (times.records.first_s, times.records.gap_s, times.records.total_s) == (15.0, 5.0, 60.0)
