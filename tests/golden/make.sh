#!/bin/sh
# Makes the PyTorch slices in data/ anew, in a throwaway Python environment. Arguments are passed on to pip (for example an index of CPU builds).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "$@" torch==2.13.0 numpy==2.4.6
node "$here/../../scripts/build.js"
node "$here/examples.js" > "$work/examples.json"
"$work/venv/bin/python" "$here/make_torch.py" "$work/examples.json"
