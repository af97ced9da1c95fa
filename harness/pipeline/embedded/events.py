"""What the worker tells the front, one JSON object a line over a pipe."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any


@dataclass(frozen=True)
class StageStarted:
    """A stage (`airflow`, or a task's id) begins."""

    stage: str


@dataclass(frozen=True)
class StageEnded:
    """A stage ended well after `seconds`."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units; `total` 0 means unknown."""

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True)
class Retrying:
    """A task failed for a reason, the `sentence`, that may be over when it starts again in `seconds`."""

    stage: str
    sentence: str
    seconds: float


@dataclass(frozen=True)
class Failed:
    """The run ended badly; `sentence` is for the user, the worker's log has the rest."""

    stage: str
    sentence: str


@dataclass(frozen=True)
class Finished:
    """Both DAGs succeeded; `dataset_events` is how many the first one left for the second one."""

    dataset_events: int
    versions: Mapping[str, str] = field(default_factory=dict)


Event = StageStarted | StageEnded | Progress | Retrying | Failed | Finished
_KINDS = {kind.__name__: kind for kind in (StageStarted, StageEnded, Progress, Retrying, Failed, Finished)}


def write_event(stream: IO[str], event: Event) -> None:
    stream.write(json.dumps({"kind": type(event).__name__, **asdict(event)}) + "\n")
    stream.flush()


def read_events(stream: IO[str]) -> Iterator[Event]:
    for line in stream:
        raw: dict[str, Any] = json.loads(line)
        yield _KINDS[raw.pop("kind")](**raw)
