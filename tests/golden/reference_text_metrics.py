"""Scores of texts by the programs of record, for text-metrics.test.ts.

    python reference_text_metrics.py > data/text-metrics.json

Versions: sacrebleu 2.6.0, nltk 3.10.3, rouge of google-research/google-research at 0c1bbe5 (the package rouge-score), Python 3.11.
"""
import json, sys, unicodedata

from nltk.metrics.distance import edit_distance
from rouge import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

TRIPLES = [  # hypothesis, reference, other reference
    ("The cat sat on the mat.", "The cat is sitting on the mat.", "There is a cat on the mat."),
    ("It costs $1,234.56 (about 10% more) - isn't it?", "It costs $1,234.50, about 10% more, doesn't it?", "The price is $1,234.56 (10% up)."),
    ("Der schnelle braune Fuchs springt über den faulen Hund.", "Der flinke, braune Fuchs springt über den trägen Hund.", "Ein schneller brauner Fuchs springt über einen faulen Hund"),
    ("Wo ist der „Bahnhof“?  Nr. 5–7, 3-4.", "Wo ist denn der »Bahnhof«? Nr. 5-7, 3–4.", "Wo ist der Bahnhof?"),
    ("Le garçon n'a pas mangé l'œuf à 8h30.", "Le garçon n’a point mangé son œuf à 8 h 30.", "L'enfant n'a pas mangé d'œufs à 8h30 !"),
    ("Привет, мир! Как дела?", "Здравствуй, мир! Как твои дела?", "Привет, мир. Как ты?"),
    ("東京は日本の首都です。", "日本の首都は東京です。", "東京は日本の首都であります。"),
    ("我喜歡吃蘋果和香蕉。", "我喜欢吃苹果和香蕉。", "我爱吃苹果、香蕉。"),
    ("مرحبا بالعالم ١٢٣", "مرحبا بكم في العالم ١٢٣", "أهلا بالعالم"),
    ("emoji 👍🏽 👩‍👩‍👧‍👦 🇩🇪 €5 + £6 = ¥?", "emojis 👍 👩‍👩‍👧‍👦 🇩🇪 €5 + £6 = ¥11", "emoji: 👍🏽, 🇩🇪"),
    ("&quot;Fish &amp; chips&quot; cost &lt; 5 &gt; 4 <skipped>", '"Fish & chips" cost < 5 > 4', "Fish and chips"),
    ("def f(x_1): return x_1**2 + [a{b}c]~`^@#|\\/", "def f(x_1): return x_1 ** 2 + [a{b}c] ~ `^ @#|\\ /", "def g(x): pass"),
    ("a b", "a b c d e f g", "h i"),
    ("word", "other", "thing"),
    ("", "something", "else"),
    ("the the the the the the the", "The cat is on the mat", "There is a cat on the mat"),
    ("\tno\u00a0break\u2003em \u3000wide\ufeffbom\u200bzero\u0085next\x1cgroup  ", "no break em wide\ufeffbom\u200bzero next group", "no break em"),
    ("İstanbul ΑΣΣ ẞ ﬀ e\u0301", "istanbul ασσ ss ff é", "ISTANBUL"),
    ("A line break-\nhere\nand there.", "A line breakhere\nand there.\n\nAnd more.", "A line break\nand there"),
    ("He said: (hi) 'there' ...wait... e.g. U.S.A. 3.14,15", "He said: (hi), \"there\"... wait, e.g. USA 3.14, 15", "He says hi"),
    ("AH B AW T", "AH B AW T", "AH B AE T"),
]
HYPOTHESES = [h for h, _, _ in TRIPLES]
FIRST, SECOND = [r for _, r, _ in TRIPLES], [r for _, _, r in TRIPLES]

BLEU_SETTINGS = [
    {}, {"tokenize": "intl"}, {"tokenize": "char"}, {"tokenize": "none"}, {"lowercase": True}, {"smooth_method": "floor"},
    {"smooth_method": "floor", "smooth_value": 0.01}, {"smooth_method": "add-k"}, {"smooth_method": "add-k", "smooth_value": 0.5},
    {"smooth_method": "none"}, {"max_ngram_order": 2}, {"effective_order": True}, {"effective_order": True, "tokenize": "intl", "lowercase": True},
]
CHRF_SETTINGS = [{}, {"word_order": 2}, {"beta": 1}, {"char_order": 3, "word_order": 1, "lowercase": True}, {"whitespace": True}]
KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def signature(metric):
    return str(metric.get_signature()).rsplit("|version", 1)[0]


def bleu_case(settings, references):
    metric = BLEU(**settings)
    full = metric.corpus_score(HYPOTHESES, references)
    row = {"settings": settings, "references": len(references), "signature": signature(metric), "score": full.score, "counts": [float(c) for c in full.counts],
           "totals": [float(t) for t in full.totals], "precisions": full.precisions, "bp": full.bp, "lengths": [full.sys_len, full.ref_len]}
    single = BLEU(**{**settings, "effective_order": True})
    row["sentences"] = [single.sentence_score(h, list(r)).score for h, r in zip(HYPOTHESES, zip(*references))]
    return row


def chrf_case(settings, references):
    metric = CHRF(**settings)
    full = metric.corpus_score(HYPOTHESES, references)
    return {"settings": settings, "references": len(references), "signature": signature(metric), "name": full.name, "score": full.score,
            "sentences": [metric.sentence_score(h, list(r)).score for h, r in zip(HYPOTHESES, zip(*references))]}


def rouge_rows():
    scorer = rouge_scorer.RougeScorer(KINDS)
    rows = []
    for hypothesis, reference in zip(HYPOTHESES + FIRST, FIRST + SECOND):
        found = scorer.score(reference, hypothesis)
        rows.append({kind: [found[kind].precision, found[kind].recall, found[kind].fmeasure] for kind in KINDS})
    return rows


def main():
    both = [[FIRST], [FIRST, SECOND]]
    long_hypothesis = "police killed the gunman\nthe gunman ended the police on monday\n\nthe cat the cat sat"
    long_reference = "the gunman police killed on a monday\nmonday the gunman was ended by the police\nthe cat"
    lines = rouge_scorer.RougeScorer(KINDS).score(long_reference, long_hypothesis)
    json.dump({
        "unicode": unicodedata.unidata_version,
        "triples": TRIPLES,
        "bleu": [bleu_case(s, r) for r in both for s in BLEU_SETTINGS],
        "chrf": [chrf_case(s, r) for r in both for s in CHRF_SETTINGS],
        "rouge": rouge_rows(),
        "lines": {"hypothesis": long_hypothesis, "reference": long_reference, "scores": {k: list(v) for k, v in lines.items()}},
        "edits": {"words": [edit_distance(h.split(), r.split()) for h, r in zip(HYPOTHESES, FIRST)],
                  "characters": [edit_distance(h, r) for h, r in zip(HYPOTHESES, FIRST)],
                  "lengths": [[len(r.split()), len(r)] for r in FIRST]},
    }, sys.stdout, ensure_ascii=True)
    print()


main()
