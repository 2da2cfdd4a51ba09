#!/bin/bash
# Trains on one or several nodes, one process for each GPU, and goes on where it stopped:
#   sbatch --nodes 4 --gpus-per-node 8 tools/slurm_train.sh CONFIG [arguments of tools/train.py]
# Submit from the repository. PYTHON names the interpreter (default: python).
#SBATCH --job-name=icpc
#SBATCH --ntasks-per-node=1
#SBATCH --output=%x-%j.txt
#SBATCH --open-mode=append
#SBATCH --requeue
# Two minutes before the time is over, this script (B:) is told; it tells the ranks.
#SBATCH --signal=B:USR1@120
set -u
if [ $# -eq 0 ]; then
    echo 'usage: sbatch [--nodes N --gpus-per-node G] tools/slurm_train.sh CONFIG [arguments]' >&2
    exit 2
fi
if [ -z "${SLURM_JOB_ID:-}" ]; then
    echo 'no Slurm job: submit this script with sbatch, or use torchrun (docs/training.md)' >&2
    exit 2
fi
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

nodes=${SLURM_JOB_NUM_NODES:-1}
ranks=${SLURM_GPUS_ON_NODE:-1}
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000)) # jobs that share the node differ

# On each node: torchrun, deaf to USR1 which would kill it, and its children, who save themselves.
on_node='
trap "" USR1
"$@" &
agent=$!
trap "pkill -USR1 -P $agent" USR1
while kill -0 "$agent" 2>/dev/null; do wait "$agent"; done
wait "$agent"'

stopped=
trap 'stopped=1; kill -USR1 "$step"' USR1
srun --nodes="$nodes" --ntasks-per-node=1 --kill-on-bad-exit=1 bash -c "$on_node" node \
    "${PYTHON:-python}" -m torch.distributed.run --nnodes="$nodes" --nproc-per-node="$ranks" \
    --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$first:$port" \
    tools/train.py "$@" --launcher pytorch --resume &
step=$!
while kill -0 "$step" 2>/dev/null; do wait "$step"; done
wait "$step"
code=$?
if [ -n "$stopped" ] && [ "$code" -ne 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
