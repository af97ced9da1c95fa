"""The harness: runs, renders, validates and reviews the lakehouse platform."""
