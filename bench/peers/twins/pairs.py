"""What the twins of models of pairs share: data as ids, training, greedy and beam search, word accuracy and files for a score.

Texts come from the prepared copies that `atelier data get g2p` and `atelier data get ts-diagnostics` leave in the cache (ATELIER_CACHE, or ~/.cache/atelier).
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import common

CACHE = Path(os.environ.get("ATELIER_CACHE") or Path.home() / ".cache" / "atelier") / "data"
PAD, BEGIN, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


def documents(name, split):
    lines = (CACHE / f"text-{name}-v1" / f"{split}.jsonl").read_text("utf8").splitlines()
    return [(row["text"], row["target"]) for row in map(json.loads, lines)]


class Symbols:
    """Ids of a closed set of symbols: letters, or sounds between blanks."""

    def __init__(self, texts, cut, joint):
        self.cut, self.joint = cut, joint
        self.names = SPECIAL + sorted({symbol for text in texts for symbol in cut(text)})
        self.ids = {name: i for i, name in enumerate(self.names)}

    def encode(self, text):
        return [self.ids.get(symbol, UNKNOWN) for symbol in self.cut(text)]

    def decode(self, ids):
        return self.joint.join(self.names[i] for i in ids if i > UNKNOWN)

    def __len__(self):
        return len(self.names)


class Subwords:
    """A tokenizer.json of a run, read by Hugging Face's tokenizers."""

    def __init__(self, path):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(path)

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self.tokenizer.decode(ids)

    def __len__(self):
        return self.tokenizer.get_vocab_size()


def padded(rows, length=None):
    length = length or max(map(len, rows))
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows])


class Pairs:
    """Both splits of a set: training pairs that fit as padded ids, held-out ones by source with all that is right for it."""

    def __init__(self, name, source_length, target_length, source=None, target=None):
        train, test = documents(name, "train"), documents(name, "test")
        both = train + test
        self.source = source or Symbols([s for s, _ in both], list, "")
        self.target = target or Symbols([t for _, t in both], str.split, " ")
        rows = [(self.source.encode(s) + [END], [BEGIN, *self.target.encode(t), END]) for s, t in train]
        rows = [(s, t) for s, t in rows if len(s) <= source_length and len(t) <= target_length]
        self.sources = padded([s for s, _ in rows], source_length)
        self.targets = padded([t for _, t in rows], target_length)
        self.held = [(self.source.encode(s) + [END], [BEGIN, *self.target.encode(t), END]) for s, t in test]
        self.references = {}
        for s, t in test:
            self.references.setdefault(s, []).append(t)


