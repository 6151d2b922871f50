# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 9. A strip read out
#
# **N-vs-M**: a sequence is read and another is written, of a length that nobody knows beforehand. Here 3 s of ECG are read out
# as their beats, `N N V N`. An *encoder* reads everything, a *decoder* writes symbol after symbol until it says *stop*.
#
# ```text
# h_1 --> h_2 --> ... --> h_N             the encoder has read
#                          |
#                          c              the context: what the decoder is told
#                   +------+------+
#                   v      v      v
#           s_0 -> s_1 -> s_2 -> s_3      the decoder writes
#                   ^ |    ^ |    ^ |
#               start N ---+ V ---+ stop
# ```

# %%
import numpy as np
import torch
from figures import curves, say, strip, table
from torch import nn

import ecgrnn
from ecgrnn.metrics.transcription import score_strip, sum_transcriptions
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.translator import Translator
from ecgrnn.options.choices import Context, Place

FS, FRAME, SECONDS = 125.0, 16, 3
SYMBOLS = {
    "N": 0,
    "S": 0,
    "L": 0,
    "R": 0,
    "F": 1,
    "V": 1,
}  # N: narrow or as always; V: with a ventricular part
LETTERS = "NV"


def strips_of(patients):
    """Give strips (strip, time, 2), the numbers of their symbols padded with -1, and when each beat was."""
    signals, symbols, times = [], [], []
    for patient in patients:
        record = ecgrnn.simulate_record(patient, seed=11, duration_s=60.0, fs_hz=FS)
        signal = record.signal - np.median(record.signal, axis=0)
        for start in range(0, len(signal) - int(SECONDS * FS) + 1, int(SECONDS * FS)):
            stop = start + int(SECONDS * FS)
            inside = [
                (sample - start, SYMBOLS[symbol])
                for sample, symbol in zip(record.beat_samples, record.beat_symbols, strict=True)
                if start <= sample < stop
            ]
            signals.append(signal[start:stop])
            symbols.append(torch.tensor([symbol for _, symbol in inside]))
            times.append([sample / FS for sample, _ in inside])
    padded = nn.utils.rnn.pad_sequence(symbols, batch_first=True, padding_value=-1)
    return torch.from_numpy(np.stack(signals)), padded, times


x, y, _ = strips_of(range(1, 61))
x_test, y_test, times_test = strips_of(range(61, 71))
counts = (y >= 0).sum(dim=1)
say(
    f"{len(x)} strips of 60 patients with {counts.min()} to {counts.max()} beats; {len(x_test)} strips of 10 others."
)

# %% [markdown]
# ## The bottleneck, and attention
#
# If the context is the last state of the encoder, 3 s must fit into one vector. With **attention** the decoder asks anew for every
# symbol: its state is compared with each of the encoder's states, and the context is their mean, weighted by how well they
# fit ([Bahdanau, Cho and Bengio, 2015](https://arxiv.org/abs/1409.0473)):
#
# $$e_{jt} = v^\top \tanh(W_k h_t + W_q s_{j-1} + b), \qquad a_{jt} = \mathrm{softmax}_t(e_{jt}), \qquad c_j = \sum_t a_{jt} h_t$$
#
# In training the decoder is given the *true* symbols before (teacher forcing), so that all steps can be learnt together.


