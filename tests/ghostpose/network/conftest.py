from __future__ import annotations

import torch

# Several threads wait for one another on a busy machine: these small networks then take 20 times
# as long as with one.
torch.set_num_threads(1)
