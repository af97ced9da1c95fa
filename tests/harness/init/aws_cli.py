"""Stands in for the AWS CLI: the same words, sent to the server that AWS_ENDPOINT_URL names."""

import json
import re
import sys
from pathlib import Path

import boto3
import botocore.exceptions
import jmespath  # type: ignore[import-untyped]


def main(words: list[str]) -> None:
    assert words[0] == "--region"
    region, service, operation, *options = words[1:]
    values = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    query, form = values.pop("query", "@"), values.pop("output", "json")
    client = boto3.client(service, region)
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): name for name in shape.members}
    members["open-id-connect-provider-arn"] = "OpenIDConnectProviderArn"
    members["client-id-list"] = "ClientIDList"
    arguments = {}
    for name, value in values.items():
        text = Path(value.removeprefix("file://")).read_text() if value.startswith("file://") else value
        is_list = shape.members[members[name]].type_name == "list"
        arguments[members[name]] = text.split() if is_list else text
    answer = jmespath.search(query, getattr(client, method)(**arguments))
    sys.stdout.write(answer if form == "text" else json.dumps(answer, default=str))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except botocore.exceptions.ClientError as error:
        sys.exit(str(error))
