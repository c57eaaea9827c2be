"""Every metric has a direction, or is never ranked by."""

import pytest

from seqanomaly.errors import DataError
from seqanomaly.metrics.buckets import places
from seqanomaly.ranking import HIGHER_IS_BETTER, LOWER_IS_BETTER, UNBOUNDED, UNRANKED, direction
from seqanomaly.run_config import THIRDS


def test_every_metric_has_a_direction() -> None:
    assert {metric for _, metric in places(THIRDS)} == LOWER_IS_BETTER | HIGHER_IS_BETTER | UNRANKED
    assert LOWER_IS_BETTER.isdisjoint(HIGHER_IS_BETTER)
    assert UNRANKED.isdisjoint(LOWER_IS_BETTER | HIGHER_IS_BETTER)
    assert UNBOUNDED < LOWER_IS_BETTER


def test_a_metric_whose_direction_is_not_known() -> None:
    with pytest.raises(DataError) as caught:
        direction("luck")
    assert str(caught.value) == (
        "metric 'luck': it is not known whether more or less of it is better; name it in LOWER_IS_BETTER or "
        "HIGHER_IS_BETTER of seqanomaly/ranking.py"
    )
