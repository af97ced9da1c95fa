"""Takes a claim on the lakehouse; see `contract.claims`."""

from brewery.contract.claims import claim_name, newest
from brewery.storage import Storage


def take_claim(storage: Storage, holder: str) -> int:
    """Take the next claim, which ends every earlier one, and remove those.

    Args:
        storage: The lakehouse.
        holder: Who takes it, for whoever looks at the file.

    Returns:
        Its number.

    Raises:
        StorageError: It could not be taken.
    """
    folder = storage.layout.claims
    earlier = [entry.name for entry in storage.list_folder(folder)]
    number = newest(earlier) + 1
    while not storage.create(f"{folder}/{claim_name(number)}", holder.encode()):
        number += 1
    for name in earlier:
        storage.delete(f"{folder}/{name}")
    return number
