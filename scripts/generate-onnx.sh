#!/usr/bin/env bash
# Regenerate src/lower/onnx_pb.ts from the official schema. Needs Python and the registry; only for a new ONNX release.
# Made with: onnx 1.23.1 (onnx.proto), grpcio-tools 1.84.0 (protoc), @bufbuild/protoc-gen-es 2.17.0.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.1 grpcio-tools==1.84.0
npm init -y >/dev/null && npm install --silent @bufbuild/protoc-gen-es@2.17.0
cp "$(venv/bin/python -c 'import onnx, os; print(os.path.join(os.path.dirname(onnx.__file__), "onnx.proto"))')" onnx.proto
venv/bin/python -m grpc_tools.protoc -I. --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es --es_out=. --es_opt=target=ts,import_extension=ts onnx.proto
node "$root/scripts/erase-enums.js" onnx_pb.ts > "$root/src/lower/onnx_pb.ts"
