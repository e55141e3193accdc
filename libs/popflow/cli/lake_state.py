"""What popflow needs of a lake, each looked at by itself: zones, tables, permissions, key files, the trail's anchor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from popflow import contracts, environment
from popflow.cli.machine import Finding, disk
from popflow.errors import PopflowError
from popflow.intake import keys
from popflow.lake import Lake
from popflow.modes import is_open
from popflow.operations.at_rest import SIGN, at_rest
from popflow.operations.trail import Trail
from popflow.operations.trail_anchor import read_anchor
from popflow.paths import is_local, local_path

ZONES = ("reference", "restricted", "published", "ops")
OWNER_ONLY = ("restricted", "ops", "share")


def lake_state(lake: Lake, reading_only: bool = False) -> Iterator[Finding]:
    """The findings on a lake; reading_only: what only those who run nights may see is left out."""
    if not is_local(lake.root):
        yield Finding("lake", "ok", f"{lake.root}: object storage, its permissions are looked after there")
    elif not Path(lake.root).is_dir():
        yield Finding("lake", "broken", f"there is no folder {lake.root}", "popflow demo makes one, or mend --lake")
        return
    else:
        yield disk(Path(lake.root))
    yield _purpose(lake)
    yield from _tables(lake)
    if reading_only:
        return
    yield from _permissions(lake)
    yield _at_rest(lake)
    yield _person_key(lake)
    yield from _named_keys()
    yield _anchor(lake)


def _purpose(lake: Lake) -> Finding:
    """What popflow's commands in this environment are for."""
    try:
        contracts.refuse_unknown(lake.contracts, contracts.stated())
    except PopflowError as error:
        return Finding("purpose", "broken", str(error), f"mend or unset {environment.PURPOSE}")
    return Finding("purpose", "ok", contracts.stated())


def _tables(lake: Lake) -> Iterator[Finding]:
    """Each zone with its tables; a table that this popflow cannot read is broken."""
    there: dict[str, list[str]] = {zone: [] for zone in ZONES[:3]}
    for name, contract in lake.contracts.tables.items():
        if contract.stored_in:
            continue
        try:
            if lake.exists(name):
                there[contract.zone].append(name)
        except PopflowError as error:
            yield Finding(f"table {name}", "broken", str(error), "use the popflow that wrote it, or a newer one")
    for zone, names in there.items():
        if names:
            yield Finding(f"zone {zone}", "ok", f"{lake.zone(zone)}: {', '.join(sorted(names))}")
        elif zone == "published":
            yield Finding(f"zone {zone}", "note", "nothing has been published yet", "popflow nightly")
        else:
            yield Finding(f"zone {zone}", "note", f"no tables at {lake.zone(zone)}", "not needed for reading")


def _permissions(lake: Lake) -> Iterator[Finding]:
    for zone in OWNER_ONLY:
        folder = Path(lake.zone(zone))
        if not is_local(lake.zone(zone)) or not folder.is_dir():
            continue
        what, mend = f"permissions of {zone}", f"chmod -R go-rwx {folder}"
        state = folder.stat()
        mode = state.st_mode & 0o777
        if not is_open(state):
            yield Finding(what, "ok", f"{mode:04o}, its owner's alone")
            continue
        yield Finding(what, "broken", f"{folder} is open to others ({mode:04o})", mend)


def _at_rest(lake: Lake) -> Finding:
    """How the restricted tables lie; a night would refuse what is broken here."""
    try:
        found = at_rest(lake)
    except PopflowError as error:
        return Finding("encryption at rest", "broken", str(error), f"mend it, or {SIGN}")
    kept = [name for name, one in lake.contracts.tables.items() if one.zone == "restricted" and lake.exists(name)]
    if found.state == "refused" and not kept:
        return Finding(
            "encryption at rest", "note", f"no restricted tables yet; a night is refused: {found.said}", SIGN
        )
    if found.state == "refused":
        return Finding("encryption at rest", "broken", f"REFUSED: {found.said}", SIGN)
    return Finding("encryption at rest", "ok" if found.state == "encrypted" else "note", found.said)


def _person_key(lake: Lake) -> Finding:
    """The key of persons' pseudonyms: looked at, never read and never made."""
    named, zone = environment.KEY_FILE.text(), lake.zone("restricted")
    if not named and not is_local(zone):
        return Finding(
            "person key", "broken", f"{environment.KEY_FILE} is not set", "name a key file every worker can read"
        )
    path = local_path(named) if named else Path(zone) / "_keys" / "person.key"
    if not named and not path.exists() and not any(lake.exists(table) for table in keys.KEYED_TABLES):
        return Finding("person key", "note", f"none yet at {path}", "the first load of a register makes it")
    return _key("person key", path, keys.KEY_BYTES, "put the key back from its copy, mode 0600")


def _named_keys() -> Iterator[Finding]:
    """Key files that the environment names."""
    for variable in (environment.MASTER_KEYS, environment.AGE_IDENTITY):
        if named := variable.text():
            yield _key(str(variable), local_path(named), None, f"mend {variable}, or chmod 600 the file")


def _key(what: str, path: Path, size: int | None, mend: str) -> Finding:
    if not path.is_file():
        return Finding(what, "broken", f"no file at {path}", mend)
    if is_open(path.stat()):
        return Finding(what, "broken", f"{path}: others can read it", f"chmod 600 {path}")
    if size is not None and path.stat().st_size != size:
        return Finding(what, "broken", f"{path}: {path.stat().st_size} bytes, a key has {size}", mend)
    return Finding(what, "ok", f"{path}, its owner's alone")


def _anchor(lake: Lake) -> Finding:
    named = environment.TRAIL_ANCHOR.text()
    if not named:
        mend = f"set {environment.TRAIL_ANCHOR} to a file outside the lake"
        return Finding("trail's anchor", "note", "none: a cut end of the audit trail would not show", mend)
    try:
        there, begun = read_anchor(Path(named)), Trail.of(lake).path.exists()
    except PopflowError as error:
        return Finding("trail's anchor", "broken", str(error), "put it back from its copy")
    if begun and there is None:
        mend = "put it back from its copy; a trail that never had one gets it by popflow trail anchor"
        return Finding("trail's anchor", "broken", f"there is no file {named}, and there is a trail", mend)
    return Finding("trail's anchor", "ok", named)
