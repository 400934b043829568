import torch
from ldikit.reference.folding import fold_batch_norms
from torch import nn


class Graph(nn.Module):
    """`good` feeds one normalisation, in two calls; `shared`'s result is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.good, self.good_norm = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.shared, self.shared_norm = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)
        for norm in (self.good_norm, self.shared_norm):
            nn.init.uniform_(norm.running_mean, -1, 1)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(2):
            x = torch.relu(self.good_norm(self.good(x)))
        plain = self.shared(x)
        return self.shared_norm(plain) + plain


def test_only_a_normalisation_that_alone_uses_a_convolution_is_folded():
    torch.manual_seed(0)
    module, x = Graph().eval(), torch.rand(1, 2, 5, 6)
    folded, pairs = fold_batch_norms(module, (x,))
    assert pairs == 1
    assert isinstance(folded.good_norm, nn.Identity)
    assert isinstance(folded.shared_norm, nn.BatchNorm2d)
    assert isinstance(module.good_norm, nn.BatchNorm2d)  # the original is left as it is
    with torch.no_grad():
        torch.testing.assert_close(folded(x), module(x), atol=1e-6, rtol=1e-5)


def test_the_folded_weight_is_the_textbooks():
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)).eval()
    with torch.no_grad():
        module[0].weight.fill_(3.0)
        module[0].bias.fill_(1.0)
        module[1].running_mean.fill_(2.0)
        module[1].running_var.fill_(4.0)
        module[1].weight.fill_(6.0)
        module[1].bias.fill_(5.0)
    folded, pairs = fold_batch_norms(module, (torch.ones(1, 1, 1, 1),))
    # y = 6·((3x + 1) − 2)/√4 + 5 = 9x + 2
    assert pairs == 1
    assert folded[0].weight.item() == 9.0
    assert folded[0].bias.item() == 2.0
