from pathlib import Path

import pytest

from harness.clusters.docker import install
from harness.errors import HarnessError
from tests.harness.programs import program

# Bit 24, CAP_SYS_RESOURCE, is set in the first and not in the second.
EVERY = "CapBnd:\t000001ffffffffff\n"
SANDBOX = "CapBnd:\t000001fffeffffff\n"
DEBIAN = "http://mirror.example/debian/|bookworm|main|Debian\nhttp://mirror.example/debian-security/|bookworm-security|main|Debian\n"


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`apt-get` and `apt-cache` that write down what they are told; the folder of their notes."""
    notes = tmp_path / "notes"
    programs = tmp_path / "bin"
    notes.mkdir()
    (notes / "targets").write_text(DEBIAN)
    (notes / "candidate").write_text("26.1.5")
    script = f"""#!/bin/sh
echo "$*" >> {notes}/calls
for word; do
    case $word in
    indextargets) cat {notes}/targets ;;
    Dir::Etc::SourceList=*) cat "${{word#*=}}" > {notes}/sources ;;
    download) touch docker.io_26.deb docker-cli_26.deb ;;
    policy) echo "  Candidate: $(cat {notes}/candidate)" ;;
    esac
done
"""
    for name in ("apt-get", "apt-cache"):
        program(programs / name, script)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(install, "missing_programs", lambda: ["mmdebstrap", "docker.io"])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(install, "grants_every_capability", lambda: True)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"VERSION_CODENAME": "bookworm"})
    return notes


def calls(notes: Path) -> list[str]:
    return (notes / "calls").read_text().splitlines()


def test_capability_is_read_from_the_bounding_set(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\n{EVERY}")
    assert install.grants_every_capability(status)
    status.write_text(f"Name:\tx\n{SANDBOX}")
    assert not install.grants_every_capability(status)
    assert install.grants_every_capability(tmp_path / "not Linux")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("docker.io:\n  Candidate: 20.10.24+dfsg1-1+deb12u1+b6\n", 20),
        ("docker.io:\n  Candidate: 5:27.5.1-0ubuntu3\n", 27),
        ("docker.io:\n  Candidate: (none)\n", None),
        ("", None),
    ],
)
def test_major_version(policy: str, expected: int | None) -> None:
    assert install.major_version(policy) == expected


def test_the_machines_own_mirror_is_found_and_the_security_one_is_not() -> None:
    assert install.mirror_of(DEBIAN, "bookworm") == "http://mirror.example/debian/"
    assert install.mirror_of(DEBIAN, "noble") is None


@pytest.mark.parametrize(("pulled", "expected"), [(True, []), (False, ["mmdebstrap"])])
def test_the_base_image_is_made_only_where_none_can_be_pulled(
    monkeypatch: pytest.MonkeyPatch, pulled: bool, expected: list[str]
) -> None:
    monkeypatch.setattr(install, "answers", lambda image: pulled and image == "debian")
    monkeypatch.setattr(install, "_which", lambda name: None if name == "mmdebstrap" else f"/bin/{name}")
    monkeypatch.setattr(install, "dockerd_version", lambda: 28)
    assert install.missing_programs() == expected


def test_packages_are_installed_by_name_where_docker_is_new_enough(apt: Path) -> None:
    assert install.install() == ["mmdebstrap", "docker.io"]
    assert calls(apt)[-1].endswith("mmdebstrap docker.io docker-cli docker-buildx")
    assert not (apt / "sources").exists()


def test_an_old_docker_will_do_where_every_capability_is_granted(apt: Path) -> None:
    (apt / "candidate").write_text("20.10.24")
    install.install()
    assert "docker.io" in calls(apt)[-1]
    assert not (apt / "sources").exists()


def test_a_newer_docker_comes_from_the_next_suite_of_the_same_mirror(
    apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (apt / "candidate").write_text("20.10.24")
    monkeypatch.setattr(install, "grants_every_capability", lambda: False)

    install.install()

    assert (apt / "sources").read_text() == "deb http://mirror.example/debian/ trixie main\n"
    private = [call for call in calls(apt) if "Dir::Etc::SourceList" in call]
    assert [call.split()[-2] if call.endswith("-qq") else "download" for call in private] == ["update", "download"]
    assert all("Dir::State::Lists" in call and "Dir::Cache" in call for call in private)
    files = calls(apt)[-1].split()[-2:]
    assert [Path(file).name for file in files] == ["docker-cli_26.deb", "docker.io_26.deb"]


def test_elsewhere_than_on_debian_an_old_docker_is_said_to_be_too_old(
    apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (apt / "candidate").write_text("20.10.24")
    (apt / "targets").write_text("http://mirror.example/ubuntu/|focal|main|Ubuntu\n")
    monkeypatch.setattr(install, "grants_every_capability", lambda: False)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"VERSION_CODENAME": "focal"})

    with pytest.raises(HarnessError, match="needs Docker 26 or newer, and its package sources have 20"):
        install.install()


def test_who_is_not_root_is_told_the_command(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(HarnessError, match="sudo make e2e-deps"):
        install.install()
    assert not (apt / "calls").exists()


def test_without_apt_the_packages_are_named(apt: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match=r"lacks mmdebstrap, docker\.io and has no apt-get"):
        install.install()


def test_nothing_is_asked_of_apt_when_nothing_is_missing(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "missing_programs", list)
    assert install.install() == []
    assert not (apt / "calls").exists()


def test_an_installed_daemon_that_is_too_old_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerd = program(tmp_path / "dockerd", "echo 'Docker version 20.10.24+dfsg1, build 297e128'")
    monkeypatch.setattr(install, "_which", lambda _: str(dockerd))
    monkeypatch.setattr(install, "grants_every_capability", lambda: True)
    assert install.missing_programs() == []
    monkeypatch.setattr(install, "grants_every_capability", lambda: False)
    assert install.missing_programs() == ["docker.io"]
