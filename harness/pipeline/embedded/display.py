"""What the user sees while the run goes on: one line for each stage, a bar while pages arrive."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from harness.console import redraws

TITLES = {
    "setup": "Java and Delta Lake",
    "airflow": "Airflow",
    "ingest_to_bronze": "API → bronze",
    "validate_bronze": "bronze validated",
    "bronze_to_silver": "bronze → silver",
    "silver_to_gold": "silver → gold",
    "quality_gate": "quality gate, publish",
    "summary": "gold tables read",
    "report": "report",
}


class Display:
    """Shows stages as they start, move and end; on anything but a terminal, one plain line for each end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not redraws(console),
        )
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def live(self) -> Iterator["Display"]:
        """Draw while the block runs, or until `close`."""
        with self._progress:
            yield self

    def close(self) -> None:
        """Stop drawing, so that results can be printed below."""
        self._progress.stop()

    def start(self, stage: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(TITLES.get(stage, stage), total=None, note="")

    def move(self, stage: str, done: int, total: int, note: str) -> None:
        self.start(stage)
        self._progress.update(self._tasks[stage], completed=done, total=total or None, note=note)

    def retry(self, stage: str, sentence: str, seconds: float) -> None:
        self._console.print(
            f"{TITLES.get(stage, stage)} failed and starts again in {seconds:.0f} s: {sentence}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def end(self, stage: str, seconds: float) -> None:
        self.start(stage)
        self._progress.update(self._tasks[stage], completed=1, total=1)
        if not redraws(self._console):
            self._console.print(f"{TITLES.get(stage, stage):<22} {seconds:6.1f} s", highlight=False)
