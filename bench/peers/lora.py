"""Logits of a base model with an adapter, by peft: lora.py BASE ADAPTER, tokens [[...]] as JSON on stdin. Prints {"logits", "plain", "versions"}."""

import json
import sys

import peft
import torch
import transformers

base, adapter = sys.argv[1:3]
tokens = torch.tensor(json.load(sys.stdin))
model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
with torch.no_grad():
    plain = model(tokens).logits
    logits = peft.PeftModel.from_pretrained(model, adapter).eval()(tokens).logits
versions = {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
print(json.dumps({"logits": logits.flatten().tolist(), "plain": plain.flatten().tolist(), "versions": versions}))
