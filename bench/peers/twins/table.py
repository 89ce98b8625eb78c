"""Prints the results as a table: mean and sample standard deviation over seeds. Usage: python table.py"""

import json
from collections import defaultdict
from statistics import mean, stdev

from common import RESULTS

METRICS = ["accuracy", "reconstructionNats", "reconstructionNatsPerPixel", "klNats", "totalNats", "nats", "bitsPerDim", "mse", "featureMse", "perplexity", "priorNats", "bitsPerCode", "error", "pictureError", "seconds"]


def main():
    groups = defaultdict(lambda: defaultdict(list))
    for line in map(json.loads, RESULTS.read_text().splitlines()):
        for metric in METRICS:
            if metric in line:
                groups[line["model"], line["setting"]][metric].append(line[metric])
    print("| model | setting | metric | mean | sd | seeds |\n|---|---|---|---|---|---|")
    for (model, setting), metrics in sorted(groups.items()):
        for metric, values in metrics.items():
            spread = f"{stdev(values):.4g}" if len(values) > 1 else "-"
            print(f"| {model} | {setting} | {metric} | {mean(values):.5g} | {spread} | {len(values)} |")


if __name__ == "__main__":
    main()
