"""popflow share: the published tables to other programs by Delta Sharing; grants, and the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from popflow import environment
from popflow.cli.screen import LAKE, say
from popflow.errors import PopflowError

if TYPE_CHECKING:
    from popflow.lake import Lake
    from popflow.sharing.grants import Grants

share = typer.Typer(help="Serve published tables by Delta Sharing; grant and revoke access.", no_args_is_help=True)
PORT = 8474
STATE_VARIABLE, PUBLISHED_VARIABLE = (environment.ZONES[zone].name for zone in ("share", "published"))
STATE = typer.Option("--state", envvar=STATE_VARIABLE, help="The share's own folder; <lake>/share by default.")
Reader = Annotated[str, typer.Option(help="The reader's name in the audit trail: hunan-cdc.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(share, name="share")


@share.command()
def grant(
    reader: Reader,
    lake: Annotated[str | None, LAKE] = None,
    state: Annotated[str | None, STATE] = None,
    purpose: Annotated[str, typer.Option(help="A purpose that the tables' contracts list.")] = "epidemic_prevention",
    days: Annotated[int, typer.Option(min=1, max=366, help="Days for which the token is valid.")] = 30,
    endpoint: Annotated[str, typer.Option(help="Address of the server for the reader.")] = (
        f"http://127.0.0.1:{PORT}/delta-sharing"
    ),
    out: Annotated[Path | None, typer.Option(help="The profile file; <reader>.share by default.")] = None,
) -> None:
    """Give a reader a token of their own, in a profile file for any Delta Sharing client.

    Example: popflow share grant --reader hunan-cdc --purpose epidemic_prevention --days 30 --lake lake
    """
    from popflow.reading.tables_out import refuse_no_file
    from popflow.sharing.clear_text import refuse_clear_text
    from popflow.sharing.grants import refuse_reader, write_profile

    at = _grants(lake, state)
    refuse_clear_text("--endpoint", endpoint)
    refuse_reader(reader)
    path = out or Path(f"{reader}.share")
    refuse_no_file(path)
    given, token = at.add(reader, purpose, days)
    try:
        write_profile(path, given, token, endpoint)
    except PopflowError:
        at.take_back(given)  # nobody has its token
        raise
    say(f"{path}: the token of {reader}, good until {given.expires_at_utc}; hand it over by a safe way and delete it")


@share.command()
def revoke(
    reader: Reader, lake: Annotated[str | None, LAKE] = None, state: Annotated[str | None, STATE] = None
) -> None:
    """End a reader's access at once.

    Example: popflow share revoke --reader hunan-cdc --lake lake
    """
    say(f"{_grants(lake, state).revoke(reader)} grants of {reader} ended")


@share.command()
def grants(lake: Annotated[str | None, LAKE] = None, state: Annotated[str | None, STATE] = None) -> None:
    """Who may read, for what, until when.

    Example: popflow share grants --lake lake
    """
    known = _grants(lake, state).all()
    if not known:
        raise PopflowError(f"{state or lake}: nobody has been granted anything yet; popflow share grant does")
    for one in known:
        say(f"{one.state():<8} {one.reader} {one.purpose} {one.granted_at_utc} to {one.expires_at_utc} ({one.id})")


@share.command()
def serve(
    lake: Annotated[str | None, LAKE] = None,
    published: Annotated[
        str | None,
        typer.Option(envvar=PUBLISHED_VARIABLE, help="The published zone; <lake>/published."),
    ] = None,
    state: Annotated[str | None, STATE] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = PORT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate, PEM.")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    public: Annotated[str, typer.Option(help="Its address for readers, if behind a proxy: https://...")] = "",
) -> None:
    """Serve flows and releases, as pull reads them, until interrupted; needs no access to any other zone.

    Example: popflow share serve --published lake/published --state share
    """
    from popflow.sharing import listener
    from popflow.sharing.clear_text import refuse_clear_text
    from popflow.sharing.server import application

    at = _at(lake, state, published)
    _refuse_missing(at)
    for path in (certificate, certificate_key):
        if path is not None and not path.is_file():
            raise PopflowError(f"{path}: no such file; --certificate and --certificate-key name PEM files")
    _refuse_host_in_clear(host, with_tls=certificate is not None and certificate_key is not None)
    if public:
        refuse_clear_text("--public", public)
    served = listener.server(application(at, public), certificate, certificate_key)
    listening = listener.listen(host, port)
    scheme = "https" if certificate else "http"
    say(f"serving {at.zone('published')} at {scheme}://{host}:{port}/delta-sharing; Ctrl-C ends it")
    listener.run(served, listening)


def _grants(lake: str | None, state: str | None) -> Grants:
    from popflow.sharing.grants import Grants

    at = _at(lake, state)
    if not at.local_zone("share").parent.is_dir():
        raise PopflowError(f"--state {at.zone('share')}: there is no folder to make it in; create it first")
    return Grants(at)


def _at(lake: str | None, state: str | None, published: str | None = None) -> Lake:
    """A lake, or as much of one as the share needs: its own folder and, to serve, the published zone."""
    from popflow import contracts
    from popflow.cli.lakes import open_unrecorded
    from popflow.lake import Lake

    zones = {name: folder for name, folder in (("share", state), ("published", published)) if folder}
    if lake and len(zones) < 2:
        found = open_unrecorded(lake)
        return Lake(lake, found.contracts, zones=zones)
    if not state:
        raise PopflowError("name a lake by --lake, or the share's folder by --state")
    known = contracts.load()
    contracts.refuse_unknown(known, contracts.stated())
    return Lake(Path(state).parent, known, zones=zones)


def _refuse_missing(lake: Lake) -> None:
    """Serving makes neither."""
    published, own = lake.zone("published"), lake.local_zone("share")
    if "://" not in published and not Path(published).is_dir():
        raise PopflowError(f"{published}: there is no such folder; --published names the published zone")
    if not own.is_dir() and own.parent.is_dir():
        raise PopflowError(f"{own}: nobody has been granted anything yet; popflow share grant does")
    if not own.is_dir():
        raise PopflowError(f"{own}: there is no such folder; --state names the share's own")


def _refuse_host_in_clear(host: str, *, with_tls: bool) -> None:
    """Tokens go over the line: in clear text only within this machine."""
    from popflow.sharing.clear_text import is_loopback

    if not is_loopback(host) and not with_tls:
        raise PopflowError(
            f"--host {host}: tokens would travel in clear text; give --certificate and --certificate-key, or listen on "
            "127.0.0.1 behind a proxy that has them"
        )
