"""Golden slices of text generation: beam search and logits processors of Hugging Face transformers, on tables of numbers instead of networks.

    python make_generation.py > data/generation.json        # torch and transformers as in the versions it prints
"""

import json
import sys

import numpy as np
import torch
import transformers
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.generation import logits_process as lp
from transformers.modeling_outputs import CausalLMOutput


class TableConfig(PretrainedConfig):
    model_type = "table"


class Table(PreTrainedModel, GenerationMixin):
    """Next-token logits by the last token and the position, from a table [positions, V, V]."""

    config_class = TableConfig
    main_input_name = "input_ids"

    def __init__(self, table):
        super().__init__(TableConfig(vocab_size=table.shape[1]))
        self.table = torch.nn.Parameter(torch.tensor(table))
        self.generation_config = transformers.GenerationConfig()

    def forward(self, input_ids, **_):
        positions = torch.arange(input_ids.shape[1])
        return CausalLMOutput(logits=self.table[positions, input_ids])

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}


def beams():
    rng = np.random.default_rng(5)
    vocabulary, length = 7, 9
    table = (rng.normal(size=(length + 1, vocabulary, vocabulary)) * 1.5).round(3).astype(np.float32)
    table[:, :, 0] += 0.5  # the end token is likely enough to be met early
    model = Table(table)
    cases = []
    for num_beams in (1, 2, 3, 4):
        for alpha in (0.0, 0.7, 1.0, 2.0, -1.0):
            for early in (False, True, "never"):
                if num_beams == 1 and (alpha != 1.0 or early):
                    continue
                out = model.generate(
                    torch.tensor([[3]]), num_beams=num_beams, num_return_sequences=num_beams, max_new_tokens=length,
                    length_penalty=alpha, early_stopping=early, eos_token_id=0, pad_token_id=0, do_sample=False,
                    use_cache=False, return_dict_in_generate=True, output_scores=True,
                )
                rows = []
                for row in out.sequences.tolist():
                    row = row[1:]
                    rows.append(row[: row.index(0) + 1] if 0 in row else row)
                scores = out.sequences_scores.tolist() if num_beams > 1 else None
                cases.append({"beams": num_beams, "alpha": alpha, "early": early, "tokens": rows, "scores": scores})
    return {"table": table.tolist(), "start": 3, "end": 0, "maxLength": length, "cases": cases}


def processors():
    rng = np.random.default_rng(11)
    logits = (rng.normal(size=(1, 24)) * 3).round(3).astype(np.float32)
    ids = [4, 4, 7, 19, 4, 0, 19]
    cases = []

    def case(name, settings, *chain):
        scores = torch.tensor(logits)
        for processor in chain:
            scores = processor(torch.tensor([ids]), scores)
        cases.append({"name": name, "settings": settings, "logits": [None if v == -np.inf else v for v in scores[0].tolist()]})

    case("temperature", {"temperature": 0.7}, lp.TemperatureLogitsWarper(0.7))
    case("top-k", {"topK": 5}, lp.TopKLogitsWarper(5))
    for p in (0.05, 0.5, 0.9, 0.999):
        case("top-p", {"topP": p}, lp.TopPLogitsWarper(p))
    for p in (0.02, 0.3, 1.0):
        case("min-p", {"minP": p}, lp.MinPLogitsWarper(p))
    for p in (0.1, 0.5, 0.9):
        case("typical", {"typicalP": p}, lp.TypicalLogitsWarper(p))
    for penalty in (1.3, 0.8):
        case("repetition", {"repetitionPenalty": penalty}, lp.RepetitionPenaltyLogitsProcessor(penalty))
    settings = {"repetitionPenalty": 1.2, "temperature": 1.5, "topK": 15, "topP": 0.9, "minP": 0.05, "typicalP": 0.9}
    case("all", settings, lp.RepetitionPenaltyLogitsProcessor(1.2), lp.TemperatureLogitsWarper(1.5), lp.TopKLogitsWarper(15),
         lp.TopPLogitsWarper(0.9), lp.MinPLogitsWarper(0.05), lp.TypicalLogitsWarper(0.9))
    return {"logits": logits[0].tolist(), "ids": ids, "cases": cases}


made = {"versions": {"transformers": transformers.__version__, "torch": torch.__version__}, "beams": beams(), "processors": processors()}
json.dump(made, sys.stdout)
print()
