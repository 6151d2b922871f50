"""The N-vs-M task: a translator, the cross-entropy of its next symbol and its rate of wrong symbols."""

from typing import cast

from torch import Tensor
from torch.nn.functional import nll_loss
from torchmetrics import MeanMetric

from ecgrnn.data.batch import SymbolBatch
from ecgrnn.metrics.classification import MeanLoss
from ecgrnn.metrics.transcription import edit_operations
from ecgrnn.networks.translator import Translator
from ecgrnn.options.training import OptimizerConfig
from ecgrnn.tasks.module import TaskModule
from ecgrnn.tasks.task import ModuleInputs
from ecgrnn.tasks.transcription.options import MOST_BEATS_PER_S


class TranscriptionModule(TaskModule):
    """Trains a translator on the next symbol, the true ones before it given (teacher forcing).

    Validation writes every strip out greedily, with nothing given but the signal: the rate of wrong symbols
    is what a user will see, the loss is not.

    Args:
        network: the translator.
        most_symbols_per_s: a sequence longer than this many symbols for a second of signal is cut.
        fs_hz: sampling frequency of the signals.
        optimizer: AdamW and its schedule.
    """

    network: Translator

    def __init__(
        self,
        network: Translator,
        *,
        most_symbols_per_s: float,
        fs_hz: float,
        optimizer: OptimizerConfig,
    ) -> None:
        super().__init__(network, optimizer=optimizer)
        self.most_symbols_per_sample = most_symbols_per_s / fs_hz
        self.validation_errors = MeanMetric()

    def training_step(self, batch: SymbolBatch) -> Tensor:
        """Give the loss of a batch: minus the mean log-probability of a symbol, the stop included."""
        return self.mean_loss(*self._loss(batch, "training"))

    def validation_step(self, batch: SymbolBatch) -> None:
        """Log the loss and add a batch to the validation errors."""
        self._score(batch, "validation", self.validation_errors)

    def _loss(self, batch: SymbolBatch, stage: str) -> tuple[Tensor, Tensor]:
        log_p = self.network(batch.signal, batch.symbols, batch.lengths)
        targets = self.network.targets(batch.symbols).flatten()
        total = nll_loss(log_p.flatten(0, 1), targets, ignore_index=-1, reduction="sum")
        symbols = (targets >= 0).sum()
        loss: MeanLoss = getattr(self, f"{stage}_loss")
        loss.update(total, symbols)
        self.log(f"{stage}/loss", loss, on_step=False, on_epoch=True)
        return total, symbols

    def _score(self, batch: SymbolBatch, stage: str, errors: MeanMetric) -> None:
        self._loss(batch, stage)
        most = max(1, round(self.most_symbols_per_sample * batch.signal.shape[1]))
        found = self.network.decode(batch.signal, batch.lengths, max_symbols=most)
        for reference, symbols in zip(batch.symbols.tolist(), found.symbols.tolist(), strict=True):
            true = [symbol for symbol in reference if symbol >= 0]
            wrong = sum(edit_operations(true, [symbol for symbol in symbols if symbol >= 0]))
            # errors per true symbol, weighted by their number: errors over symbols, summed over all strips
            errors.update(wrong / max(1, len(true)), weight=max(1, len(true)))
        self.log(f"{stage}/token_error_rate", errors, prog_bar=stage == "validation")


def transcription_module(inputs: ModuleInputs) -> TranscriptionModule:
    """Build the training of a translator."""
    return TranscriptionModule(
        cast("Translator", inputs.network),
        most_symbols_per_s=MOST_BEATS_PER_S,
        fs_hz=inputs.signal.fs_hz,
        optimizer=inputs.train.optimizer,
    )
