"""Tiny LoRA adapters as PEFT writes them, on the tiny checkpoints of make_pretrained.py, with the reference library's logits.

python make_lora.py, with peft 0.21.0, transformers 5.18.0, safetensors 0.8.0 and torch 2.13.0 (CPU).
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

HERE = Path(__file__).parent / "data"
TOKENS = [[3, 14, 15, 9, 26, 5], [35, 8, 9, 7, 9, 3]]
ADAPTERS = {
    # Matrices that GPT-2's files hold the other way round.
    "gpt2": LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["c_attn", "mlp.c_proj"], fan_in_fan_out=True),
    # Another rank for one kind of map, and a scale by the root of the rank.
    "llama": LoraConfig(
        task_type="CAUSAL_LM", r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], use_rslora=True, rank_pattern={"v_proj": 3},
    ),
}


def load(name):
    return transformers.AutoModelForCausalLM.from_pretrained(HERE / "pretrained" / name, dtype=torch.float32)


for name, config in ADAPTERS.items():
    torch.manual_seed(7)
    model = get_peft_model(load(name), config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
    folder = HERE / "lora" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config_file = folder / "adapter_config.json"
    fields = json.loads(config_file.read_text())
    fields["base_model_name_or_path"] = name
    config_file.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")
    again = PeftModel.from_pretrained(load(name), folder).eval()
    with torch.no_grad():
        logits = again(torch.tensor(TOKENS)).logits[:, -1]
        plain = load(name).eval()(torch.tensor(TOKENS)).logits[:, -1]
    assert (logits - plain).abs().max() > 0.1
    expected = {"tokens": TOKENS, "logits": [[round(float(x), 5) for x in row] for row in logits]}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
