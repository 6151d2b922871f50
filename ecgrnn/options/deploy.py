"""Options of the commands that take a trained model elsewhere, or look into it."""

from dataclasses import dataclass

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import ExportFormat, Quantize
from ecgrnn.options.rules import above_zero, at_least, check_threads, required


@dataclass
class ExportConfig:
    """Options of ``export``: a trained model as a file that other programs run.

    Attributes:
        run_dir: folder that keeps the options; null writes nothing.
        checkpoint: a checkpoint, or the name of a model that comes with the package.
        format: what is written; ``predict`` reads ``onnx``.
        out: the file; null writes it beside the checkpoint, and of a model of the package ``NAME.onnx`` here.
        quantize: ``int8`` writes the weights as whole numbers of a byte.
        record: a recording on which the exported model must give the same annotations as the checkpoint, in
            addition to random signals; null takes a simulated one.
        fs: sampling frequency of that recording in Hz, for a file that does not tell it.
        tolerance: largest difference allowed between the outputs of the checkpoint and of what was exported.
    """

    run_dir: str | None = None
    checkpoint: str = ""
    format: ExportFormat = ExportFormat.onnx
    out: str | None = None
    quantize: Quantize = Quantize.none
    record: str | None = None
    fs: float | None = None
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        required("checkpoint", self.checkpoint, "checkpoints/best.ckpt of a training run, or a model by name")
        above_zero("", "fs", self.fs)
        above_zero("", "tolerance", self.tolerance)
        if self.format is ExportFormat.torch and (self.quantize is not Quantize.none or self.record):
            raise ConfigError("quantize= and record= are for format=onnx; leave them out with format=torch")


@dataclass
class ExplainConfig:
    """Options of ``explain``: what the class of a beat leans on.

    Attributes:
        run_dir: folder of the page and the table.
        checkpoint: the checkpoint of a classifier of beats in sequence, or ``beats``, which comes with the
            package.
        record: the recording.
        beat: which of its beats, from 1, as the rows of the table that ``predict`` writes.
        target: the class that is asked about; null takes the one that the beat is called.
        annotator: extension of an annotation file whose beats are taken; null detects them, as ``predict``
            does.
        leads: the leads to read, by name; null takes those that ``predict`` takes.
        fs: sampling frequency in Hz, for a file that does not tell it.
        threads: threads of an operation on the CPU; null leaves it to torch.
    """

    run_dir: str = "runs/explain"
    checkpoint: str = "beats"
    record: str = ""
    beat: int = 1
    target: str | None = None
    annotator: str | None = None
    leads: list[str] | None = None
    fs: float | None = None
    threads: int | None = 1

    def __post_init__(self) -> None:
        required("record", self.record, "a recording")
        at_least("", "beat", self.beat, 1)
        above_zero("", "fs", self.fs)
        check_threads(self.threads)
