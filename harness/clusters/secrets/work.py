"""Brings a cluster's Secrets in line with the catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.clusters.secrets.plan import Change, ForeignSecretError, Present, plan_mirrors, plan_source
from harness.clusters.secrets.store import ConflictError, Store
from harness.errors import HarnessError
from harness.manifests.catalogue import Catalogue, Place, Secret

_TRIES: Final = 3


@dataclass(frozen=True)
class State:
    """How far a cluster has a secret.

    Attributes:
        secret: The secret.
        missing: Keys that it lacks; all of them when it is not there.
        stale: Places of copies that are not there or differ.
    """

    secret: Secret
    missing: tuple[str, ...]
    stale: tuple[Place, ...]


def bring(
    store: Store, catalogue: Catalogue, secret: Secret, rotate: frozenset[str] = frozenset(), *, dry: bool = False
) -> list[Change]:
    """Makes what a secret and its copies lack; keys in `rotate` become new.

    Returns:
        What was changed, or with `dry` would be.
    """
    done: list[Change] = []
    for _ in range(_TRIES):
        try:
            for change in _changes(store, catalogue, secret, rotate):
                if not dry:
                    store.ensure_namespace(change.place.namespace)
                    store.write(change)
                done.append(change)
                if change.place == secret.place:
                    # A copy that could not be written is made from what was: it must not be rotated twice.
                    rotate = frozenset()
        except ConflictError:
            continue
        except ForeignSecretError as error:
            message = (
                f"Secret {error} exists and is no copy of {secret.place}: rename or delete it, and run this again."
            )
            raise HarnessError(message) from error
        return done
    raise HarnessError(
        f"Secret {secret.place} keeps changing while it is written: run this again when it is quiet."
    )


def _changes(store: Store, catalogue: Catalogue, secret: Secret, rotate: frozenset[str]) -> Iterator[Change]:
    present = store.read(secret.place)
    if rotate and present is None:
        raise HarnessError(f"There is no Secret {secret.place} to rotate: run 'harness secrets apply' first.")
    copies = _copies(store, secret)
    change = plan_source(catalogue, secret, present, rotate)
    data = change.data if change else {key: present.data[key] for key in secret.keys} if present else {}
    mirrors = plan_mirrors(catalogue, secret, data, copies)
    if change is not None:
        yield change
    yield from mirrors


def _copies(store: Store, secret: Secret) -> dict[Place, Present]:
    found = {place: store.read(place) for place in secret.mirrors}
    return {place: present for place, present in found.items() if present is not None}


def state(store: Store, secret: Secret) -> State:
    """How far the cluster has a secret."""
    present = store.read(secret.place)
    there = present.data if present else {}
    missing = tuple(key for key in secret.keys if not there.get(key))
    copies = _copies(store, secret)
    stale = tuple(
        place
        for place in secret.mirrors
        if place not in copies or any(copies[place].data.get(key) != there.get(key) for key in secret.keys)
    )
    return State(secret, missing, stale)
