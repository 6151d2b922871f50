from dataclasses import dataclass

import pytest
import torch

from ecgrnn.commands.threads import on_threads
from ecgrnn.errors import ConfigError


@dataclass
class Options:
    threads: int | None


@pytest.mark.parametrize("threads", [1, 3, None])
def test_a_command_runs_with_its_threads_and_leaves_the_process_as_it_was(threads):
    before = torch.get_num_threads()
    seen = []
    on_threads(lambda options: seen.append(torch.get_num_threads()))(Options(threads))
    assert seen == [threads or before]
    assert torch.get_num_threads() == before


def test_the_threads_are_given_back_after_a_failure():
    before = torch.get_num_threads()

    @on_threads
    def fail(options: Options) -> None:
        raise ConfigError("no")

    with pytest.raises(ConfigError):
        fail(Options(before + 1))
    assert torch.get_num_threads() == before
