import numpy as np
import pytest

from ecgrnn.data.batch import aligned_tensor


@pytest.mark.parametrize("offset", [0, 4, 16, 60])
def test_a_tensor_of_an_array_anywhere_begins_at_a_multiple_of_64_bytes(offset):
    room = np.zeros(400 + 128, np.uint8)
    begin = -room.ctypes.data % 64 + offset
    array = room[begin : begin + 400].view(np.float32)
    array[:] = np.arange(100)
    tensor = aligned_tensor(array)
    assert tensor.data_ptr() % 64 == 0
    np.testing.assert_array_equal(tensor, array)
    assert np.shares_memory(tensor.numpy(), array) is (offset == 0)
