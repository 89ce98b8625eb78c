"""Writes data/metrics.json: what SciPy 1.17.1 and scikit-learn 1.9.1 (NumPy 2.4.6, Python 3.11, float64) make of small sets of features.

    pip install scipy==1.17.1 scikit-learn==1.9.1 numpy==2.4.6
    python reference_metrics.py

The distances are written here from their formulas with these libraries' parts: scipy.linalg.sqrtm for the Fréchet distance, polynomial_kernel for the
kernel distance, pairwise_distances for the balls, as the programs that are usually used for them do.
"""

import json
import pathlib

import numpy as np
from scipy.linalg import sqrtm
from scipy.stats import spearmanr
from sklearn.metrics import pairwise_distances, roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

DATA = pathlib.Path(__file__).with_name("data") / "metrics.json"
BLOCKS = 5


def features(rng, count, shift):
    """Rectified and correlated, as a network's are; three decimals, so that the file is short."""
    mix = np.random.default_rng(7).normal(size=(8, 8)) / 2
    return np.round(np.maximum(0, rng.normal(size=(count, 8)) @ mix + 0.4 + shift), 3)


def frechet(x, y):
    shift = x.mean(0) - y.mean(0)
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return float(shift @ shift + np.trace(s1 + s2 - 2 * np.real(sqrtm(s1 @ s2))))


def jackknife(values):
    values = np.array(values)
    return float(np.sqrt((len(values) - 1) / len(values) * np.sum((values - values.mean()) ** 2)))


def frechet_error(x, y):
    parts = np.array_split(np.arange(len(y)), BLOCKS)
    return jackknife([frechet(x, np.delete(y, part, axis=0)) for part in parts])


def kernel_distance(x, y):
    """The unbiased estimator: pairs of a picture with itself are left out."""
    k = lambda a, b: polynomial_kernel(a, b, degree=3, gamma=None, coef0=1)
    off = lambda m: (m.sum() - np.trace(m)) / (len(m) * (len(m) - 1))
    return float(off(k(x, x)) + off(k(y, y)) - 2 * k(x, y).mean())


def kernel_error(x, y):
    one = jackknife([kernel_distance(np.delete(x, i, axis=0), y) for i in range(len(x))])
    other = jackknife([kernel_distance(x, np.delete(y, i, axis=0)) for i in range(len(y))])
    return float(np.hypot(one, other))


def radii(x, k):
    return np.sort(pairwise_distances(x), axis=1)[:, k]


def balls(x, y):
    d = pairwise_distances(x, y)
    return {
        "precision": float((d <= radii(x, 3)[:, None]).any(0).mean()),
        "recall": float((d <= radii(y, 3)[None, :]).any(1).mean()),
        "density": float((d < radii(x, 5)[:, None]).sum(0).mean() / 5),
        "coverage": float((d.min(1) < radii(x, 5)).mean()),
    }


def neighbours(x, y):
    """Nearest rows of x for those of y; the share of y nearer to them than their own nearest other row of x."""
    distances, indices = NearestNeighbors(n_neighbors=1).fit(x).kneighbors(y)
    own = radii(x, 1)[indices[:, 0]]
    return {"indices": indices[:, 0].tolist(), "distances": distances[:, 0].tolist(), "share": float((distances[:, 0] < own).mean())}


def main():
    rng = np.random.default_rng(0)
    x, y = features(rng, 60, 0.0), features(rng, 50, 0.25)
    scores = np.round(rng.normal(size=40), 1)
    positive = (scores + rng.normal(size=40) > 0).astype(int)
    other = np.round(scores + rng.normal(size=40), 1)
    result = {
        "size": 8,
        "blocks": BLOCKS,
        "reference": x.ravel().tolist(),
        "samples": y.ravel().tolist(),
        "frechet": {"distance": frechet(x, y), "error": frechet_error(x, y)},
        "kernel": {"value": kernel_distance(x, y), "error": kernel_error(x, y), "ofFifty": kernel_distance(x[:50], y)},
        "balls": balls(x, y),
        "neighbours": neighbours(x, y),
        "eigenvalues": np.linalg.eigvalsh(np.cov(x, rowvar=False)).tolist(),
        "ranks": {
            "scores": scores.tolist(),
            "positive": positive.tolist(),
            "other": other.tolist(),
            "auc": float(roc_auc_score(positive, scores)),
            "spearman": float(spearmanr(scores, other).statistic),
        },
    }
    DATA.write_text(json.dumps(result) + "\n")


main()
