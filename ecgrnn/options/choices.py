"""The named choices among options: cells, poolings, heads and the like."""

from enum import StrEnum


class Cell(StrEnum):
    """Recurrent cells; the equations are in ``nn/cells.py``.

    Attributes:
        rnn_tanh: Elman network with tanh.
        rnn_relu: Elman network with max(0, .) in place of tanh.
        lstm: long short-term memory.
        gru: gated recurrent unit as in torch.nn, the reset gate after the matrix product.
        gru_reset_before: gated recurrent unit as first published; needs ``fused=false``.
        min_gru: minimal GRU, whose gate depends only on the input.
        min_lstm: minimal LSTM, whose gates depend only on the input.
        joined: the next state and the output are both read from one joined input ``[x_t, state]``, and the
            output is a log-softmax; needs ``fused=false``.
        joined_tanh: the same with a tanh on the state, which is then that of ``rnn_tanh``; needs
            ``fused=false``.
    """

    rnn_tanh = "rnn_tanh"
    rnn_relu = "rnn_relu"
    lstm = "lstm"
    gru = "gru"
    gru_reset_before = "gru_reset_before"
    min_gru = "min_gru"
    min_lstm = "min_lstm"
    joined = "joined"
    joined_tanh = "joined_tanh"


class InitialState(StrEnum):
    """What the state is before the first step, where none is given.

    Attributes:
        zero: zeros.
        learned: a parameter, trained with the others.
    """

    zero = "zero"
    learned = "learned"


class Pooling(StrEnum):
    """How the N outputs of an encoder become one vector.

    Attributes:
        last: the output of each direction after its last step.
        mean: the mean over the steps.
        max: the largest value of each feature.
        attention: a mean with learned weights.
        middle: the output at step N // 2, which lies on the beat of a window.
    """

    last = "last"
    mean = "mean"
    max = "max"
    attention = "attention"
    middle = "middle"


class Normalisation(StrEnum):
    """How the amplitude of a lead is scaled.

    Attributes:
        none: not at all; the signal is in mV.
        robust: divided by the lead's median range over blocks of 2 s; the signal has no unit.
    """

    none = "none"
    robust = "robust"


class ClassWeights(StrEnum):
    """How much a class counts in the loss, from the class counts of the training patients only.

    Attributes:
        none: every item counts the same.
        root: in proportion to 1 / sqrt(count of the class).
        balanced: in proportion to 1 / count of the class.
    """

    none = "none"
    root = "root"
    balanced = "balanced"


class Schedule(StrEnum):
    """How the learning rate moves over the whole training, after a linear warm-up.

    Attributes:
        constant: it stays at its highest value.
        cosine: it falls to zero along half a cosine.
    """

    constant = "constant"
    cosine = "cosine"


class Subset(StrEnum):
    """The subsets of a split."""

    train = "train"
    validation = "validation"
    test = "test"


class Head(StrEnum):
    """How a labeller turns what it read into labels; the equations are in ``networks/labeller.py``.

    Attributes:
        linear: each label by itself.
        crf: all labels together, by a linear-chain conditional random field.
        feedback: each label given the one before.
        feedback_both: each label given the one before and the one after.
    """

    linear = "linear"
    crf = "crf"
    feedback = "feedback"
    feedback_both = "feedback_both"


class Place(StrEnum):
    """Where one vector enters a sequence.

    Attributes:
        first: at the first step only.
        every: at every step.
    """

    first = "first"
    every = "every"


class Context(StrEnum):
    """What a decoder receives from the encoder; the equations are in ``networks/translator.py``.

    Attributes:
        last: the last state of the encoder.
        transform: the last state of the encoder through a layer with tanh.
        attention: a learned mean of all states of the encoder, anew for every symbol with ``place=every``.
    """

    last = "last"
    transform = "transform"
    attention = "attention"


class Objective(StrEnum):
    """What a sweep seeks.

    Attributes:
        macro_f1: the largest macro-F1 on validation patients.
        parameters: the smallest number of weights.
        seconds: the shortest time of the training stage.
    """

    macro_f1 = "macro_f1"
    parameters = "parameters"
    seconds = "seconds"


class Sampler(StrEnum):
    """How a sweep chooses the values of its next trial.

    Attributes:
        tpe: from the trials so far, by Optuna's tree-structured Parzen estimator.
        random: at random.
    """

    tpe = "tpe"
    random = "random"


class Pruner(StrEnum):
    """Which trials of a sweep are stopped early.

    Attributes:
        none: none.
        median: those below the median of the other trials at the same epoch.
        hyperband: those that Optuna's Hyperband pruner stops.
    """

    none = "none"
    median = "median"
    hyperband = "hyperband"


class Attention(StrEnum):
    """How attention compares a key with its query; the equations are in ``nn/attention.py``.

    Attributes:
        additive: by a layer with tanh over both.
        dot: by their product.
    """

    additive = "additive"
    dot = "dot"


class Likelihood(StrEnum):
    """The loss that a generator is trained with.

    Attributes:
        squared_error: the squared error, which gives the mean beat of a class.
        gaussian: the likelihood of a Gaussian with a standard deviation for every sample.
    """

    squared_error = "squared_error"
    gaussian = "gaussian"


class Front(StrEnum):
    """What lies between a signal and the recurrent layers.

    Attributes:
        frames: frames of consecutive samples.
        convolutions: strided convolutions; for ``network=classifier`` only.
    """

    frames = "frames"
    convolutions = "convolutions"


class Epoch(StrEnum):
    """Which epoch's weights are scored.

    Attributes:
        best: those of the best epoch on the validation patients.
        last: those of the last epoch, for a schedule fixed beforehand.
    """

    best = "best"
    last = "last"


class LeadReading(StrEnum):
    """How a network reads the leads of a beat.

    Attributes:
        in_order: a fixed number of leads, each with weights of its own behind the encoder.
        any: any number of leads in any order; a lead that is missing or flat is left out.
    """

    in_order = "in_order"
    any = "any"


class SampleFormat(StrEnum):
    """How the samples of a stream are written, all leads of a sample side by side.

    Attributes:
        text: a line for each sample, with numbers between blanks, tabs, commas or semicolons.
        int16: whole numbers of 16 bits, little-endian; -32768 is a missing sample.
        float32: numbers of single precision, little-endian; NaN is a missing sample.
    """

    text = "text"
    int16 = "int16"
    float32 = "float32"


class BeatOutput(StrEnum):
    """How the beats of a stream are written.

    Attributes:
        text: a line for each beat.
        jsonl: a line of JSON for each beat.
        wfdb: a WFDB annotation file, which is whole after every beat.
    """

    text = "text"
    jsonl = "jsonl"
    wfdb = "wfdb"


class ExportFormat(StrEnum):
    """What a model is exported as.

    Attributes:
        onnx: one file with everything that prediction needs; ONNX Runtime runs it, torch is not needed.
        torch: the network alone as a program of ``torch.export``, for rows of one length.
    """

    onnx = "onnx"
    torch = "torch"


class Quantize(StrEnum):
    """What the weights of an exported model are.

    Attributes:
        none: single precision.
        int8: whole numbers of one byte, with a scale for each row.
    """

    none = "none"
    int8 = "int8"
