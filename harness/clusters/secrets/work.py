"""Makes a cluster's Secrets match the catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.clusters.secrets.plan import Change, ForeignSecretError, Present, plan_copies, plan_original
from harness.clusters.secrets.store import ConflictError, Store
from harness.errors import HarnessError
from harness.manifests.catalogue import Catalogue, NamespacedName, Secret

_TRIES: Final = 3


@dataclass(frozen=True)
class State:
    """The state of a Secret in a cluster: the keys that it lacks, and the copies that are missing or differ."""

    secret: Secret
    missing: tuple[str, ...]
    stale: tuple[NamespacedName, ...]


def bring(
    store: Store, catalogue: Catalogue, secret: Secret, rotate: frozenset[str] = frozenset(), *, dry: bool = False
) -> list[Change]:
    """Creates what a Secret and its copies lack, and replaces the values of `rotate`; `dry` only plans it."""
    done: list[Change] = []
    for _ in range(_TRIES):
        try:
            for change in _changes(store, catalogue, secret, rotate):
                if not dry:
                    store.ensure_namespace(change.place.namespace)
                    store.write(change)
                done.append(change)
                if change.place == secret.place:
                    # When a copy could not be written, a retry must not rotate the original again.
                    rotate = frozenset()
        except ConflictError:
            continue
        except ForeignSecretError as error:
            raise HarnessError(
                f"Secret {error} exists and is not a copy of {secret.place}: rename or delete it, and try again."
            ) from error
        return done
    raise HarnessError(
        f"Secret {secret.place} was changed by others at each of {_TRIES} tries: run this again later."
    )


def _changes(store: Store, catalogue: Catalogue, secret: Secret, rotate: frozenset[str]) -> Iterator[Change]:
    present = store.read(secret.place)
    if rotate and present is None:
        raise HarnessError(f"There is no Secret {secret.place} to rotate: run 'harness secrets apply' first.")
    change = plan_original(catalogue, secret, present, rotate)
    data = change.data if change else {key: present.data[key] for key in secret.keys} if present else {}
    copies = plan_copies(catalogue, secret, data, _copies(store, secret))
    if change is not None:
        yield change
    yield from copies


def _copies(store: Store, secret: Secret) -> dict[NamespacedName, Present]:
    return {place: present for place in secret.mirrors if (present := store.read(place)) is not None}


def state(store: Store, secret: Secret) -> State:
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
