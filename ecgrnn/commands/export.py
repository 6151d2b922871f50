"""Command ``export``: a trained model as a file that other programs run, checked against its checkpoint."""

from pathlib import Path

from ecgrnn.commands.stages import say_all
from ecgrnn.errors import CheckpointError, ConfigError
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.models import CARD, FOLDER, checkpoint_path, is_name
from ecgrnn.options.choices import ExportFormat
from ecgrnn.options.deploy import ExportConfig
from ecgrnn.signals.formats import read

_ENDINGS = {ExportFormat.onnx: ".onnx", ExportFormat.torch: ".pt2"}


def run(options: ExportConfig) -> None:
    """Export as the options say; the file is written only when it agrees with the checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be read or exported, or an extra is not installed.
        ConfigError: ``out`` has another ending than the format.
        DataError: the recording cannot be read, or the file cannot be written.
    """
    out = _out(options)
    if options.format is ExportFormat.torch:
        from ecgrnn.export.torch_program import export_torch

        say_all(export_torch(load_model(options.checkpoint), out, tolerance=options.tolerance))
        return
    _need_extra()
    model = load_model(options.checkpoint)
    recording = None if options.record is None else read(Path(options.record), fs=options.fs)
    from ecgrnn.export.onnx_export import export_onnx

    say_all(export_onnx(model, out, options, card=_card(options.checkpoint), recording=recording))
    say_all([f"annotate with  python -m ecgrnn predict checkpoint={out} record=FILE"])


def _out(options: ExportConfig) -> Path:
    """Give the file that is written.

    Raises:
        ConfigError: it has another ending than the format.
    """
    ending = _ENDINGS[options.format]
    if options.out is None:
        place = Path(options.checkpoint)
        return Path(f"{place}{ending}") if is_name(place) else place.with_suffix(ending)
    out = Path(options.out)
    if out.suffix != ending:
        raise ConfigError(f"out={out} must end in {ending}, by which the file is known when it is read")
    return out


def _card(checkpoint: str) -> str:
    """Read the model card, of a model of the package or in the run folder; empty where there is none."""
    place = checkpoint_path(checkpoint)
    file = FOLDER / checkpoint / CARD if is_name(checkpoint) else place.parent.parent / CARD
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _need_extra() -> None:
    """Refuse where what writes ONNX files is not installed.

    Raises:
        CheckpointError: saying what to install.
    """
    try:
        import onnx  # noqa: F401 - only whether it is there
        import onnxruntime  # noqa: F401 - as above
    except ImportError as error:
        raise CheckpointError(
            "export writes and checks ONNX files with onnx and onnxruntime, which are not installed: "
            "pip install 'ecgrnn[onnx]'"
        ) from error
