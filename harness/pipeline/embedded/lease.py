"""One writer at a time in an object store: an object that its holder keeps renewing, by conditional writes."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final

from harness.errors import HarnessError
from harness.exits import ExitCode
from harness.pipeline.embedded.holder import Holder, in_use
from harness.pipeline.embedded.lock import LOCK

_RENEWAL: Final = 20
_LIFETIME: Final = 90
"""Seconds after which a lease that nobody renewed holds nobody back."""
_REFUSED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class LostError(Exception):
    """Another run holds the lakehouse now."""


class Lease:
    """A lease on an `s3://` lakehouse."""

    def __init__(self, root: str, *, token: str = "", etag: str = "") -> None:
        """Open one that was taken, by its token and the state of its object; or none yet."""
        import botocore.session
        from botocore.config import Config

        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        self._object = {"Bucket": bucket, "Key": f"{prefix}/{LOCK}".lstrip("/")}
        self._root = root
        self._client: Any = botocore.session.get_session().create_client(
            "s3", config=Config(s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=10)
        )
        self.token = token or uuid.uuid4().hex
        self.etag = etag

    def take(self) -> bool:
        """Take the lease, also one that has run out; False if the store has no conditional writes.

        Raises:
            HarnessError: Another run holds it.
        """
        from botocore.exceptions import ClientError

        try:
            if not self._write(IfNoneMatch="*"):
                text, etag, age = self._read()
                holder = Holder.parse(text)
                if age < _LIFETIME and not (holder and holder.ended_here):
                    raise HarnessError(in_use(self._root, holder), exit_code=ExitCode.IN_USE)
                if not self._write(IfMatch=etag):
                    winner = Holder.parse(self._read()[0])
                    raise HarnessError(in_use(self._root, winner), exit_code=ExitCode.IN_USE)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NotImplemented", "501"):
                raise HarnessError(f"The lock of {self._root} cannot be written ({error}): correct that.") from None
            return False
        # A store that does not know the condition writes in any case.
        return not self._write(IfNoneMatch="*")

    def renew(self) -> None:
        """Say that the holder is alive.

        Raises:
            LostError: The lease ran out and another run took it.
        """
        if not self._write(IfMatch=self.etag):
            raise LostError(self._root)

    def give_back(self) -> None:
        text, _, _ = self._read()
        if text and json.loads(text).get("token") == self.token:
            self._client.delete_object(**self._object)

    def _write(self, **condition: str) -> bool:
        """Whether the condition held."""
        from botocore.exceptions import ClientError

        # Different each time, so that its ETag is.
        body = json.dumps({**Holder.this_process().fields(), "token": self.token, "written": uuid.uuid4().hex})
        try:
            answer = self._client.put_object(**self._object, Body=body.encode(), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                return False
            raise
        self.etag = answer["ETag"]
        return True

    def _read(self) -> tuple[str, str, float]:
        """Text, ETag, and age in seconds by the store's own clock; an object that has gone is as old as can be."""
        try:
            answer: Mapping[str, Any] = self._client.get_object(**self._object)
        except self._client.exceptions.NoSuchKey:
            return "", "", float("inf")
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return answer["Body"].read().decode(), answer["ETag"], (now - answer["LastModified"]).total_seconds()


@contextmanager
def leased(root: str, warn: Callable[[str], None]) -> Iterator[Mapping[str, str]]:
    """Hold an `s3://` lakehouse; yields the variables with which the process that writes keeps it held."""
    lease = Lease(root)
    if not lease.take():
        warn(f"{root} is in a store without conditional writes: see to it that nobody else writes there meanwhile.")
        yield {}
        return
    try:
        yield {"LAKEHOUSE_LEASE": json.dumps({"root": root, "token": lease.token, "etag": lease.etag})}
    finally:
        lease.give_back()


def keep_renewed(variable: str, on_loss: Callable[[str], None]) -> None:
    """Renew the lease of `LAKEHOUSE_LEASE` from a thread, for as long as this process lives.

    Args:
        variable: Its value.
        on_loss: Called with a sentence when another run may write.
    """
    fields = json.loads(variable)
    lease = Lease(fields["root"], token=fields["token"], etag=fields["etag"])

    def renew() -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        renewed = time.monotonic()
        while True:
            try:
                lease.renew()
                renewed = time.monotonic()
            except LostError:
                return on_loss(f"another run took over {fields['root']}; wait for it to end, then run it again")
            except (BotoCoreError, ClientError) as error:
                if time.monotonic() - renewed > _LIFETIME - _RENEWAL:
                    return on_loss(f"the lock of {fields['root']} cannot be renewed ({error}); run it again")
            time.sleep(_RENEWAL)

    threading.Thread(target=renew, name="lease", daemon=True).start()
