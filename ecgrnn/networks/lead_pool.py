"""One vector from what any number of leads show: neither their number nor their order matters."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class LeadPool(nn.Module):
    """Turn one vector a lead into one vector: a mean with learned weights, and the maximum.

    Every lead goes through the same layer, and a lead that shows nothing is left out::

        e_l = gelu(W x_l + b),  a = softmax(v . e_l),  [sum_l a_l e_l, max_l e_l]

    A lead given twice counts as once where it is alone, and the order of the leads changes nothing (Zaheer et
    al., Deep Sets, NeurIPS 2017). Where no lead shows anything the vector is zero.

    Args:
        input_size: features of a lead.
        size: features of ``e``.
    """

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__()
        self.lead = nn.Linear(input_size, size)
        self.score = nn.Linear(size, 1, bias=False)
        self.output_size = 2 * size

    def forward(self, x: Tensor, shown: Tensor) -> Tensor:
        """Pool the leads.

        Args:
            x: ``(..., lead, feature)``.
            shown: boolean ``(..., lead)``, false where a lead is missing or flat.

        Returns:
            ``(..., output_size)``.
        """
        e = functional.gelu(self.lead(x))
        lowest = torch.finfo(e.dtype).min
        weight = self.score(e).squeeze(-1).masked_fill(~shown, lowest).softmax(dim=-1) * shown
        largest = e.masked_fill(~shown[..., None], lowest).amax(dim=-2)
        largest = largest * shown.any(dim=-1, keepdim=True)
        return torch.cat([(weight[..., None] * e).sum(dim=-2), largest], dim=-1)
