"""JupyterLab finds its own pages."""

import re
from pathlib import Path

from tests.overlays.conftest import Overlay


def test_it_looks_for_its_pages_where_the_image_has_them(overlay: Overlay, repo: Path) -> None:
    dockerfile = (repo / "images/jupyter/Dockerfile").read_text(encoding="utf-8")
    (shared,) = re.findall(r"\bJUPYTER_PATH=(\S+)", dockerfile)
    (container,) = overlay.one("Deployment", "jupyterlab")["spec"]["template"]["spec"]["containers"]
    assert {"name": "JUPYTERLAB_DIR", "value": f"{shared}/lab"} in container["env"]
