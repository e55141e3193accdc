"""popflow share: the published tables to other programs by Delta Sharing; grants, and the server."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from popflow.cli.screen import LAKE, say
from popflow.errors import PopflowError

if TYPE_CHECKING:
    from popflow.sharing.grants import Grants

share = typer.Typer(help="Serve published tables by Delta Sharing; grant and revoke access.", no_args_is_help=True)
PORT = 8474
Reader = Annotated[str, typer.Option(help="Who reads, as it stands in the audit trail: hunan-cdc.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(share, name="share")


@share.command()
def grant(
    reader: Reader,
    lake: Annotated[str, LAKE],
    purpose: Annotated[str, typer.Option(help="One that the tables' contracts list.")] = "epidemic_prevention",
    days: Annotated[int, typer.Option(help="The token is good for so many days.")] = 30,
    endpoint: Annotated[str, typer.Option(help="Where the reader reaches the server.")] = (
        f"http://127.0.0.1:{PORT}/delta-sharing"
    ),
    out: Annotated[Path | None, typer.Option(help="The profile file; <reader>.share if not given.")] = None,
) -> None:
    """Give a reader a token of their own, in a profile file for any Delta Sharing client.

    Example: popflow share grant --reader hunan-cdc --purpose epidemic_prevention --days 30 --lake lake
    """
    from popflow.sharing.grants import write_profile

    path = out or Path(f"{reader}.share")
    if not path.parent.is_dir():
        raise PopflowError(f"{path}: there is no folder {path.parent}; create it first")
    given, token = _grants(lake).add(reader, purpose, days)
    write_profile(path, given, token, endpoint)
    say(f"{path}: the token of {reader}, good until {given.expires_at_utc}; hand it over by a safe way and delete it")


@share.command()
def revoke(reader: Reader, lake: Annotated[str, LAKE]) -> None:
    """End a reader's access, at once.

    Example: popflow share revoke --reader hunan-cdc --lake lake
    """
    say(f"{_grants(lake).revoke(reader)} grants of {reader} ended")


@share.command()
def grants(lake: Annotated[str, LAKE]) -> None:
    """Who may read, for what, until when.

    Example: popflow share grants --lake lake
    """
    known = _grants(lake).all()
    if not known:
        raise PopflowError(f"{lake}: nobody has been granted anything yet; popflow share grant does")
    for one in known:
        say(f"{one.state():<8} {one.reader} {one.purpose} {one.granted_at_utc} to {one.expires_at_utc} ({one.id})")


@share.command()
def serve(
    lake: Annotated[str, LAKE],
    port: Annotated[int, typer.Option(min=1, max=65535)] = PORT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate, PEM.")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    public: Annotated[str, typer.Option(help="How readers reach it where a proxy stands before it: https://...")] = "",
) -> None:
    """Serve flows and releases, as pull reads them, until interrupted.

    Example: popflow share serve --port 8474 --lake lake
    """
    import uvicorn

    from popflow import contracts
    from popflow.lake import Lake
    from popflow.sharing.server import application

    _refuse_clear_text(host, certificate, certificate_key)
    served = application(Lake(lake, contracts.load()), public)
    say(f"serving {lake} at {'https' if certificate else 'http'}://{host}:{port}/delta-sharing; Ctrl-C ends it")
    uvicorn.run(
        served,
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=certificate_key,
        access_log=False,  # addresses of files are permissions
        log_level="warning",
        limit_concurrency=64,
        server_header=False,
    )


def _grants(lake: str) -> Grants:
    from popflow import contracts
    from popflow.lake import Lake
    from popflow.sharing.grants import Grants

    return Grants(Lake(lake, contracts.load()))


def _refuse_clear_text(host: str, certificate: Path | None, key: Path | None) -> None:
    """Tokens go over the line: in clear text only within this machine."""
    for path in (certificate, key):
        if path is not None and not path.is_file():
            raise PopflowError(f"{path}: no such file; --certificate and --certificate-key name PEM files")
    within = host == "localhost" or _is_loopback(host)
    if not within and (certificate is None or key is None):
        raise PopflowError(
            f"--host {host}: tokens would travel in clear text; give --certificate and --certificate-key, or listen on "
            "127.0.0.1 behind a proxy that has them"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
