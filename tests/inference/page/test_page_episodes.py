import numpy as np
from doubles import FS_HZ, result_of

from ecgrnn.inference.page import page_of


def test_the_page_lists_the_episodes_that_are_there_with_the_longest_of_each_rhythm():
    result = result_of()
    onset = np.array([0, 20, 24, 40, 49, 60]) * round(FS_HZ)
    assert "ventricular tachycardia" not in page_of(result)
    result.episodes = {
        "onset": onset,
        "offset": np.append(onset[1:], 90 * round(FS_HZ)),
        "rhythm": np.array(["N", "VT", "N", "VT", "N", "NOISE"]),
    }
    page = page_of(result)
    assert "ventricular tachycardia" in page
    assert "2 episodes, 13.0 s" in page
    assert "longest 9.0 s" in page
    assert "not readable" in page
