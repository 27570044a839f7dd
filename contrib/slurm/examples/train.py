"""An ordinary PyTorch program: data-parallel training with checkpoints, started by any launcher
that sets RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as torchrun does.

SIGUSR1 to any rank makes all of them stop at the same step for one checkpoint, and go on: what
`sbatch --signal=USR1@60` sends a minute before the end. SIGTERM ends it where it stands.

The data is made up (noisy pictures of ten shapes), so that it runs anywhere, and small.
"""

import argparse
import gc
import itertools
import os
import signal
import socket
import time

asked = []  # signals that ask for a checkpoint: one may come while torch is still being loaded
signal.signal(signal.SIGUSR1, lambda number, _: asked.append(number))

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

SIDE = 12
SHAPES = 10


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16, help="per rank")
    parser.add_argument("--samples", type=int, default=3840, help="in one epoch, over all ranks")
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--checkpoint", default="checkpoint.pt", help="resumed from if it exists")
    parser.add_argument("--checkpoint-every", type=int, default=5, metavar="STEPS")
    parser.add_argument("--step-seconds", type=float, default=0.0, help="pause after each step")
    return parser.parse_args()


def make_dataset(samples):
    random = torch.Generator().manual_seed(1)
    shapes = torch.randn(SHAPES, 1, SIDE, SIDE, generator=random)
    labels = torch.randint(SHAPES, (samples,), generator=random)
    noise = torch.randn(samples, 1, SIDE, SIDE, generator=random)
    return TensorDataset(shapes[labels] + 2 * noise, labels)


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * (SIDE // 4) ** 2, SHAPES))


def save(path, model, optimizer, epoch, step):
    """Nobody ever sees half a checkpoint, however this process ends."""
    state = {"model": model.module.state_dict(), "optimizer": optimizer.state_dict(),
             "epoch": epoch, "step": step, "world": dist.get_world_size()}
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def somebody_asks(votes):
    """Whether any rank was asked for a checkpoint: the same answer on all of them. The signal may
    have reached only one, and finds each somewhere else in its step."""
    heard = len(asked)
    del asked[:heard]  # the next one may come at any moment
    votes.fill_(heard)
    dist.all_reduce(votes)
    return votes.item() > 0


def load(path, model, optimizer, device):
    """Returns the epoch and the step to go on with; the world may have had another size."""
    state = torch.load(path, map_location=device)
    model.module.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["epoch"], state["step"] * state["world"] // dist.get_world_size()


def main():
    options = parse_arguments()
    local_rank = int(os.environ["LOCAL_RANK"])
    if torch.cuda.is_available():
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    print(f"rank {rank} of {world}: {socket.gethostname()}, local rank {local_rank}, {device}, "
          f"torch {torch.__version__}", flush=True)

    torch.manual_seed(0)
    dataset = make_dataset(options.samples)
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, options.batch_size, sampler=sampler)
    model = make_model().to(device)
    model = DistributedDataParallel(model, [local_rank] if device.type == "cuda" else None)
    optimizer = torch.optim.SGD(model.parameters(), options.learning_rate, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    first_epoch, first_step = 0, 0
    if os.path.exists(options.checkpoint):
        first_epoch, first_step = load(options.checkpoint, model, optimizer, device)
    place = torch.tensor([first_epoch, first_step, -first_epoch, -first_step], device=device)
    # Kept until the end: torch 1.13's Gloo may let go of them late, and waits for ever if it is the
    # last to do so while the process group goes.
    highest, votes = place.clone(), torch.zeros(1, device=device)
    dist.all_reduce(highest, dist.ReduceOp.MAX)
    if not torch.equal(highest, place):
        raise SystemExit(f"{options.checkpoint} is not the same file on all nodes")
    if rank == 0 and (first_epoch, first_step) != (0, 0):
        print(f"resumed from epoch {first_epoch} step {first_step}", flush=True)
    if rank == 0 and first_epoch >= options.epochs:
        print(f"{options.checkpoint} has all {options.epochs} epochs; remove it to train anew",
              flush=True)

    for epoch in range(first_epoch, options.epochs):
        sampler.set_epoch(epoch)
        total = torch.zeros(2, device=device)  # loss, steps
        batches = itertools.islice(enumerate(loader), first_step, None)
        for step, (pictures, labels) in batches:
            loss = loss_of(model(pictures.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += torch.stack([loss.detach(), torch.ones_like(loss)])
            noticed = somebody_asks(votes)
            if rank == 0 and (noticed or (step + 1) % options.checkpoint_every == 0):
                save(options.checkpoint, model, optimizer, epoch, step + 1)
                if noticed:
                    print(f"saved at epoch {epoch} step {step + 1}, as asked", flush=True)
            time.sleep(options.step_seconds)
        first_step = 0
        dist.all_reduce(total)
        if rank == 0:
            save(options.checkpoint, model, optimizer, epoch + 1, 0)
            if total[1] > 0:
                loss = total[0] / total[1]
                print(f"epoch {epoch} of {options.epochs}: loss {loss:.4f}", flush=True)

    dist.destroy_process_group()
    # The model's cycle of references keeps Gloo's threads alive: torch 2.6 may abort if the
    # interpreter ends before them.
    del model, optimizer
    gc.collect()


if __name__ == "__main__":
    main()
