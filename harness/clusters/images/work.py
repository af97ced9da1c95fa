"""Gets all images of an environment into Docker: pulled where a registry answers, else built."""

import os
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from rich.markup import escape

from harness.clusters.docker.client import image_id, image_label
from harness.clusters.docker.image import INPUTS, local_name
from harness.clusters.docker.registry import answers, pull
from harness.clusters.images.build import Job, build, builds_on_spark, job
from harness.clusters.images.display import Display
from harness.clusters.images.recipes import Recipe
from harness.clusters.images.wanted import Wanted
from harness.clusters.without_registry.base import ensure_base
from harness.console import err
from harness.errors import HarnessError


class Origin(Enum):
    """Where an image comes from."""

    PRESENT = "present"
    PULL = "pull"
    BUILD = "build"
    NONE = "unavailable"


@dataclass(frozen=True)
class Plan:
    """What is to be done for one image, by name and tag; `job` is how it is built, if it is."""

    name: str
    origin: Origin
    job: Job | None = None


def plan(images: Sequence[Wanted], *, registry: bool, base: str, fresh: bool = False) -> list[Plan]:
    """What has to be done for each image; the Spark image comes first, because others are built on it."""
    recipes = {image.name: image.recipe for image in images}
    own_spark = next((name for name, how in recipes.items() if how and how.own and how.folder.name == "spark"), "")
    spark_recipe = recipes.get(own_spark)
    spark = job(own_spark, spark_recipe, base=base) if spark_recipe else None
    plans = []
    for image in sorted(images, key=lambda image: image.name != own_spark):
        how = recipes[image.name]
        if how and builds_on_spark(how) and spark is None:
            raise HarnessError(
                f"{image.name} is built on the platform's Spark image, which the environment does not name: "
                "name it in SPARK_IMAGE."
            )
        plans.append(_plan(image.name, how, registry=registry, base=base, spark=spark, fresh=fresh))
    return plans


def _plan(name: str, how: Recipe | None, *, registry: bool, base: str, spark: Job | None, fresh: bool) -> Plan:
    foreign = how is None or not how.own
    # Upstream's own image, pulled or loaded earlier, is better than what stands in for it.
    if foreign and image_id(local_name(name)) and not image_label(local_name(name), INPUTS):
        return Plan(name, Origin.PRESENT)
    if foreign and registry and answers(name):
        return Plan(name, Origin.PULL)
    if how is None:
        return Plan(name, Origin.NONE)
    work = job(name, how, base=base, spark=spark)
    return Plan(name, Origin.PRESENT if work.current and not fresh else Origin.BUILD, work)


def ensure(
    images: Sequence[Wanted], *, only: Collection[str] = (), registry: bool = True, fresh: bool = False
) -> list[Plan]:
    """Pulls or builds what Docker does not have yet, as many at the same time as there are processors.

    Of the images of `only` and what they are built on, if it names any; `fresh` rebuilds unchanged images, too.
    """
    with Display() as display:
        with display.row("debian:bookworm-slim") as say:
            say("looking")
            base = ensure_base(pull=registry, refresh=fresh)
        plans = selected(plan(images, registry=registry, base=base, fresh=fresh), only)
        _work(plans, display, fresh=fresh)
    return plans


def selected(plans: Sequence[Plan], only: Collection[str]) -> list[Plan]:
    """The plans for the images of `only`, and for what they are built on; all when it is empty."""
    below = {part.job.spark for part in plans if part.name in only and part.job}
    return [part for part in plans if not only or part.name in only or part.name in below]


def _work(plans: Sequence[Plan], display: Display, *, fresh: bool) -> None:
    done: dict[str, Future[None]] = {}
    failed: list[HarnessError] = []
    pool = ThreadPoolExecutor(os.cpu_count() or 2)
    try:
        for part in plans:
            if part.origin in (Origin.PULL, Origin.BUILD):
                done[part.name] = pool.submit(_one, part, done, display, fresh=fresh)
        for future in done.values():
            try:
                future.result()
            except HarnessError as error:
                failed.append(error)
    finally:
        pool.shutdown(cancel_futures=True)
    # What is built on an image that failed has failed for the same reason.
    reasons = list(dict.fromkeys(map(str, failed)))
    for reason in reasons[1:]:
        err.print(escape(reason), highlight=False, emoji=False, soft_wrap=True)
    if reasons:
        raise HarnessError(reasons[0])


def _one(part: Plan, done: dict[str, Future[None]], display: Display, *, fresh: bool) -> None:
    if part.job and part.job.spark and part.job.spark in done:
        # It was submitted before, so it has a thread already.
        done[part.job.spark].result()
    with display.row(part.name) as say:
        if part.job is None:
            say("pulling")
            pull(part.name)
        else:
            build(part.job, say, fresh=fresh)
