"""Recurrent neural networks on ECG recordings from PhysioNet: train, evaluate and run them.

What is listed in ``__all__`` is the public face: import it from here (``from ecgrnn import read_record``).
Everything else may move. A name is imported when it is first used, so that ``import ecgrnn`` costs nothing.
"""

TYPE_CHECKING = False  # of `typing`, which is not imported for this alone
if TYPE_CHECKING:
    from ecgrnn.cli import main
    from ecgrnn.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        DivergedError,
        EcgrnnError,
        SplitError,
    )
    from ecgrnn.inference.annotate import annotate
    from ecgrnn.inference.checkpoint import load_model
    from ecgrnn.inference.result import Result
    from ecgrnn.inference.streaming.stream import Beat, BeatStream, BeatStreams
    from ecgrnn.metrics.ec57.scores import Ec57Scores, RecordToScore, score_records
    from ecgrnn.nn.fused import recurrence
    from ecgrnn.nn.recurrence import Recurrence
    from ecgrnn.nn.state import State
    from ecgrnn.options.choices import Cell
    from ecgrnn.options.data import PreprocessingConfig
    from ecgrnn.signals.annotations import Annotations, read_annotations, write_annotations
    from ecgrnn.signals.detection.detect import QrsDetector, detect_qrs, detect_record
    from ecgrnn.signals.formats import read
    from ecgrnn.signals.formats.wfdb.record import Record, read_record
    from ecgrnn.signals.formats.wfdb.writer import write_signal
    from ecgrnn.signals.preprocessing import PreparedRecord, prepare_record
    from ecgrnn.signals.recording import Recording
    from ecgrnn.simulator.simulate import SimulatedRecord, simulate_record, write_database, write_record
    from ecgrnn.tasks.model import TrainedModel

__all__ = [
    "Annotations",
    "Beat",
    "BeatStream",
    "BeatStreams",
    "Cell",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "Ec57Scores",
    "EcgrnnError",
    "PreparedRecord",
    "PreprocessingConfig",
    "QrsDetector",
    "Record",
    "RecordToScore",
    "Recording",
    "Recurrence",
    "Result",
    "SimulatedRecord",
    "SplitError",
    "State",
    "TrainedModel",
    "__version__",
    "annotate",
    "detect_qrs",
    "detect_record",
    "load_model",
    "main",
    "prepare_record",
    "read",
    "read_annotations",
    "read_record",
    "recurrence",
    "score_records",
    "simulate_record",
    "write_annotations",
    "write_database",
    "write_record",
    "write_signal",
]

__version__ = "0.1.0"

_PLACES = {
    "cli": "main",
    "errors": "CheckpointError ConfigError DataError DivergedError EcgrnnError SplitError",
    "inference.annotate": "annotate",
    "inference.checkpoint": "load_model",
    "inference.result": "Result",
    "inference.streaming.stream": "Beat BeatStream BeatStreams",
    "metrics.ec57.scores": "Ec57Scores RecordToScore score_records",
    "nn.fused": "recurrence",
    "nn.recurrence": "Recurrence",
    "nn.state": "State",
    "options.choices": "Cell",
    "options.data": "PreprocessingConfig",
    "signals.annotations": "Annotations read_annotations write_annotations",
    "signals.detection.detect": "QrsDetector detect_qrs detect_record",
    "signals.formats": "read",
    "signals.formats.wfdb.record": "Record read_record",
    "signals.formats.wfdb.writer": "write_signal",
    "signals.preprocessing": "PreparedRecord prepare_record",
    "signals.recording": "Recording",
    "simulator.simulate": "SimulatedRecord simulate_record write_database write_record",
    "tasks.model": "TrainedModel",
}
"""Module to the public names in it: the imports above, as they are done at run time."""

_MODULE_OF = {name: f"ecgrnn.{module}" for module, names in _PLACES.items() for name in names.split()}

if not TYPE_CHECKING:  # a type checker would take any misspelt name for one of these

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used.

        Raises:
            AttributeError: there is no such name.
        """
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'ecgrnn' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULE_OF[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
