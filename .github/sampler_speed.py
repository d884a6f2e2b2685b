"""Sampling side by side, transformers against vLLM, in one process and one number format: tokens per second, and the prompt tokens that pass vLLM's language model.

    python .github/sampler_speed.py [MODEL] [--prompts 4] [--answers 8] [--tokens 32] [--pixels 262144]

On a CPU in float32 a ratio near 1 is to be expected: both multiply the same matrices. What an engine gains, it gains on a GPU.
"""
import argparse, time
import torch
from PIL import Image
from vision_opd import tiny
from vision_opd.policies import DualPolicy, load, pick_dtype, select_prompts
from vision_opd.rollouts import sample
from vision_opd.engine.sampler import open_sampler
from vision_opd.scoring import VisionFeatureCache
from vision_opd.training import TrainConfig, as_sampled

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('model', nargs='?', default=str(tiny.base_dir()))
for name,n in dict(prompts=4, answers=8, tokens=32, pixels=512*512).items(): p.add_argument(f'--{name}', type=int, default=n)
a = p.parse_args()
model, processor = load(a.model, verbose=False)
policy, dtype = DualPolicy(model, processor, 'live'), pick_dtype(next(model.parameters()).device)[0]
side = int(a.pixels**.5)
images = [Image.effect_noise((side, side), 50 + i).convert('RGB') for i in range(a.prompts)]
prompts = policy.encode(images, ['What is in the image?']*a.prompts)
with torch.no_grad(): prompts = VisionFeatureCache(policy)(prompts)
P = int(prompts['attention_mask'].sum(-1).max())
cfg = TrainConfig('out', a.model, 'data', num_generations=a.answers, max_new_tokens=a.tokens, rollout_budget=a.prompts*a.answers*(P + a.tokens))
engine = open_sampler(policy, cfg, as_sampled(policy, cfg), dtype, P + a.tokens)
engine.choose_canary(select_prompts(model, prompts, [0])); engine.sync(0)

passed = []    # tokens of each pass of vLLM's language model
def note(module, args, kw):
    positions = kw['positions'] if 'positions' in kw else args[1]
    passed.append(positions.shape[-1])
engine.engines[0].llm.apply_model(lambda net: net.get_language_model().model.register_forward_pre_hook(note, with_kwargs=True) and None)

def timed(f):
    "Seconds of a call, the second of two, and the answers."
    f(); passed.clear(); start = time.perf_counter(); r = f()
    return time.perf_counter() - start, r
with torch.no_grad():
    ours, r = timed(lambda: sample(policy, prompts, a.answers, a.tokens, seed=1))
    engine.version = None; engine.sync(1)
    theirs, q = timed(lambda: (engine.engines[0].empty_caches(), engine.sample(prompts, a.answers, a.tokens, seed=1))[1])
of_prompts = sum(passed) - int((q.lengths - 1).sum())
print(f'transformers {int(r.mask.sum())/ours:.0f} tokens/s, vLLM {int(q.mask.sum())/theirs:.0f} tokens/s, {dtype}, {a.prompts} prompts of {P} tokens, {a.answers} answers each')
print(f'prompt tokens through the language model of vLLM: {of_prompts}, {of_prompts/(a.prompts*P):.2f} times those of the prompts')
engine.close()
