#!/bin/sh
# Install the bench's peers into a throwaway folder: bench/peers/install.sh DIR [pytorch] [tfjs] [jax-js]
# A peer that cannot be installed here is told and left out; nothing of the project changes.
#   BENCH_TORCH   what pip is asked for (default: the CPU build of torch from PyTorch's own index, else torch from pip's index)
set -u

folder=${1:-}
if [ -z "$folder" ]; then
  echo "use: $0 DIR [pytorch] [tfjs] [jax-js]" >&2
  exit 2
fi
shift
wanted=${*:-pytorch tfjs jax-js}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 1
log="$folder/install.log"
: > "$log"

left_out() {
  echo "$1 is left out: $2 (see $log)"
}

# An empty npm project, so that npm does not look for one in the folders above.
npm_project() {
  mkdir -p "$folder/$1"
  printf '{ "name": "bench-peer-%s", "private": true }\n' "$1" > "$folder/$1/package.json"
}

# npm_add NAME PACKAGE...: none of these needs an install script.
npm_add() {
  where="$folder/$1"
  shift
  (cd "$where" && npm install --ignore-scripts --no-audit --no-fund --save-exact "$@") >> "$log" 2>&1
}

install_pytorch() {
  python=${PYTHON:-python3}
  if ! command -v "$python" > /dev/null 2>&1; then
    left_out pytorch "there is no $python"
    return
  fi
  if ! "$python" -m venv "$folder/pytorch" >> "$log" 2>&1; then
    left_out pytorch "$python cannot make a virtual environment"
    return
  fi
  pip="$folder/pytorch/bin/python -m pip install --disable-pip-version-check --retries 0 --timeout 20"
  if [ -n "${BENCH_TORCH:-}" ]; then
    $pip numpy "$BENCH_TORCH" >> "$log" 2>&1
  else
    { $pip numpy && $pip --index-url https://download.pytorch.org/whl/cpu torch; } >> "$log" 2>&1 || $pip numpy torch >> "$log" 2>&1
  fi
  if "$folder/pytorch/bin/python" -c 'import numpy, torch; print("pytorch", torch.__version__)' 2>> "$log"; then
    return
  fi
  rm -rf "$folder/pytorch"
  left_out pytorch "torch could not be installed; BENCH_TORCH names another version"
}

install_tfjs() {
  npm_project tfjs
  if ! npm_add tfjs @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0; then
    rm -rf "$folder/tfjs"
    left_out tfjs "its packages could not be installed"
    return
  fi
  # The native binding downloads libtensorflow 2.9 in its install script; without it the wasm backend is the fastest there is.
  npm_project tfjs-node
  if (cd "$folder/tfjs-node" && npm install --no-audit --no-fund @tensorflow/tfjs-node@4.22.0 \
    && node -e 'require("@tensorflow/tfjs-node")') >> "$log" 2>&1; then
    echo "tfjs 4.22.0, native binding"
  else
    rm -rf "$folder/tfjs-node"
    echo "tfjs 4.22.0, wasm (the native binding could not be installed, see $log)"
  fi
}

install_jax_js() {
  npm_project jax-js
  if npm_add jax-js @jax-js/jax@0.1.25; then
    echo "jax-js 0.1.25"
  else
    rm -rf "$folder/jax-js"
    left_out jax-js "its package could not be installed"
  fi
}

for peer in $wanted; do
  case $peer in
    pytorch) install_pytorch ;;
    tfjs) install_tfjs ;;
    jax-js) install_jax_js ;;
    *) echo "no peer named $peer: pytorch, tfjs, jax-js" >&2 && exit 2 ;;
  esac
done
echo "npm run bench -- --peers all --folder $folder"
