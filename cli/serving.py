"""The command that serves the dashboard."""

from typing import Annotated

import typer

from .options import DEFAULT_DB, Db
from .output import say

__all__ = ["dashboard"]


def dashboard(
    db: Db = DEFAULT_DB,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = 5006,
    address: Annotated[
        str, typer.Option(help="Address to listen on; any but 127.0.0.1 lets other machines read the catalogue.")
    ] = "127.0.0.1",
    allow_websocket_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="Name by which browsers know the server, a proxy's; may be repeated."),
    ] = None,
    basic_auth: Annotated[
        str | None,
        typer.Option(
            envvar="GOODPIX_BASIC_AUTH",
            metavar="PASSWORD|FILE.json",
            help="Password that browsers are asked for, or a JSON file of passwords by user.",
        ),
    ] = None,
) -> None:
    """Serve pages about the catalogue to a browser, until Ctrl-C."""
    # Panel takes a second to import, and brings pandas
    from ..query.catalogue import Catalogue
    from ..query.dashboard.server import DashboardServer

    with Catalogue(db) as catalogue:
        server = DashboardServer(
            catalogue, port=port, address=address, origins=allow_websocket_origin or (), basic_auth=basic_auth
        )
        if server.exposure:
            say(f"goodpix dashboard: {server.exposure}")
        server.run(lambda: say(f"goodpix dashboard: {server.url} (Ctrl-C ends it)"))
