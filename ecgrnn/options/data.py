"""The options of data: the signal, the database and the batches, with their units and defaults."""

from dataclasses import dataclass

from ecgrnn.errors import ConfigError
from ecgrnn.options.choices import Normalisation
from ecgrnn.options.rules import HIGHEST_HZ, LOWEST_HZ, above_zero, at_least, at_most

_LOWEST_CORNER_HZ = 0.01
"""Of a high-pass: standards ask for 0.05 Hz, and a filter is the longer the lower its corner lies."""


@dataclass
class PreprocessingConfig:
    """From the signal on disk to the signal a network reads.

    Attributes:
        fs_hz: sampling frequency after resampling; null keeps the record's own.
        leads: leads by name, or by place in the record from 1, in the order the network reads them; null
            takes the record's own order.
        n_leads: number of leads that are read if ``leads`` is null; 0 reads all ECG leads of each record, for
            networks with ``leads=any``.
        first_lead: the lead that comes first if it is among these; the others keep their order.
        highpass_hz: corner of the high-pass against baseline wander, at least 0.01; null leaves it out.
        lowpass_hz: corner of the low-pass, below half of ``fs_hz``; null leaves it out.
        notch_hz: powerline frequency to remove; null leaves it out.
        normalisation: how the amplitude of a lead is scaled.
        causal: read no later sample: filters are one-sided and delay a QRS by about 20 ms, and gaps fade
            out; needs ``normalisation=none``. Otherwise filters have no delay and read up to 4 s ahead.
    """

    fs_hz: float | None = 180.0
    leads: list[str] | None = None
    n_leads: int = 2
    first_lead: str | None = None
    highpass_hz: float | None = 0.5
    lowpass_hz: float | None = 40.0
    notch_hz: float | None = None
    normalisation: Normalisation = Normalisation.none
    causal: bool = False

    def __post_init__(self) -> None:
        if self.causal and self.normalisation is not Normalisation.none:
            raise ConfigError(
                f"preprocessing.causal=true does not allow preprocessing.normalisation="
                f"{self.normalisation.value}, which measures the whole record; set it to none"
            )
        for name in ("fs_hz", "highpass_hz", "lowpass_hz", "notch_hz"):
            above_zero("preprocessing", name, getattr(self, name))
        if self.fs_hz is not None:
            at_least("preprocessing", "fs_hz", self.fs_hz, LOWEST_HZ)
            at_most("preprocessing", "fs_hz", self.fs_hz, HIGHEST_HZ)
        if self.highpass_hz is not None:
            at_least("preprocessing", "highpass_hz", self.highpass_hz, _LOWEST_CORNER_HZ)
        at_least("preprocessing", "n_leads", self.n_leads, 0)
        if self.leads is not None and not self.leads:
            raise ConfigError("preprocessing.leads=[] names no lead; set it to null to take the first ones")
        if self.fs_hz is not None and self.lowpass_hz is not None and self.lowpass_hz >= self.fs_hz / 2:
            raise ConfigError(
                f"preprocessing.lowpass_hz={self.lowpass_hz} must lie below half of "
                f"preprocessing.fs_hz={self.fs_hz}; lower it, or set it to null"
            )


@dataclass
class DataConfig:
    """Which database, where it is, and who is in which subset of the split.

    Attributes:
        database: name of a database, or ``folder``; null (``evaluate`` and ``audit``) is the one trained on.
        root: folder that contains the database, directly or in a folder of its name; nothing is downloaded.
            null searches ECGRNN_DATA/NAME, then data/physionet/NAME, and downloads a missing database into
            the latter.
        annotator: extension of the annotation files with the reference beats or waves; `lead` for waves
            marked lead by lead, in files named like the leads in lower case.
        scheme: label scheme, ``aami`` or ``bxb``.
        split: ``ds1ds2`` or ``ds1ds2_strict`` (mitdb), ``published`` (ptbxl), ``strips``, ``kfold``,
            ``holdout``, ``all`` (``evaluate``, ``audit``), or a YAML file with lists of records; null takes
            the database's own.
        validation_fraction: share of the training patients used for validation.
        folds: number of folds of ``kfold`` and ``strips``.
        fold: the fold that is held out, from 0.
        split_seed: seed of every random choice of the split.
        records: only these records; null takes all.
        cache: folder of the cache of prepared records.
        workers: threads that prepare records; ``prepare processes=`` uses processes.
        n_patients: patients of the simulated database.
        duration_s: length of a simulated record.
        simulation_seed: seed of the simulated database.
    """

    database: str | None = "synthetic"
    root: str | None = None
    annotator: str = "atr"
    scheme: str = "aami"
    split: str | None = None
    validation_fraction: float = 0.2
    folds: int = 5
    fold: int = 0
    split_seed: int = 0
    records: list[str] | None = None
    cache: str = "data/cache"
    workers: int = 2
    n_patients: int = 40
    duration_s: float = 300.0
    simulation_seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.validation_fraction < 1:
            raise ConfigError(
                f"data.validation_fraction must lie between 0 and 1; it is {self.validation_fraction}"
            )
        if self.records is not None and not self.records:
            raise ConfigError("data.records=[] names no record; leave it out to take all")
        at_least("data", "folds", self.folds, 2)
        at_least("data", "workers", self.workers, 0)
        at_least("data", "split_seed", self.split_seed, 0)
        if not 0 <= self.fold < self.folds:
            raise ConfigError(f"data.fold must lie in 0..{self.folds - 1}; it is {self.fold}")


@dataclass
class LoaderConfig:
    """How batches are made.

    Attributes:
        batch_size: items of a training batch.
        evaluation_batch_size: items of a batch where nothing is learned; results change by rounding only,
            below 1e-5.
        workers: loader processes; 0 gathers in this one, which is faster for gathers this cheap.
        in_memory_mb: windows are held in memory when they take no more than this, else mapped from the cache.
    """

    batch_size: int = 256
    evaluation_batch_size: int = 1024
    workers: int = 0
    in_memory_mb: float = 1024.0

    def __post_init__(self) -> None:
        at_least("loader", "batch_size", self.batch_size, 1)
        at_least("loader", "evaluation_batch_size", self.evaluation_batch_size, 1)
        at_least("loader", "workers", self.workers, 0)
