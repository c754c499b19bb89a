"""The checkers, proven by planted bugs: one that does not catch its mutant is no checker."""

from dataclasses import replace

import pytest

from tests.checkers import Told, Written, events_verdict

TRUTH = [Written(f"w{number}") for number in range(9)]
STORED = [Told(look=1 + number // 3, word=f"w{number}") for number in range(9)]


def test_what_is_stored_once_each_is_good():
    verdict = events_verdict(TRUTH, STORED)
    assert (verdict.good, verdict.excused, verdict.needless) == (True, 0, 0)


def test_the_order_in_which_events_are_stored_does_not_matter():
    assert events_verdict(TRUTH, reversed(STORED)).good


def test_planted_a_record_is_passed_over():
    assert events_verdict(TRUTH, STORED[:4] + STORED[5:]).lost == ("w4",)


def test_planted_a_record_is_stored_again():
    assert events_verdict(TRUTH, [*STORED, replace(STORED[2], look=9)]).duplicated == ("w2",)


def test_planted_a_record_nobody_wrote():
    assert events_verdict(TRUTH, [*STORED, Told(look=2, word="w99")]).invented == ("w99",)


def test_planted_a_gap_that_is_not_told():
    gone = [replace(TRUTH[4], gone_at=2) if record.word == "w4" else record for record in TRUTH]
    assert events_verdict(gone, STORED[:4] + STORED[5:]).lost == ("w4",)


def test_a_gap_told_at_the_look_that_came_too_late_excuses():
    gone = [replace(TRUTH[4], gone_at=2) if record.word == "w4" else record for record in TRUTH]
    verdict = events_verdict(gone, [*STORED[:4], *STORED[5:], Told(look=2, gap=True)])
    assert (verdict.good, verdict.excused, verdict.needless) == (True, 1, 0)


@pytest.mark.parametrize("look", [1, 4])
def test_planted_a_gap_told_elsewhere_excuses_nothing(look):
    gone = [replace(TRUTH[4], gone_at=2) if record.word == "w4" else record for record in TRUTH]
    verdict = events_verdict(gone, [*STORED[:4], *STORED[5:], Told(look=look, gap=True)])
    assert (verdict.lost, verdict.needless) == (("w4",), 1)


def test_planted_a_gap_is_told_of_a_record_the_device_still_holds():
    verdict = events_verdict(TRUTH, [*STORED[:4], *STORED[5:], Told(look=2, gap=True)])
    assert verdict.lost == ("w4",)


def test_a_gap_may_be_late_while_pages_fail_and_no_later():
    gone = [replace(TRUTH[4], gone_at=2) if record.word == "w4" else record for record in TRUTH]
    stored = [*STORED[:4], *STORED[5:], Told(look=5, gap=True)]
    assert events_verdict(gone, stored, patience=3).good
    assert not events_verdict(gone, stored, patience=2).good


def test_what_was_gone_before_the_first_look_was_never_promised():
    truth = [Written("w0", gone_at=1, promised=False), *TRUTH[1:]]
    assert events_verdict(truth, STORED[1:]).good
    assert events_verdict(truth, STORED).good
