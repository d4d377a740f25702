# SPDX-License-Identifier: Apache-2.0
"""The bodies of the section *mappers* are right."""

import pytest

from benchmarks.errors import WrongOutput
from benchmarks.mappers import MapperJob, jobs, measure

NOW = 1_795_262_400_123


@pytest.mark.parametrize("job", jobs(NOW), ids=lambda job: job.name)
def test_every_message_comes_to_its_records(job: MapperJob) -> None:
    """Each platform's, and in some time."""
    seconds = measure(job, 2_000)
    assert min(seconds) > 0


def test_a_message_that_comes_to_less_is_an_error() -> None:
    """Rather than a good figure."""
    job = jobs(NOW)[0]
    with pytest.raises(WrongOutput, match="shopify"):
        measure(MapperJob(job.name, job.source, job.messages, 2), 10)
