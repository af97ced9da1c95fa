"""Stands in for the AWS CLI: the same words, sent to the server that AWS_ENDPOINT_URL names.

The program `aws` only passes its words on to a server of this process: loading boto3 for each call of a script
takes a second.
"""

import contextlib
import json
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from typing import Any

import boto3
import botocore.exceptions
import jmespath  # type: ignore[import-untyped]

_STDIN = "file:///dev/stdin"
_CLIENT = f"""\
#!{sys.executable} -IS
import json, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({{path!r}})
    text = sys.stdin.read() if {_STDIN!r} in sys.argv else ""
    server.sendall(json.dumps([sys.argv[1:], text]).encode() + b"\\n")
    output, error = json.loads(server.makefile().read())
sys.stdout.write(output)
sys.exit(error or 0)
"""


def answer(words: list[str], stdin: str) -> str:
    """What the command prints.

    Raises:
        ClientError: The server refuses.
    """
    assert words[0] == "--region"
    region, service, operation, *options = words[1:]
    values = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    query, form = values.pop("query", "@"), values.pop("output", "json")
    # The CLI has a name of its own for S3's operations.
    client = boto3.client(service.removesuffix("api"), region)
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): name for name in shape.members}
    members["open-id-connect-provider-arn"] = "OpenIDConnectProviderArn"
    members["client-id-list"] = "ClientIDList"
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        text = stdin if value == _STDIN else value
        match shape.members[members[name]].type_name:
            case "list":
                arguments[members[name]] = text.split()
            case "structure":
                arguments[members[name]] = json.loads(text)
            case _:
                arguments[members[name]] = text
    found = jmespath.search(query, getattr(client, method)(**arguments))
    return str(found) if form == "text" else json.dumps(found, default=str)


class _Handler(StreamRequestHandler):
    def handle(self) -> None:
        words, stdin = json.loads(self.rfile.readline())
        try:
            said = (answer(words, stdin), "")
        except botocore.exceptions.ClientError as error:
            said = ("", str(error))
        self.wfile.write(json.dumps(said).encode())


@contextlib.contextmanager
def aws_cli() -> Iterator[Path]:
    """A folder with the program `aws`, which works while the block runs."""
    # The path of a socket has at most 107 bytes; pytest's folders may be longer.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        program = Path(folder) / "aws"
        program.write_text(_CLIENT.format(path=str(path)), encoding="utf-8")
        program.chmod(0o755)
        with ThreadingUnixStreamServer(str(path), _Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            yield program.parent
            server.shutdown()
            thread.join()
