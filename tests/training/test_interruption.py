import os

import pytest

from ecgrnn.errors import Interrupted
from ecgrnn.training.interruption import SIGNALS, Interruption


def end_of_child_that_hears(number: int) -> int:
    """Give the exit status of a forked process that is sent a signal: 0 where it did nothing."""
    child = os.fork()
    if not child:
        try:
            os.kill(os.getpid(), number)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_signal_does_nothing_in_a_process_forked_meanwhile(number):
    interruption = Interruption("")
    with interruption.listening():
        assert end_of_child_that_hears(number) == 0
        interruption.put_off()
        assert end_of_child_that_hears(number) == 0
        assert not interruption.requested


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_at_once_and_once_put_off_is_remembered(number):
    interruption = Interruption("go on")
    with interruption.listening():
        with pytest.raises(Interrupted, match="go on"):
            os.kill(os.getpid(), number)
        interruption.put_off()
        os.kill(os.getpid(), number)
        assert interruption.requested == number
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), number)
