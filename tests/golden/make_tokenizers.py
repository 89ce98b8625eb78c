"""Small tokenizers and their ids by the libraries of record, for tokenizers.test.ts.

    python make_tokenizers.py > data/tokenizers.json

Versions: tokenizers 0.23.2, sentencepiece 0.2.2. Everything is trained here, on the text below.
"""
import base64, json, tempfile
from pathlib import Path

import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog. The dog doesn't care; it's asleep, isn't it?",
    "def fibonacci(n: int) -> int:\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Привет, мир! Как дела? Привет, Мария.",
    "東京は日本の首都です。人口は約1400万人。",
    "naïve café Ångström ﬁne ½ 1234567890 3.14159",
    "lower lowest newer newest wider widest low low new new",
] * 3
SAMPLES = CORPUS[:7] + [
    "", " ", "  two  spaces ", "\n\n\ttabs\r\n", "word", "I'll we've DON'T he's", "emoji 👍🏽 👩‍👩‍👧‍👦 🇩🇪 1️⃣",
    "e\u0301 e\u0323\u0301 한글 각 ギ", "\u00a0nbsp\u2003em\u3000ideographic\ufeffbom\u200bzero\u0085nel", "مرحبا שלום สวัสดี",
    "\ufffd\ufffd broken \x00\x01\x7f control", "İstanbul ΑΣΣ ẞ ﬀ", "x" * 120, "<|end|>special<|end|> and [MASK] here", "unseen 龍 𝒜𝓁𝑔 𐍈", "1234 56 7",
]


def tokenizer(model, **parts):
    t = Tokenizer(model)
    for name, part in parts.items():
        setattr(t, name, part)
    return t


def cases():
    byte = dict(pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel())
    quiet = dict(show_progress=False)
    t = tokenizer(models.BPE(), **byte)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), **quiet))
    yield "byte-bpe", t
    t = tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, end_of_word_suffix="</w>"), pre_tokenizer=pre_tokenizers.Whitespace(), decoder=decoders.BPEDecoder(suffix="</w>"))
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], end_of_word_suffix="</w>", **quiet))
    yield "bpe", t
    t = tokenizer(models.WordPiece(unk_token="[UNK]"), normalizer=normalizers.BertNormalizer(), pre_tokenizer=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece())
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], **quiet))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    yield "wordpiece", t
    t = tokenizer(models.Unigram(), normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.StripAccents()]),
                  pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first"), decoder=decoders.Metaspace(prepend_scheme="first"))
    t.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=200, special_tokens=["<unk>", "<|end|>"], unk_token="<unk>", **quiet))
    yield "unigram", t
    t = tokenizer(models.WordLevel(unk_token="[UNK]"), normalizer=normalizers.NFD(), pre_tokenizer=pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Split(Regex(r"(?i:'s|'LL)|\s+(?!\S)|\s+"), "merged_with_previous"), pre_tokenizers.Punctuation("contiguous")]))
    t.train_from_iterator(CORPUS, trainers.WordLevelTrainer(vocab_size=300, special_tokens=["[UNK]"], **quiet))
    t.post_processor = processors.TemplateProcessing(single="[UNK] $A [UNK]:1", pair="$A [UNK] $B:1", special_tokens=[("[UNK]", 0)])
    yield "word-level", t


def sentencepiece():
    with tempfile.TemporaryDirectory() as folder:
        text, rules = Path(folder, "text"), Path(folder, "rules.tsv")
        text.write_text("\n".join(CORPUS))
        rules.write_text("FB01\t66 69\nFB00\t66 66\nBD\t31 2F 32\n65 301\tE9\n")
        common = dict(input=str(text), model_prefix=str(Path(folder, "m")), minloglevel=2, byte_fallback=True, hard_vocab_limit=False)
        for name, options in [
            ("sentencepiece-bpe", dict(model_type="bpe", vocab_size=420, split_digits=True, normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True)),
            ("sentencepiece-unigram", dict(model_type="unigram", vocab_size=400, normalization_rule_tsv=str(rules))),
        ]:
            spm.SentencePieceTrainer.train(**common, **options)
            bytes_ = Path(folder, "m.model").read_bytes()
            sp = spm.SentencePieceProcessor(model_proto=bytes_)
            yield {"name": name, "model": base64.b64encode(bytes_).decode(), "ids": [sp.encode(s) for s in SAMPLES], "texts": [sp.decode(sp.encode(s)) for s in SAMPLES]}


def run():
    found = []
    for name, t in cases():
        encoded = [t.encode(s) for s in SAMPLES]
        pair = t.encode("the dog", "is lazy")
        found.append({"name": name, "json": json.loads(t.to_str()), "ids": [e.ids for e in encoded], "texts": [t.decode(e.ids) for e in encoded],
                      "pair": {"ids": pair.ids, "types": pair.type_ids}})
    print(json.dumps({"corpus": CORPUS, "samples": SAMPLES, "cases": found, "sentencepiece": list(sentencepiece())}, ensure_ascii=True))


run()
