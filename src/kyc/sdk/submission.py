"""From a workload file to what the master is asked: the text, the name and the folder to upload. Calls nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.errors import InvalidInputError, NotFoundError
from kyc.wire.service_file import parse_service
from kyc.wire.workload_file import check_name, parse_workload, with_envs


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job or service ready to be sent. `workdir` is the folder to upload, None if the file names none."""

    text: str
    name: str
    workdir: Path | None


def prepare(source: str | Path, *, name: str | None = None, envs: Mapping[str, str] | None = None) -> Submission:
    """Return what to send for a file (its path) or for a text with the content of one.

    A relative workdir counts from the file's folder, for a text from the current one. Raises NotFoundError for a file
    that is not there, InvalidInputError for one that cannot be accepted.
    """
    text, folder, stem = _read(source)
    with _naming(source, is_file=text != source):
        text = with_envs(text, envs or {})
        parsed = parse_workload(text, default_name=name or stem)
    return _submission(text, check_name(name) if name else parsed.spec.name, folder, parsed.workdir)


def prepare_service(
    source: str | Path, *, name: str | None = None, envs: Mapping[str, str] | None = None
) -> Submission:
    """Return what to send for a service file; as `prepare`."""
    text, folder, stem = _read(source)
    with _naming(source, is_file=text != source):
        text = with_envs(text, envs or {})
        parsed = parse_service(text, default_name=name or stem)
    return _submission(text, check_name(name) if name else parsed.spec.name, folder, parsed.workdir)


def _submission(text: str, name: str, folder: Path, written: str | None) -> Submission:
    workdir = None if written is None else (folder / Path(written).expanduser()).resolve()
    if workdir is not None and not workdir.is_dir():
        raise InvalidInputError(
            f"workdir: {workdir} is not a folder", next_step="Correct `workdir`; it counts from the file's own folder."
        )
    return Submission(text=text, name=name, workdir=workdir)


@contextmanager
def _naming(source: str | Path, *, is_file: bool) -> Iterator[None]:
    """Have what is wrong with a file begin with the file's name."""
    try:
        yield
    except InvalidInputError as error:
        if not is_file:
            raise
        raise InvalidInputError(f"{source}: {error}", next_step=error.next_step) from error


def _read(source: str | Path) -> tuple[str, Path, str]:
    if isinstance(source, str) and ("\n" in source or ": " in source):
        return source, Path.cwd(), "job"
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8"), path.absolute().parent, path.stem
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}", next_step="Check the path.") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is not a text in UTF-8", next_step="Name a YAML file.") from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", next_step="Name a readable YAML file.") from error
