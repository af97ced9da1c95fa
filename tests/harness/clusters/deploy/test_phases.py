from io import StringIO

import pytest
from rich.console import Console

from harness.clusters.deploy.phases import Phases


def test_each_phase_is_told_as_it_ends_with_the_time_since_the_beginning() -> None:
    console, now = Console(file=StringIO()), [100.0]
    phases = Phases(console, clock=lambda: now[0])
    with phases("secrets"):
        now[0] += 4.5
    with phases("Argo CD"):
        now[0] += 70
        phases.tell("half of it")
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == ["  0:04  secrets", "  1:14  half of it", "  1:14  Argo CD"]
    assert phases.seconds == {"secrets": 4.5, "Argo CD": 70}


def test_a_phase_that_fails_is_not_told_as_done() -> None:
    console = Console(file=StringIO())
    phases = Phases(console, clock=lambda: 0.0)
    with pytest.raises(ValueError, match="no"), phases("secrets"):
        raise ValueError("no")
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == ""
    assert phases.seconds == {}
