"""The first user of Airflow's web interface, with the password that the Secret has now.

`airflow users create` leaves an existing user alone, and `airflow users reset-password` fails in Airflow 2.11 (it
opens Flask's application twice), so this asks the security manager itself, once.
"""

import os

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from werkzeug.security import check_password_hash

NAME = "admin"

with get_application_builder() as builder:
    manager = builder.sm
    password = os.environ["ADMIN_PASSWORD"]
    user = manager.find_user(username=NAME)
    if user is None:
        role = manager.find_role("Admin")
        done = manager.add_user(NAME, "Platform", "Administrator", "admin@localhost", role, password)
    elif check_password_hash(user.password, password):
        # Each sync runs this, and a reset would log everybody out.
        done = True
    else:
        done = manager.reset_password(user.id, password)
    if not done:
        raise SystemExit(f"Airflow did not take the password of {NAME}: its log above says why.")
