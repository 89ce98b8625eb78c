"""Vector quantisation in PyTorch by the paper's formulas (van den Oord et al. 2017, Eq. 1 to 3 and Appendix A.1) into data/quantize.json. Usage: python torch_quantize.py"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

COUNT, WIDTH, DECAY, EPSILON = 5, 3, 0.9, 1e-5


def main():
    torch.manual_seed(0)
    z = torch.randn(2, WIDTH, 2, 3, requires_grad=True)
    book = torch.randn(COUNT, WIDTH, requires_grad=True)
    weights = torch.randn(2, WIDTH, 2, 3)
    rows = z.permute(0, 2, 3, 1).reshape(-1, WIDTH)
    indices = torch.cdist(rows, book).argmin(1)
    chosen = book[indices]
    straight = rows + (chosen - rows).detach()
    quantized = straight.reshape(2, 2, 3, WIDTH).permute(0, 3, 1, 2)
    codebook = (rows.detach() - chosen).square().reshape(2, -1).sum(1)
    commitment = (rows - chosen.detach()).square().reshape(2, -1).sum(1)
    loss = (weights * quantized).sum() + codebook.sum() + 0.25 * commitment.sum()
    loss.backward()

    one_hot = F.one_hot(indices, COUNT).float()
    with torch.no_grad():
        uses = DECAY * torch.ones(COUNT) + (1 - DECAY) * one_hot.sum(0)
        sums = DECAY * book + (1 - DECAY) * one_hot.T @ rows
        smoothed = (uses + EPSILON) / (uses.sum() + COUNT * EPSILON) * uses.sum()
        averages = sums / smoothed[:, None]
        shares = one_hot.mean(0)
        perplexity = torch.exp(-(shares * torch.log(shares + 1e-10)).sum())
    values = {
        "z": z, "book": book, "weights": weights, "indices": indices, "quantized": quantized, "codebook": codebook, "commitment": commitment,
        "dz": z.grad, "dbook": book.grad, "uses": uses, "sums": sums, "averages": averages, "perplexity": perplexity,
    }  # fmt: skip
    stored = {name: value.detach().flatten().tolist() for name, value in values.items()}
    made = {"torch": torch.__version__, "script": Path(__file__).name, "count": COUNT, "width": WIDTH, "decay": DECAY, "shape": [2, WIDTH, 2, 3]}
    (Path(__file__).parent / "data" / "quantize.json").write_text(json.dumps({**made, **stored}) + "\n")


if __name__ == "__main__":
    main()
