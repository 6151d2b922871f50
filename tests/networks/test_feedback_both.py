import pytest
import torch

from ecgrnn.networks.feedback_both import FeedbackBothHead


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = FeedbackBothHead(4, 3, hidden_size=6).double().eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def test_each_step_is_scored_by_the_label_before_and_the_label_after(head):
    h = torch.randn(1, 4, 4, dtype=torch.float64)
    read, labels = head(h), torch.tensor([[2, -1, 0, 1]])
    neighbours = [(3, 3), (2, 0), (3, 1), (0, 3)]  # 3 stands for no label known
    for t, (before, after) in enumerate(neighbours):
        met = torch.tanh(head.read(h[0, t]) + head.before.weight[before] + head.after.weight[after])
        expected = torch.log_softmax(head.output(met), dim=-1)
        torch.testing.assert_close(head.log_p(read, labels)[0, t], expected)


def test_labels_that_only_their_two_neighbours_tell_are_found():
    torch.manual_seed(0)
    head = FeedbackBothHead(2, 2, hidden_size=16)

    def drawn():
        # each second step shows its label; between them stands whether its neighbours differ
        labels = torch.randint(2, (32, 9))
        labels[:, 1::2] = labels[:, :-1:2] ^ labels[:, 2::2]
        shown = torch.nn.functional.one_hot(labels, 2).float()
        shown[:, 1::2] = 0
        return shown, labels

    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(300):
        shown, labels = drawn()
        optimizer.zero_grad()
        (-head.log_likelihood(head(shown), labels).mean()).backward()
        optimizer.step()
    shown, labels = drawn()
    found = head.eval().decode(head(shown), torch.ones_like(labels, dtype=torch.bool))
    assert (found == labels).float().mean() > 0.99


def test_decoding_ends_where_no_label_would_change_beside_its_neighbours():
    torch.manual_seed(1)
    head = FeedbackBothHead(4, 3, hidden_size=6).eval()
    read, valid = head(torch.randn(5, 40, 4)), torch.arange(40) < torch.tensor([40, 7, 40, 1, 23])[:, None]
    labels = head.decode(read, valid)
    assert labels[~valid].eq(-1).all()
    assert torch.equal(head.log_p(read, labels).argmax(dim=-1)[valid], labels[valid])


def test_training_hides_a_share_of_the_labels_and_evaluation_all(head):
    read, labels = head(torch.randn(2, 8, 4, dtype=torch.float64)), torch.randint(3, (2, 8))
    hidden = head.log_p(read, torch.full_like(labels, -1)).gather(-1, labels[..., None]).sum((1, 2))
    torch.testing.assert_close(head.log_likelihood(read, labels), hidden)
    head.train()
    first, again, other = (
        head.log_likelihood(read, labels, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first, hidden)