def nats(net, source, target, smoothing=0.0):
    return F.cross_entropy(net(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD, label_smoothing=smoothing)


def train(net, data, *, steps, batch, optimizer, factor, clip=0.0, smoothing=0.0):
    """Steps with a factor on the learning rate at each; the seconds of it."""
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    started, done = time.perf_counter(), 0
    net.train()
    while done < steps:
        for index in torch.randperm(len(data.sources)).split(batch):
            if len(index) < batch or done == steps:
                break
            optimizer.zero_grad()
            loss = nats(net, data.sources[index], data.targets[index], smoothing)
            loss.backward()
            if clip > 0:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            schedule.step()
            done += 1
            if done % 200 == 0:
                print(f"  {done}/{steps}: {loss.item():.3f} nats per token, {time.perf_counter() - started:.0f} s", flush=True)
    return time.perf_counter() - started


@torch.no_grad()
def beam_search(start, step, beams, length, penalty=1.0):
    """Best ids of each source. start() -> (state, rows of it); step(ids [R], state) -> (log-probabilities [R, V], state); state is a tuple of tensors [R, ...]."""
    state, sources = start()
    rows = sources * beams
    ids = torch.full((rows, 1), BEGIN)
    scores = torch.full((sources, beams), -math.inf)
    scores[:, 0] = 0
    finished = [[] for _ in range(sources)]
    for at in range(length):
        logs, state = step(ids[:, -1], state)
        logs[:, [PAD, BEGIN]] = -math.inf
        total, place = (scores.view(-1, 1) + logs).view(sources, -1).topk(2 * beams)
        parents, tokens = place // logs.shape[1], place % logs.shape[1]
        chosen = []
        for n in range(sources):
            open_rows = []
            for rank, (value, parent, token) in enumerate(zip(total[n].tolist(), parents[n].tolist(), tokens[n].tolist())):
                row = n * beams + parent
                if token == END or at == length - 1:
                    if rank < beams:
                        ending = [] if token == END else [token]
                        finished[n].append((value / (at + 1) ** penalty, ids[row, 1:].tolist() + ending))
                elif len(open_rows) < beams:
                    open_rows.append((value, row, token))
            best = sorted(finished[n], key=lambda entry: -entry[0])[:beams]
            finished[n] = best
            if not open_rows or (len(best) == beams and open_rows[0][0] / (at + 1) ** penalty <= best[-1][0]):
                open_rows = [(-math.inf, n * beams, END)] * beams
            chosen += open_rows + [(-math.inf, open_rows[0][1], END)] * (beams - len(open_rows))
        scores = torch.tensor([value for value, _, _ in chosen]).view(sources, beams)
        index = torch.tensor([row for _, row, _ in chosen])
        ids = torch.cat([ids[index], torch.tensor([token for _, _, token in chosen])[:, None]], 1)
        state = tuple(part[index] for part in state)
        if torch.isinf(scores).all():
            break
    return [max(entries, key=lambda entry: entry[0])[1] for entries in finished]


def evaluate(net, data, begin, beams, length, limit=None, batch=200):
    """Held-out nats per token, and what is written greedily and with beams. begin(source, beams) -> (start, step) of {@link beam_search}."""
    net.eval()
    total, tokens = 0.0, 0
    held = sorted(data.held[:limit], key=lambda pair: len(pair[0]))
    with torch.no_grad():
        for at in range(0, len(held), batch):
            source, target = padded([s for s, _ in held[at : at + batch]]), padded([t for _, t in held[at : at + batch]])
            count = (target[:, 1:] != PAD).sum().item()
            total, tokens = total + nats(net, source, target).item() * count, tokens + count
    texts = sorted(list(data.references)[:limit], key=len)
    written = {}
    for count in (1, beams):
        found = []
        for at in range(0, len(texts), batch):
            source = padded([data.source.encode(text) + [END] for text in texts[at : at + batch]])
            with torch.no_grad():
                found += beam_search(*begin(source, count), count, length)
        written["greedy" if count == 1 else "beam"] = [data.target.decode(ids) for ids in found]
    figures = {"nats": total / tokens, "perplexity": math.exp(total / tokens)}
    for name, hypotheses in written.items():
        right = sum(h in data.references[text] for h, text in zip(hypotheses, texts))
        errors = [min((distance(h.split(), r.split()), len(r.split())) for r in data.references[text]) for h, text in zip(hypotheses, texts)]
        figures[f"{name}Exact"] = right / len(texts)
        figures[f"{name}ErrorRate"] = sum(e for e, _ in errors) / max(1, sum(n for _, n in errors))
    return figures, texts, written


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(last + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def write_files(folder, data, texts, written):
    """Hypotheses and references, line by line, for `atelier score`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "references.txt").write_text("".join(f"{data.references[text][0]}\n" for text in texts), "utf8")
    for name, hypotheses in written.items():
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in hypotheses), "utf8")


def arguments(doc, settings):
    """The words of the command line."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", choices=settings)
    parser.add_argument("seed", type=int)
    for name, kind in {"steps": int, "limit": int, "tokenizer": str, "out": str}.items():
        parser.add_argument(f"--{name}", type=kind)
    return parser.parse_args()


def main(twin, doc, settings, network, begin, optimizer, factor, smoothing=0.0):
    """A run of a twin by the command line's words. With --steps or --limit it is printed, else recorded, unless it is there already.

    network(chosen, sources, targets) -> the net with its first weights; begin(net, source, beams) -> (start, step) of {@link beam_search};
    optimizer(net, chosen) and factor(step, steps, chosen) are of the training.
    """
    given = arguments(doc, settings)
    chosen = settings[given.setting]
    whole = given.steps is None and given.limit is None
    if whole and common.done(twin, given.setting, given.seed):
        return
    tokenizer = Subwords(given.tokenizer) if given.tokenizer else None
    data = Pairs(chosen["data"], *chosen["lengths"], tokenizer, tokenizer)
    torch.manual_seed(given.seed)
    net = network(chosen, len(data.source), len(data.target))
    steps = given.steps or round(chosen["epochs"] * (len(data.sources) // chosen["batch"]))
    settled = {"steps": steps, "batch": chosen["batch"], "clip": chosen.get("clip", 0.0), "smoothing": smoothing}
    seconds = train(net, data, optimizer=optimizer(net, chosen), factor=lambda step: factor(step, steps, chosen), **settled)
    length = 2 * chosen["lengths"][1]
    figures, texts, written = evaluate(net, data, lambda source, beams: begin(net, source, beams), 5, length, given.limit)
    if given.out:
        write_files(given.out, data, texts, written)
    figures["parameters"] = sum(p.numel() for p in net.parameters())
    if whole:
        common.record(twin, given.setting, given.seed, seconds, figures)
    else:
        print(json.dumps({**figures, "steps": steps, "seconds": round(seconds, 1)}))
