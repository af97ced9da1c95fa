"""The object store of an `s3://` lakehouse, as the AWS tools are configured for it."""

import os

from harness.errors import HarnessError
from harness.pipeline.lakehouse.address import Address, read_address
from harness.pipeline.lakehouse.loopback import without_proxy_on_loopback


def s3_variables() -> dict[str, str]:
    """The variables from which Spark, delta-rs and s3fs take endpoint, region and credentials alike.

    Each of them reads another part of what the AWS tools read (variables, profiles, the services of a profile,
    sign-ons): botocore reads all of it, once. Credentials that end soon, such as those of a role, have to last for
    the run.

    Raises:
        HarnessError: There are no credentials, or the configuration is wrong.
    """
    # Imported here: most lakehouses are folders.
    import botocore.session
    from botocore.exceptions import BotoCoreError

    session = botocore.session.get_session()
    try:
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"
        endpoint = session.create_client("s3", region_name=region).meta.endpoint_url
        credentials = session.get_credentials()
        keys = credentials and credentials.get_frozen_credentials()
    except (BotoCoreError, ValueError) as error:
        raise HarnessError(
            f"The object store cannot be used ({str(error).rstrip('.')}): correct that in the AWS_ variables or in "
            "the AWS configuration."
        ) from None
    if not keys or not keys.access_key or not keys.secret_key:
        raise HarnessError(
            "There are no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE."
        )
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ALLOW_HTTP": str(endpoint.startswith("http:")).lower(),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
    }


def lakehouse_at(text: str) -> Address:
    """The address in a text, of a lakehouse that this process can reach.

    Raises:
        HarnessError: It is none that the pipeline can use, or its object store cannot be used.
    """
    address = read_address(text)
    if not address.folder:
        use_s3()
    return address


def use_s3() -> None:
    """Give this process, and those that it starts, the `s3_variables`, and no other source of them."""
    variables = s3_variables()
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    os.environ.update({**variables, **without_proxy_on_loopback(os.environ)})
