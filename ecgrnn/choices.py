"""The named choices among options: cells, poolings, heads and the like."""

from enum import StrEnum


class Cell(StrEnum):
    """Recurrent cells; the equations are in ``nn/cells.py``."""

    rnn_tanh = "rnn_tanh"
    rnn_relu = "rnn_relu"
    lstm = "lstm"
    gru = "gru"
    gru_reset_before = "gru_reset_before"
    min_gru = "min_gru"
    min_lstm = "min_lstm"


class InitialState(StrEnum):
    """What the state is before the first step, where none is given."""

    zero = "zero"
    learned = "learned"


class Pooling(StrEnum):
    """How the N outputs of an encoder become one vector."""

    last = "last"
    mean = "mean"
    max = "max"
    attention = "attention"
    middle = "middle"


class Normalisation(StrEnum):
    """How the amplitude of a lead is scaled."""

    none = "none"
    robust = "robust"


class ClassWeights(StrEnum):
    """How much a class counts in the loss, from the class counts of the training patients alone.

    ``balanced`` is proportional to 1 / count, ``root`` to 1 / sqrt(count).
    """

    none = "none"
    root = "root"
    balanced = "balanced"


class Schedule(StrEnum):
    """How the learning rate moves over the whole training; both decays begin after a linear warm-up."""

    constant = "constant"
    cosine = "cosine"


class Side(StrEnum):
    """The sides of a split."""

    train = "train"
    validation = "validation"
    test = "test"


class Head(StrEnum):
    """How a labeller turns what it read into labels; the equations are in ``networks/labeller.py``."""

    linear = "linear"
    crf = "crf"
    feedback = "feedback"


class Place(StrEnum):
    """Where one vector enters a sequence: at the first step only, or at every step."""

    first = "first"
    every = "every"


class Context(StrEnum):
    """What a decoder is told of what was read; the equations are in ``networks/translator.py``."""

    last = "last"
    transform = "transform"
    attention = "attention"


class Objective(StrEnum):
    """What a sweep seeks: the largest macro-F1 on validation patients, the smallest of the others.

    ``parameters`` counts weights, ``seconds`` is the time of the training stage.
    """

    macro_f1 = "macro_f1"
    parameters = "parameters"
    seconds = "seconds"


class Sampler(StrEnum):
    """How a sweep chooses the values of its next trial."""

    tpe = "tpe"
    random = "random"


class Pruner(StrEnum):
    """Which trials of a sweep are stopped early."""

    none = "none"
    median = "median"
    hyperband = "hyperband"


class Attention(StrEnum):
    """How attention compares a key with its query; the equations are in ``nn/attention.py``."""

    additive = "additive"
    dot = "dot"


class Likelihood(StrEnum):
    """What a generator is trained by: the squared error alone, or a Gaussian with a spread of its own."""

    squared_error = "squared_error"
    gaussian = "gaussian"


class Front(StrEnum):
    """What lies between a signal and the recurrent layers: frames of samples, or strided convolutions."""

    frames = "frames"
    convolutions = "convolutions"


class Epoch(StrEnum):
    """Which epoch's weights are judged: the best one on validation, or the last of a fixed schedule."""

    best = "best"
    last = "last"