# %%
def train(context, *, steps):
    """Train a translator; give it and its loss."""
    torch.manual_seed(0)
    encoder = FrameEncoder(2, FRAME, cell=ecgrnn.Cell.gru, hidden_size=24, bidirectional=True)
    network = Translator(
        encoder, 2, cell=ecgrnn.Cell.gru, hidden_size=48, context=context, place=Place.every, embedding_size=8
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    generator, losses = torch.Generator().manual_seed(0), []
    for _ in range(steps):
        rows = torch.randint(len(x), (32,), generator=generator)
        log_p, target = network(x[rows], y[rows]), network.targets(y[rows])
        loss = nn.functional.nll_loss(log_p.flatten(0, 1), target.flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return network.eval(), losses


named = {"last state": train(Context.last, steps=400), "attention": train(Context.attention, steps=400)}
curves(
    {name: np.convolve(losses, np.ones(10) / 10, "valid") for name, (_, losses) in named.items()},
    x="training step",
    y="loss of a symbol",
    caption="Mean of ten steps.",
)

# %% [markdown]
# ## Read out, and scored
#
# At prediction nobody knows the symbols before: each is the network's own, and several beginnings are kept (*beam search*). A
# transcript is scored like speech: by the fewest symbols to be changed, put in or taken out (*edit distance*).


# %%
def read_out(network, width):
    """Write the transcripts of the test strips."""
    with torch.no_grad():
        return network.decode(x_test, max_symbols=12, beam_width=width)


rows = []
for name, (network, _) in named.items():
    for width in (1, 3):
        written = read_out(network, width)
        score = sum_transcriptions(
            score_strip([k for k in true if k >= 0], found[:n])
            for true, found, n in zip(
                y_test.tolist(), written.symbols.tolist(), written.lengths.tolist(), strict=True
            )
        )
        rows.append(
            [name, width, f"{100 * score.token_error_rate:.0f} %", f"{100 * score.exact_share:.0f} %"]
        )
table(["context", "beginnings kept", "token error rate", "strips without an error"], rows)

# %% [markdown]
# ## Attention, seen
#
# The weights $a_{jt}$ say where the decoder looked when it wrote symbol $j$. Nobody told it where the beats are: it was
# given transcripts only. One test strip, and one curve for every symbol:

# %%
network = named["attention"][0]
rich = [k for k in range(len(x_test)) if 1 in y_test[k].tolist()]
which = rich[0]
memory, before, looks, letters = (
    network.read(x_test[which : which + 1]),
    torch.tensor([network.start]),
    [],
    [],
)
with torch.no_grad():
    while len(looks) < 12:
        _, weights = network.attend.look(memory.keys, memory.state.h[-1])
        log_p, memory = network.step(before, memory)
        before = log_p.argmax(dim=-1)
        looks.append(weights[0])
        if before.item() == network.stop:
            break
        letters.append(LETTERS[before.item()])
true = [LETTERS[k] for k in y_test[which].tolist() if k >= 0]
print("true   ", *true)
print("written", *letters)
strip(
    x_test[which].numpy(),
    fs_hz=FS,
    leads=("lead 1", "lead 2"),
    beats=[(time_s, letter, letter) for time_s, letter in zip(times_test[which], true, strict=True)],
    caption="The strip, with its true beats.",
)

# %%
centre_s = (np.arange(len(looks[0])) + 0.5) * FRAME / FS
curves(
    {
        f"{k + 1}: {letter}": (centre_s, look)
        for k, (letter, look) in enumerate(zip([*letters, "stop"], looks, strict=False))
    },
    x="s",
    y="attention",
    y_range=(0, 1),
    caption="Where the decoder looks for each symbol.",
)

# %%
offsets = [
    abs(float(centre_s[int(look.argmax())]) - time_s)
    for look, time_s in zip(looks, times_test[which], strict=False)
]
say(
    f"The step looked at most is {1000 * np.median(offsets):.0f} ms (median) from the R peak of the symbol's beat."
)

# %% [markdown]
# Compare that with a step, which lasts 128 ms, and do not be surprised if the peaks do not stand on the beats. The encoder reads
# in both directions, so every state may know the whole strip, and the decoder may fetch it anywhere. **Attention is not an
# explanation of a decision**; it is a view of where information was taken from. The table of scores says the same in another
# way: 3 s fit into one vector, and then attention gains little. It pays where a strip outgrows the vector.
#
# A transcript has no times. Where every beat is to be *found*, chapter 7 is the better form; N-vs-M is for answers that
# have no place in the signal, such as a report in words.
#
# ## Exercise
#
# Let the network with attention read a strip that is twice as long as any in the training (put two test strips one behind
# the other). How many symbols does it write, and how many should it? What does that say about teacher forcing on strips
# of one length?

# %% tags=["solution"]
pairs = torch.cat([x_test[0:40:2], x_test[1:41:2]], dim=1)
should = (y_test[0:40:2] >= 0).sum(dim=1) + (y_test[1:41:2] >= 0).sum(dim=1)
with torch.no_grad():
    wrote = network.decode(pairs, max_symbols=30).lengths
print(f"symbols: {should.float().mean():.1f} there on average, {wrote.float().mean():.1f} written")
print(
    "the decoder has also learnt when strips usually stop: it must be trained on the lengths that it will meet"
)
