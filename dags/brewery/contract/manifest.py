"""The manifest of a bronze run: written last, it commits the run. A run without a valid manifest does not exist."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

FORMAT: Final = "brewery-bronze-manifest"
FORMAT_VERSION: Final = 2
READ_VERSIONS: Final = (1, 2)
"""Version 1 has a file for each page."""
JSON_TYPES: Final = ("string", "number", "boolean", "null", "object", "array")

BLANK_KINDS: Final = ("space", "other")
"""A space, or any other whitespace of Unicode or Python."""


class ManifestError(ValueError):
    """A manifest that is not this pipeline's, incomplete or inconsistent."""


@dataclass(frozen=True, slots=True)
class BronzePage:
    """One page of the API as it was stored: a file, or a part of one, which is a gzip file by itself.

    Attributes:
        name: File name within the run's folder, after the first page in the file: `page-00001.jsonl.gz`.
        page: Page of the API, from 1.
        records: Lines in the page.
        bytes: Size of the stored (compressed) page.
        sha256: Hex digest of the stored page.
        malformed: Lines that are no JSON object that every reader takes.
        offset: Bytes of the file before the page.
    """

    name: str
    page: int
    records: int
    bytes: int
    sha256: str
    malformed: int = 0
    offset: int = 0


def missing_file(pages: Sequence[BronzePage]) -> str:
    """What the loss of a file means.

    >>> missing_file([BronzePage("page-00004.jsonl.gz", 4, 200, 9000, "")])
    'page-00004.jsonl.gz is missing (page 4)'
    """
    first, last = pages[0].page, pages[-1].page
    numbers = f"page {first}" if first == last else f"pages {first} to {last}"
    return f"{pages[0].name} is missing ({numbers})"


@dataclass(frozen=True)
class SourceProfile:
    """What the ingestion saw in the records, so that no later step has to infer a schema.

    Attributes:
        fields: Field name -> JSON type (one of `JSON_TYPES`) -> number of records with that type.
        not_nfc: Records with a string value that is not in Unicode normalisation form C.
        blank_ends: Field name -> kind of blank (`BLANK_KINDS`) -> number of records whose text begins or ends with
            one, or is empty (which counts as a space). None: unknown, as in manifests of older versions.
    """

    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    not_nfc: int = 0
    blank_ends: Mapping[str, Mapping[str, int]] | None = None

    def types(self, name: str) -> frozenset[str]:
        """JSON types of a field, other than null."""
        return frozenset(kind for kind, count in self.fields.get(name, {}).items() if count and kind != "null")


@dataclass(frozen=True)
class Manifest:
    """The commit of one bronze run.

    Attributes:
        ingestion_date: The day that the snapshot stands for.
        run_id: Unique for each run.
        source: URL of the API.
        api_total: `total` of the API's meta answer, the same before and after the run.
        records: Sum of the files' records.
        files: Where each page lies, in page order.
        profile: Fields and types seen.
        started_at: Start of the run, UTC.
        finished_at: End of the run, UTC.
        responses: For each page, in page order, what the response said of its age and state (the headers `Age`,
            `Date`, `ETag`, where given). Empty: nobody looked.
    """

    ingestion_date: dt.date
    run_id: str
    source: str
    api_total: int
    records: int
    files: Sequence[BronzePage]
    profile: SourceProfile
    started_at: dt.datetime
    finished_at: dt.datetime
    responses: Sequence[Mapping[str, str]] = ()

    @property
    def pages(self) -> int:
        return len(self.files)

    def to_json(self) -> str:
        """The manifest as JSON text, keys in a fixed order, a line for each page."""
        return _json_lines(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "ingestion_date": self.ingestion_date.isoformat(),
                "run_id": self.run_id,
                "source": self.source,
                "api_total": self.api_total,
                "pages": self.pages,
                "records": self.records,
                "started_at": self.started_at.isoformat(),
                "finished_at": self.finished_at.isoformat(),
                "profile": {
                    "fields": sorted_counts(self.profile.fields),
                    "not_nfc": self.profile.not_nfc,
                    **(
                        {}
                        if self.profile.blank_ends is None
                        else {"blank_ends": sorted_counts(self.profile.blank_ends)}
                    ),
                },
                "files": map(asdict, self.files),
                **({"responses": map(dict, self.responses)} if self.responses else {}),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest and check that it is complete and consistent.

        Raises:
            ManifestError: It is not JSON, has another format or version, lacks a field or has one of another type,
                its counts do not add up, or it does not name each page once.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise ManifestError(f"the manifest is not JSON ({error})") from None
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise ManifestError("the manifest was not written by this pipeline")
        if raw.get("format_version") not in READ_VERSIONS:
            raise ManifestError(
                f"the manifest has format version {raw.get('format_version')!r}, this code reads up to "
                f"{FORMAT_VERSION}"
            )
        try:
            manifest = cls._from_raw(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ManifestError(f"the manifest lacks or misstates a field ({error!r})") from None
        manifest._check(raw["pages"])
        return manifest

    @classmethod
    def _from_raw(cls, raw: Mapping[str, Any]) -> "Manifest":
        blank_ends = raw["profile"].get("blank_ends")
        profile = SourceProfile(
            fields=_counts(raw["profile"]["fields"]),
            not_nfc=int(raw["profile"]["not_nfc"]),
            blank_ends=None if blank_ends is None else _counts(blank_ends),
        )
        return cls(
            ingestion_date=dt.date.fromisoformat(raw["ingestion_date"]),
            run_id=str(raw["run_id"]),
            source=str(raw["source"]),
            api_total=int(raw["api_total"]),
            records=int(raw["records"]),
            files=tuple(
                BronzePage(
                    name=str(f["name"]),
                    page=int(f["page"]),
                    records=int(f["records"]),
                    bytes=int(f["bytes"]),
                    sha256=str(f["sha256"]),
                    malformed=int(f.get("malformed", 0)),
                    offset=int(f.get("offset", 0)),
                )
                for f in raw["files"]
            ),
            profile=profile,
            started_at=dt.datetime.fromisoformat(raw["started_at"]),
            finished_at=dt.datetime.fromisoformat(raw["finished_at"]),
            responses=tuple(
                {str(name): str(value) for name, value in headers.items()} for headers in raw.get("responses", ())
            ),
        )

    def _check(self, pages: object) -> None:
        if pages != len(self.files):
            raise ManifestError(f"the manifest says {pages} pages but names {len(self.files)}")
        if [f.page for f in self.files] != list(range(1, len(self.files) + 1)):
            raise ManifestError("the manifest does not name each page once, in order")
        total = sum(f.records for f in self.files)
        if total != self.records:
            raise ManifestError(f"the manifest says {self.records} records but its pages hold {total}")
        if any("/" in f.name or f.name.startswith(".") for f in self.files):
            raise ManifestError("the manifest names a file outside its run")


def _json_lines(values: Mapping[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, map):
            return "[\n  " + ",\n  ".join(map(text, value)) + "\n ]"
        return json.dumps(value, ensure_ascii=False)

    return "{\n " + ",\n ".join(f"{text(name)}: {text(value)}" for name, value in values.items()) + "\n}\n"


def _counts(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    return {str(name): {str(kind): int(count) for kind, count in kinds.items()} for name, kinds in raw.items()}


def sorted_counts(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """A profile's counts, sorted by field and kind: equal records give equal manifests."""
    return {name: dict(sorted(kinds.items())) for name, kinds in sorted(counts.items())}
