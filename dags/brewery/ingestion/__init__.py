"""Open Brewery DB into bronze: `ingest` takes a complete snapshot, or leaves bronze unchanged."""

from brewery.ingestion.run import IngestResult, Progress, ingest

__all__ = ["IngestResult", "Progress", "ingest"]
