"""Commands about accounts, for the modes in which a team logs in."""

import getpass
import sys
from collections.abc import Callable
from typing import Any

from lensapp.cli.commands import Arguments, command, option
from lensapp.core.errors import InvalidInput
from lensapp.storage.workspace import Workspace

ACTIONS = {
    "add": "NAME [--role ROLE] [--email ADDRESS] [--no-password]",
    "list": "",
    "role": "NAME ROLE",
    "passwd": "NAME",
    "logout": "NAME",
    "remove": "NAME",
    "invite": "NAME REVIEW",
    "uninvite": "NAME REVIEW",
}


@command(
    "user",
    option("action", metavar="ACTION", choices=tuple(ACTIONS), help=", ".join(ACTIONS) + "."),
    option("name", metavar="NAME", nargs="?", help="Name of the account; it signs votes."),
    option("value", metavar="VALUE", nargs="?", help="The role, or the review."),
    option(
        "--role", default="inspector", metavar="ROLE", help="administrator, scientist, inspector or reader."
    ),
    option("--email", metavar="ADDRESS", help="By which an OIDC provider knows the account."),
    option("--no-password", action="store_true", help="Ask for none: it logs in through an OIDC provider."),
)
def user(arguments: Arguments) -> dict[str, Any] | list[dict[str, Any]]:
    """Make, list, change and remove accounts, and invite them to reviews.

    user add NAME --role scientist; user list; user role NAME ROLE; user passwd NAME; user logout NAME;
    user remove NAME; user invite NAME REVIEW; user uninvite NAME REVIEW. Passwords are asked for, or read
    from the first line of standard input where that is no terminal. Accounts count where the app runs with
    LENSAPP_MODE=passwords or oidc.
    """
    from lensapp.services.access import accounts, people

    action, name, value = arguments.action, arguments.name, arguments.value
    wanted = ACTIONS[action].partition("[")[0].split()
    given = [one for one in (name, value) if one is not None]
    if len(given) != len(wanted):
        raise InvalidInput(f"'user {action}' takes {ACTIONS[action] or 'nothing more'}.")
    ws = Workspace.open(arguments.workspace)
    if action == "list":
        return people.list_accounts(ws)
    if action == "add":
        accounts.checked_role(arguments.role)  # before a password is asked for
        password = None if arguments.no_password else read_password(name)
        made = accounts.add_account(
            ws, name=name, role=arguments.role, email=arguments.email, password=password
        )
        return {"name": made.name, "role": made.role, "email": made.email, "password": password is not None}
    changes: dict[str, Callable[[], dict[str, Any]]] = {
        "role": lambda: {"role": accounts.change_role(ws, name, value).role},
        "passwd": lambda: {
            "name": accounts.set_password(ws, name, read_password(name)).name,
            "password": True,
        },
        "logout": lambda: {"sessions_ended": people.end_sessions(ws, name)},
        "remove": lambda: {"name": accounts.remove_account(ws, name).name, "removed": True},
        "invite": lambda: {"review": value, "changed": accounts.invite(ws, name, value)},
        "uninvite": lambda: {"review": value, "changed": accounts.uninvite(ws, name, value)},
    }
    return {"name": name} | changes[action]()


def read_password(name: str) -> str:
    """Ask twice for a password on the terminal, or read one line of standard input.

    Raises
    ------
    InvalidInput
        When the two differ, or nothing comes.
    """
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise InvalidInput("No password came on standard input. Write it there in one line.")
        return password
    password = getpass.getpass(f"Password for {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise InvalidInput("The two passwords differ. Type the same twice.")
    return password
