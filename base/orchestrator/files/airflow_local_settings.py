"""What every Airflow process here does on top of Airflow's own settings: a fork opens connections of its own.

Airflow 2.11 leaves the parent's connections to the database in the pool of a forked process, such as the health
server of the scheduler. It rejects them there, but only after the pool's ping, which goes through the parent's
connection: one of the two processes reads the other's answer, and the other waits forever.
"""

import os

from airflow import settings

# Airflow would take over every name that is not listed.
__all__: list[str] = []


def _forget_connections() -> None:
    engine = getattr(settings, "engine", None)
    if engine is not None:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)
