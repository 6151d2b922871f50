"""Checkpoints on disk: written beside their place, then moved there, so that none is ever half a file."""

import errno
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from ecgrnn.errors import reason_of
from ecgrnn.tasks.checkpoint_file import DIGESTS, read_plain, weight_digests
from ecgrnn.tasks.facts import Facts

_PART = ".part"


class PlainCheckpointIO(CheckpointIO):
    """Writes whole files or nothing, and reads plain data alone.

    Args:
        facts: what prediction needs, written beside the weights.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts.plain()

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint with digests of its weights; where this is killed, the one before is left."""
        place = Path(path)
        checkpoint["ecgrnn"] = self.facts
        checkpoint[DIGESTS] = weight_digests(checkpoint["state_dict"])
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}-{uuid.uuid4().hex}{_PART}")
        try:
            with beside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
        except RuntimeError as error:
            raise _refused(error, place) from error
        except OSError as error:
            raise OSError(error.errno, reason_of(error), str(place)) from error
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(place.parent)

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint, whatever is asked for, without running anything it says, and check it.

        Raises:
            CheckpointError: the file is damaged, or its weights are not finite.
        """
        loaded: dict[str, Any] = read_plain(Path(path))
        return loaded

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _refused(error: RuntimeError, place: Path) -> Exception:
    """Give the operating system's error where torch's writer met one, which it tells in its own way."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError):
            return OSError(link.errno, reason_of(link), str(place))
        link = link.__context__
    if "file write failed" in str(error) or "PytorchStreamWriter" in str(error):
        return OSError(errno.ENOSPC, "it could not be written whole; the disk may be full", str(place))
    return error


def remove_parts(folder: Path) -> None:
    """Delete what processes that were killed while they wrote have left in a folder."""
    for part in folder.glob(f".*{_PART}"):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename last: on a power cut, too, the new name is on disk.

    Windows opens no folder, and some file systems synchronise none.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
