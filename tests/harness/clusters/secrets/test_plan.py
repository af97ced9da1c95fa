import base64

from hypothesis import given
from hypothesis import strategies as st

from harness.clusters.secrets.plan import Present, make, plan_original
from harness.manifests.catalogue import Catalogue, NamespacedName, Recipe, Reflector, Secret
from harness.manifests.sensitive import REDACTED

SECRET = Secret(
    NamespacedName("home", "s"),
    "",
    {"user": Recipe("constant", "airflow"), "password": Recipe("alphanumeric", length=40), "key": Recipe("fernet")},
    (NamespacedName("away", "copy"),),
)
CATALOGUE = Catalogue(Reflector("allowed", "namespaces", "reflects"), (SECRET,))
ANNOTATIONS = {"allowed": "true", "namespaces": "away"}


def marker(recipe: Recipe) -> bytes:
    return f"new {recipe.kind}".encode() if recipe.kind != "constant" else recipe.value.encode()


def test_values_are_as_their_kind_says() -> None:
    assert make(Recipe("constant", "airflow")) == b"airflow"
    assert make(Recipe("setting", "http://nowhere")) == b"http://nowhere"
    assert len(base64.urlsafe_b64decode(make(Recipe("fernet")))) == 32
    value = make(Recipe("alphanumeric", length=48)).decode()
    assert len(value) == 48
    assert value.isalnum()
    assert value.isascii()


def test_no_two_values_are_alike() -> None:
    recipe = Recipe("alphanumeric", length=20)
    assert len({make(recipe) for _ in range(200)}) == 200


def test_a_secret_that_is_not_there_is_made_whole() -> None:
    change = plan_original(CATALOGUE, SECRET, None, maker=marker)
    assert change is not None
    assert change.data == {"user": b"airflow", "password": b"new alphanumeric", "key": b"new fernet"}
    assert change.annotations == ANNOTATIONS
    assert change.version is None


def test_lost_annotations_are_put_back_without_new_values() -> None:
    present = Present({"user": b"airflow", "password": b"old", "key": b"old"}, {}, "7")
    change = plan_original(CATALOGUE, SECRET, present, maker=marker)
    assert change is not None
    assert change.why == {}
    assert change.data["password"] == b"old"


def test_an_empty_value_counts_as_missing() -> None:
    present = Present({"user": b"airflow", "password": b"", "key": b"old"}, ANNOTATIONS, "7")
    change = plan_original(CATALOGUE, SECRET, present, maker=marker)
    assert change is not None
    assert change.why == {"password": "made"}


@given(st.dictionaries(st.sampled_from(["user", "password", "key"]), st.binary(min_size=1, max_size=40)))
def test_no_value_is_ever_shown(values: dict[str, bytes]) -> None:
    change = plan_original(CATALOGUE, SECRET, Present(values, {}, "1"))
    assert change is not None
    assert set(change.manifest(redacted=True)["data"].values()) == {REDACTED}
    assert not any(repr(value) in repr(change) for key, value in change.data.items() if key != "user")


@given(st.dictionaries(st.sampled_from(["user", "password", "key"]), st.binary(min_size=1, max_size=40)))
def test_applying_twice_changes_nothing_more(values: dict[str, bytes]) -> None:
    change = plan_original(CATALOGUE, SECRET, Present(values, {}, "1"))
    assert change is not None
    assert plan_original(CATALOGUE, SECRET, Present(change.data, change.annotations, "2")) is None
