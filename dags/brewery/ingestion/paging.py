"""How the API divides its list into pages: as requested, or in its own way."""

import logging
from dataclasses import dataclass
from typing import Final

from brewery.ingestion.client import BadRequestError, BreweryClient, Page
from brewery.ingestion.retry import SuspiciousPageError

_TRIES: Final = 4
"""An API may have a page size for each size that it is asked for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Paging:
    """The pages of one reading of the list.

    Attributes:
        total: Records.
        size: Records in a full page.
        first: The first page.
    """

    total: int
    size: int
    first: Page

    @property
    def pages(self) -> int:
        """How many pages have records."""
        return -(-self.total // self.size)

    @property
    def last(self) -> int:
        """The last page to ask for: a full one says nothing about what follows it, so the next has to be empty."""
        return self.pages if self.total % self.size else self.pages + 1

    def expected(self, number: int) -> int:
        """Records that a page has to have."""
        return max(0, min(self.size, self.total - (number - 1) * self.size))


def find_paging(client: BreweryClient, total: int, size: int) -> Paging:
    """Read the first page, at the API's own page size where that is not the requested one.

    Raises:
        SuspiciousPageError: The first page has no usable length, or another one for each request.
    """
    for _ in range(_TRIES):
        try:
            return Paging(total, size, client.page(1, min(size, total), size))
        except BadRequestError as error:
            # Without the order too, the check of the ids tells whether every brewery is there.
            if not client.ordered:
                raise
            log.warning("The API does not take an order; reading the list as it comes.")
            client.ordered = False
            last: Exception = error
        except SuspiciousPageError as error:
            own = len(error.lines)
            if not 0 < own <= total:
                raise
            log.warning("The API returns %s records per page instead of %s; reading it so.", own, size)
            size, last = own, error
    raise last
