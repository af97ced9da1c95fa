import io

from harness.pipeline.embedded.events import (
    Event,
    Failed,
    Finished,
    Progress,
    Retrying,
    StageEnded,
    StageStarted,
    read_events,
    write_event,
)


def test_events_arrive_as_they_were_sent() -> None:
    sent: list[Event] = [
        StageStarted("airflow"),
        StageEnded("airflow", 1.5),
        Progress("ingest_to_bronze", 3, 20, "600 records"),
        Retrying("ingest_to_bronze", "the API is down", 4.5),
        Failed("validate_bronze", "größer als erwartet\nzweite Zeile"),
        Finished(1, {"Spark": "3.5"}),
    ]
    stream = io.StringIO()
    for event in sent:
        write_event(stream, event)
    assert len(stream.getvalue().splitlines()) == len(sent)
    stream.seek(0)
    assert list(read_events(stream)) == sent
