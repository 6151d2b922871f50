import dataclasses

from ecgrnn.reports.sweep_page import SweepShown, sweep_page

SPACE = {"optimizer": {"choices": ["slow", "fast"]}, "network.hidden_size": {"low": 4, "high": 8}}


def trial(number: int, state: str, **more) -> dict:
    found = {"macro_f1": 0.5 + number / 10, "optimizer": "slow", "network.hidden_size": 4 + number}
    return {"trial": number, "state": state, "host": "here", "epochs": 3} | found | more


SHOWN = SweepShown(
    study="mine",
    wanted=3,
    objectives=["macro_f1"],
    space=SPACE,
    rows=[trial(0, "complete"), trial(1, "complete"), trial(2, "pruned"), trial(3, "fail", macro_f1=None)],
    importances={"optimizer": 0.25, "network.hidden_size": 0.75},
    best=[(1, ["optimizer=slow"])],
    command="python -m ecgrnn train experiment=best",
)


def test_a_sweep_shows_its_trials_and_what_mattered_most_first():
    page = sweep_page(SHOWN)
    assert "2 complete, 1 pruned, 1 fail" in page
    assert page.index(">network.hidden_size</th>") < page.index(">optimizer</th>")
    for heading in ("Best trial", "History", "What mattered", "Parallel coordinates", "Trials"):
        assert f"<h2>{heading}</h2>" in page
    assert "macro_f1 against" not in page


def test_a_sweep_that_has_just_begun_has_a_page_too():
    page = sweep_page(dataclasses.replace(SHOWN, rows=[], importances={}, best=[]))
    assert "No trial has finished yet." in page
    assert "Too few finished trials to say." in page
    assert "History" not in page


def test_text_of_options_and_hosts_cannot_become_markup_in_the_page(spoil, assert_escaped):
    kept = ("state", "optimizer")
    page = sweep_page(
        dataclasses.replace(
            SHOWN,
            study=spoil("mine"),
            rows=spoil(SHOWN.rows, but=kept),
            best=spoil(SHOWN.best),
            command=spoil(SHOWN.command),
        )
    )
    assert_escaped(page)
