"""A `kubectl port-forward` for tests."""

FORWARDING = """
import pathlib, socket, sys
port, pods = int(sys.argv[1]), pathlib.Path(sys.argv[2])
own = pods.read_text()
server = socket.create_server(("127.0.0.1", port))
(pods.parent / own).touch()
while True:
    server.accept()[0].close()
    if pods.read_text() != own:
        sys.exit("error: lost connection to pod")
"""
"""PORT FILE: for the pod that the file names; as kubectl does, it ends with the first connection to a lost one."""
