"""Sampling side by side, transformers against vLLM, in one process and one number format: tokens per second, seconds of a sync, and what vLLM computes of prompts and images.

    python .github/sampler_speed.py [MODEL] [--prompts 4] [--answers 8] [--tokens 32] [--pixels 262144] [--dtype auto]

On a CPU in float32 a ratio near 1 is to be expected: both multiply the same matrices. What an engine gains, it gains on a GPU.
"""
import argparse, time
import torch
from PIL import Image
from vision_opd import tiny
from vision_opd.engine.batching import select_prompts
from vision_opd.engine.loading import load, pick_dtype
from vision_opd.engine.sampler import open_sampler
from vision_opd.engine.vision import VisionFeatureCache
from vision_opd.policies import DualPolicy
from vision_opd.rollouts import sample
from vision_opd.training import TrainConfig, as_sampled

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('model', nargs='?', default=str(tiny.base_dir()))
for name,n in dict(prompts=4, answers=8, tokens=32, pixels=512*512).items(): p.add_argument(f'--{name}', type=int, default=n)
p.add_argument('--dtype', default='auto', help='float32, float16 or bfloat16 (default: what the device does best)')
a = p.parse_args()
device = 'cuda' if torch.cuda.is_available() else 'cpu'
dtype = pick_dtype(torch.device(device))[0] if a.dtype == 'auto' else getattr(torch, a.dtype)
model, processor = load(a.model, str(dtype)[6:], device, verbose=False)
policy = DualPolicy(model, processor, 'live')
side = int(a.pixels**.5)
images = [Image.effect_noise((side, side), 50 + i).convert('RGB') for i in range(a.prompts)]
question = 'What is in the image?'
prompts, views = policy.encode(images, [question]*a.prompts), [(x, question) for x in images]
with torch.no_grad(): prompts = VisionFeatureCache(policy)(prompts)
P = int(prompts['attention_mask'].sum(-1).max())
cfg = TrainConfig('out', a.model, 'data', num_generations=a.answers, max_new_tokens=a.tokens, rollout_budget=a.prompts*a.answers*(P + a.tokens))
engine = open_sampler(policy, cfg, as_sampled(policy, cfg), dtype, P + a.tokens)
engine.choose_canary(select_prompts(model, prompts, [0]), views[:1])
towers, start = [], time.perf_counter()
canary, seconds = engine.sync(0), time.perf_counter() - start
tower = lambda net: next(m for n,m in net.named_modules() if n.split('.')[-1] in ('visual', 'vision_model', 'vision_tower')).register_forward_hook(lambda *x: towers.append(1)) and None
engine.engines[0].llm.apply_model(tower)

def timed(f):
    "Return the tokens per second of the second of two calls, and their number."
    f(); start = time.perf_counter(); n = int(f().mask.sum())
    return n/(time.perf_counter() - start), n
def theirs(): engine.engines[0].empty_caches(); return engine.sample(prompts, a.answers, a.tokens, seed=1, views=views)
with torch.no_grad(): (ours, n), (other, m) = timed(lambda: sample(policy, prompts, a.answers, a.tokens, seed=1)), timed(theirs)
print(f'transformers {ours:.0f} tokens/s ({n} tokens), vLLM {other:.0f} tokens/s ({m} tokens), ratio {other/ours:.2f}; {str(dtype)[6:]}, {device}, {torch.get_num_threads()} threads, '
      f'{a.prompts} prompts of {P} tokens, {a.answers} answers each; canary {canary:.1e}, sync {seconds:.2f} s, '
      f'prompts computed {engine.metrics["prompt_passes"]:.2f} times, passes of the engine\'s tower {len(towers)}')
engine.close()
