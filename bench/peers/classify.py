"""Classes of texts by transformers' pipeline: classify.py FOLDER, texts as a JSON list on stdin. Prints {"told": [[{"label", "score"}]], "versions"}.

With ours: atelier classify FOLDER --file lines.txt --top 100 --json
"""

import json
import sys

import torch
import transformers

tell = transformers.pipeline("text-classification", model=sys.argv[1], dtype=torch.float32, device="cpu")
told = tell(json.load(sys.stdin), top_k=None, truncation=True)
print(json.dumps({"told": told, "versions": {"transformers": transformers.__version__, "torch": torch.__version__}}))
