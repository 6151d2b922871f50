"""Options of commands that read or write recordings: ``predict``, ``stream``, ``convert``, ``generate``."""

from dataclasses import dataclass, field

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import BeatOutput, SampleFormat
from ecgrnn.options.rules import above_zero, at_least, at_most, check_threads, required

_NO_ANNOTATOR = ("csv", "hea", "dat", "mat")
"""Extensions of the table that is written beside the annotations, and of records."""


@dataclass
class PredictConfig:
    """Options of ``predict``: annotate a recording, or many.

    Attributes:
        run_dir: folder of what is written.
        checkpoint: a checkpoint, or the name of a model that comes with the package; null takes ``beats``,
            ``waves`` and ``rhythm`` together.
        record: a recording, as a file or as a WFDB record without suffix; a folder of them; a pattern such as
            ``ward/*.edf``; or several of these as ``'record=[a,b]'``.
        leads: the leads to read, by name, in the order the network reads them; null takes, for a model of
            the package, those that it was trained on as far as the recording has them; for any other
            checkpoint, those that it names, or the recording's first ones.
        fs: sampling frequency in Hz, for a file that does not state it.
        unit: unit of the samples, V, mV, uV or nV, for a file that does not state it, or states it wrongly.
        annotator: extension of an annotation file whose beat positions are used; null detects the beats.
        corrections: what a person corrected: the file that the page of the recording saves, or an annotation
            file of it that was edited; the beats are corrected by it, and like beats follow.
        extension: extension of the annotation file written; not that of a table or of a record's own files.
        batch_size: beats of a batch; results change by rounding only, below 1e-5.
        threads: threads of an operation on the CPU; null leaves it to torch.
        workers: recordings that are annotated at the same time; null takes as many as there are processors.
    """

    run_dir: str = "runs/predict"
    checkpoint: str | None = None
    record: str = ""
    leads: list[str] | None = None
    fs: float | None = None
    unit: str | None = None
    annotator: str | None = None
    corrections: str | None = None
    extension: str = "ecg"
    batch_size: int = 1024
    threads: int | None = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        required("record", self.record, "a recording, a folder or a pattern of recordings")
        if self.leads is not None and (not self.leads or len(set(self.leads)) < len(self.leads)):
            raise ConfigError(f"leads={self.leads} must name one lead, or several different ones")
        if self.extension.casefold() in _NO_ANNOTATOR:
            raise ConfigError(
                f"extension={self.extension} belongs to other files of a record, which the annotations would "
                "overwrite; name an annotator, such as ecg"
            )
        at_least("", "batch_size", self.batch_size, 1)
        at_least("", "workers", 1 if self.workers is None else self.workers, 1)
        check_threads(self.threads)


@dataclass
class StreamConfig:
    """Options of ``stream``: annotate beats while the signal is still coming.

    Attributes:
        run_dir: folder that keeps the options; null writes nothing.
        checkpoint: the name of a model of beats that comes with the package, or a checkpoint.
        source: where the samples come from: ``-`` for standard input, a file, which may still grow, or
            ``tcp://host:port``.
        fs: sampling frequency in Hz.
        leads: the names of the leads, one for each column of the samples.
        read: the leads that the model reads, in its order; null takes those it was trained on as far as they
            are there. Beats are found in all leads.
        format: how the samples are written.
        unit: unit of the samples: V, mV, uV or nV.
        gain: by what the numbers are divided to get that unit, such as 200 for counts of 1/200 mV.
        look_ahead: beats behind a beat that are waited for before it is judged, for a model that reads later
            beats; null takes 16.
        output: how the beats are written.
        out: a new file that they are written to; ``-`` is standard output.
        wait_s: the stream has ended when a file has not grown, or a socket has been away, for so long.
        threads: threads of an operation on the CPU; null leaves it to torch.
    """

    run_dir: str | None = None
    checkpoint: str = "beats_causal"
    source: str = ""
    fs: float = 0.0
    leads: list[str] = field(default_factory=list)
    read: list[str] | None = None
    format: SampleFormat = SampleFormat.text
    unit: str = "mV"
    gain: float = 1.0
    look_ahead: int | None = None
    output: BeatOutput = BeatOutput.text
    out: str = "-"
    wait_s: float = 10.0
    threads: int | None = 1

    def __post_init__(self) -> None:
        required("source", self.source, "- for standard input, a file, or tcp://host:port")
        if not self.fs:
            raise ConfigError("fs= is needed: the sampling frequency in Hz")
        if not self.leads:
            raise ConfigError(
                "leads= is needed: the names of the leads in their order, such as leads=[II,V1]"
            )
        if not self.gain:
            raise ConfigError("gain=0 is none: give by what the numbers are divided to get the unit")
        at_least("", "look_ahead", 0 if self.look_ahead is None else self.look_ahead, 0)
        at_least("", "wait_s", self.wait_s, 0)
        check_threads(self.threads)


@dataclass
class ConvertConfig:
    """Options of ``convert``: write recordings of any kind of file as WFDB records.

    Attributes:
        run_dir: folder that keeps the options; null writes nothing.
        record: path of the recording, of a folder of recordings, or a pattern such as ``data/*.edf``.
        out: folder of the WFDB records.
        fs: sampling frequency in Hz, where a file does not state it.
        unit: unit of the samples, where a file does not state it, or states it wrongly: V, mV, uV or nV.
        leads: the leads to write, by any of their names; null writes every ECG lead.
        anonymise: write no name, date of birth or identifier, number the records, and shift their dates by
            the same random time.
    """

    run_dir: str | None = None
    record: str = ""
    out: str = ""
    fs: float | None = None
    unit: str | None = None
    leads: list[str] | None = None
    anonymise: bool = False

    def __post_init__(self) -> None:
        required("record", self.record, "the path of a recording, of a folder of them, or a pattern")
        required("out", self.out, "the folder that the WFDB records are written to")
        above_zero("", "fs", self.fs)
        if self.leads is not None and (not self.leads or len(set(self.leads)) < len(self.leads)):
            raise ConfigError(f"leads={self.leads} must name one lead, or several different ones")


_MOST_BEATS = 1_000_000
_LONGEST_RR_S = 60.0


@dataclass
class GenerateConfig:
    """Options of ``generate``: write a record of beats of one class, and their annotations.

    Attributes:
        run_dir: folder of the record.
        checkpoint: the checkpoint of a generator.
        beat: class of the beats.
        n: how many beats.
        rr_s: distance from beat to beat; null takes the length of the window the generator was trained on.
        spread: noise added to each sample, as a share of the learned standard deviation; 0 writes the mean
            beat every time.
        seed: seed of that noise.
    """

    run_dir: str = "runs/generate"
    checkpoint: str = ""
    beat: str = "N"
    n: int = 10
    rr_s: float | None = None
    spread: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        required("checkpoint", self.checkpoint, "checkpoints/best.ckpt of a training run with task=generate")
        at_least("", "n", self.n, 1)
        at_most("", "n", self.n, _MOST_BEATS)
        above_zero("", "rr_s", self.rr_s)
        at_most("", "rr_s", self.rr_s or 1.0, _LONGEST_RR_S)
        at_least("", "spread", self.spread, 0)
        at_least("", "seed", self.seed, 0)
