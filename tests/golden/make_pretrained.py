"""Tiny random checkpoints as Hugging Face writes them, with the reference library's logits and greedy text.

python make_pretrained.py [NAME ...], with transformers 5.18.0, tokenizers, safetensors and torch 2.13.0 (CPU).
"""

import json
import shutil
import sys
from pathlib import Path

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent / "data" / "pretrained"
TEXT = ["the tide came in and the boats went out", "a boat in the bay at noon", "then the moon and the tide met in the dark", "who hides under the pier at night?"] * 4


def byte_level(size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=size, special_tokens=["<|endoftext|>"], show_progress=False))
    return tokenizer


def metaspace(size):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False))
    return tokenizer


LLAMA = dict(
    vocab_size=64, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=48,
    bos_token_id=1, eos_token_id=2, pad_token_id=None,
)
ROPE3 = dict(
    rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16,
)

MODELS = {
    "gpt2": lambda: (
        transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=64, n_positions=48, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            )
        ),
        byte_level, torch.float32, None,
    ),
    # Query heads in two groups, logits of their own, bfloat16 in two files.
    "llama": lambda: (
        transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA, num_key_value_heads=2, tie_word_embeddings=False)),
        metaspace, torch.bfloat16, "30KB",
    ),
    # One key and value head, heads of another size than width / heads, tied, biases, Llama 3's scaling, half precision.
    "llama3": lambda: (
        transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                **LLAMA, num_key_value_heads=1, head_dim=12, tie_word_embeddings=True, attention_bias=True, mlp_bias=True,
                rope_parameters=ROPE3,
            )
        ),
        metaspace, torch.float16, None,
    ),
    "qwen2": lambda: (
        transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**LLAMA, num_key_value_heads=2, tie_word_embeddings=True)),
        byte_level, torch.bfloat16, None,
    ),
}


# All three heads, and one for classes.
BERT = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=48,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0,
)


def fill(model):
    """Weights that leave nothing near zero, so that a wrong one shows."""
    for name, parameter in model.named_parameters():
        norm = "norm" in name.lower() or "ln_" in name
        parameter.data = torch.randn_like(parameter) * (0.1 if norm else 0.25) + (1.0 if norm and name.endswith("weight") else 0.0)


def make(name):
    torch.manual_seed(7)
    model, train_tokenizer, stored, shard = MODELS[name]()
    fill(model)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(stored).save_pretrained(folder, **({} if shard is None else {"max_shard_size": shard}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer = train_tokenizer(64)
    tokenizer.save(str(folder / "tokenizer.json"))
    # The numbers as they are in the file, computed with in single precision.
    model = type(model).from_pretrained(folder, dtype=torch.float32).eval()
    tokens = torch.randint(0, 64, (2, 40), generator=torch.Generator().manual_seed(3))
    prompt = tokenizer.encode("the boat and the ").ids
    with torch.no_grad():
        output = model(tokens, output_attentions=False)
        logits = output.logits
        ids = list(prompt)
        for _ in range(20):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    places = [0, 1, 7, 20, 39]
    expected = {
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__, "tokenizers": tokenizers.__version__},
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": tokens.tolist(),
        "places": places,
        "logits": [[round(v, 6) for v in row] for example in logits[:, places].tolist() for row in example],
        "prompt": prompt,
        "greedy": ids[len(prompt):],
        "text": tokenizer.decode(ids),
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print(name, expected["text"], sorted(p.name for p in folder.iterdir()))


def make_bert(name, kind, outputs):
    torch.manual_seed(7)
    model = kind(transformers.BertConfig(**BERT, num_labels=3))
    fill(model)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = torch.randint(0, 64, (2, 12), generator=torch.Generator().manual_seed(3))
    segments = (torch.arange(12) >= 5).long().expand(2, 12).contiguous()
    mask = torch.ones(2, 12)
    mask[1, 9:] = 0
    with torch.no_grad():
        result = model(tokens, token_type_ids=segments, attention_mask=mask)
    expected = {
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": tokens.tolist(), "segments": segments.tolist(), "mask": mask.int().tolist(),
        **{ours: [round(v, 6) for v in result[theirs].flatten().tolist()] for ours, theirs in outputs.items()},
    }  # fmt: skip
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print(name, sorted(p.name for p in folder.iterdir()))


def make_labels(name):
    """A classifier with names for its classes and a tokenizer, and what the reference library's pipeline says of texts."""
    torch.manual_seed(7)
    labels = ["calm", "storm", "night"]
    config = transformers.BertConfig(**BERT, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
    config.problem_type = "single_label_classification"
    model = transformers.BertForSequenceClassification(config)
    fill(model)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=64, special_tokens=special, show_progress=False))
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_max_length=48
    )
    fast.save_pretrained(folder)
    texts = ["the tide came in", "Who hides under the pier at night?", "a boat, a boat and the moon", "in the dark"]
    tell = transformers.pipeline("text-classification", model=str(folder), dtype=torch.float32, device="cpu")
    told = tell(texts, top_k=None, batch_size=2)
    expected = {
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__, "tokenizers": tokenizers.__version__},
        "texts": texts, "ids": [fast(text).input_ids for text in texts], "told": told,
    }  # fmt: skip
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print(name, told, sorted(p.name for p in folder.iterdir()))


OTHERS = {
    "bert": lambda: make_bert("bert", transformers.BertForPreTraining, {"masked": "prediction_logits", "next": "seq_relationship_logits"}),
    "bert-classes": lambda: make_bert("bert-classes", transformers.BertForSequenceClassification, {"classes": "logits"}),
    "bert-labels": lambda: make_labels("bert-labels"),
}
for name in sys.argv[1:] or [*MODELS, *OTHERS]:
    if name in MODELS:
        make(name)
    else:
        OTHERS[name]()
