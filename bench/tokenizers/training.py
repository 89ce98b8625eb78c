"""The libraries' training on the same text: python training.py FOLDER KIND, KIND as for training.ts (unigram is SentencePiece's). Prints one line of JSON.
Processor time of one process; tokenizers is told to use one thread (RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false)."""
import json, os, resource, sys, time
from pathlib import Path

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
folder, kind = Path(sys.argv[1]), sys.argv[2]
lines = json.loads((folder / "mixed.json").read_text())
first = lines[: len(lines) // 2]
import sentencepiece as spm
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
if kind == "unigram":
    spm.SentencePieceTrainer.train(input=str(folder / "half.txt"), model_prefix="/tmp/training-bench", model_type="unigram", vocab_size=4096, byte_fallback=True,
                                   normalization_rule_name="nfkc", max_sentence_length=40000, num_threads=1, minloglevel=2)
else:
    quiet = dict(vocab_size=4096, show_progress=False)
    if kind == "byte-bpe":
        t, trainer = Tokenizer(models.BPE()), trainers.BpeTrainer(special_tokens=["<|endoftext|>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), **quiet)
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif kind == "bpe":
        t, trainer = Tokenizer(models.BPE(unk_token="<unk>")), trainers.BpeTrainer(special_tokens=["<unk>"], **quiet)
        t.pre_tokenizer = pre_tokenizers.Whitespace()
    else:
        t, trainer = Tokenizer(models.WordPiece(unk_token="[UNK]")), trainers.WordPieceTrainer(special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], **quiet)
        t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(first, trainer)
print(json.dumps({"kind": kind, "seconds": round(time.process_time() - start, 3), "megabytes": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)}))
