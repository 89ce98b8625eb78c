#!/usr/bin/env bash
# Pack the library, install the tarball into empty projects with this npm and with npm 10, without onnxruntime-node, and train the first example there:
# the runtime library is fetched into a fresh cache. Prints what is packed, the sizes, and what a user downloads. Needs the npm registry (about 115 MB).
# Use: scripts/check-package.sh [FOLDER]   (a fresh temporary folder that is removed, unless given)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
if [ $# -eq 0 ]; then trap 'rm -rf "$work"' EXIT; fi

cd "$root"
npm pack --pack-destination "$work" --silent >"$work/packed.txt"
tarball=$work/$(tail -1 "$work/packed.txt")
echo "packed: $(du -k "$tarball" | cut -f1) kB, $(tar -tzf "$tarball" | wc -l) files"
if tar -tzf "$tarball" | grep -vE '^package/(package\.json|README\.md|LICENSE|NOTICE|(bin|dist|assets)/)'; then
  echo "these files must not be packed" >&2
  exit 1
fi
if tar -tzf "$tarball" | grep -E '\.test\.|/testing/|tsbuildinfo'; then
  echo "test files and build state must not be packed" >&2
  exit 1
fi

# The example as a user's compiler would make it.
mkdir -p "$work/example"
node node_modules/typescript/bin/tsc examples/01-own-model.ts --ignoreConfig --target es2023 --module nodenext --moduleResolution nodenext \
  --customConditions source --allowImportingTsExtensions --rewriteRelativeImportExtensions --types node --skipLibCheck --rootDir . --outDir "$work/example"
example=$(find "$work/example" -name 01-own-model.js | head -1)

check() { # NAME NPM...
  local name=$1
  shift
  local project=$work/$name
  mkdir -p "$project"
  cd "$project"
  echo '{ "name": "empty", "private": true, "type": "module" }' >package.json
  local started=$SECONDS
  "$@" install "$tarball" --no-audit --no-fund --loglevel error
  test ! -e node_modules/onnxruntime-node
  echo "$name ($("$@" --version)): installed in $((SECONDS - started)) s, node_modules $(du -sm node_modules | cut -f1) MB, $(find node_modules -name package.json -path '*node_modules*' -prune -o -type f -print | wc -l) files"
  cp "$example" example.js
  started=$SECONDS
  ATELIER_CACHE=$work/cache-$name node example.js
  echo "$name: trained in $((SECONDS - started)) s, the fetch of the runtime library included; cache $(du -sm "$work/cache-$name" | cut -f1) MB"
  ATELIER_CACHE=$work/cache-$name npx --no-install atelier doctor >"$project/doctor.txt" || true
  ATELIER_CACHE=$work/cache-$name npx --no-install atelier models >/dev/null
  # The types that are packed are enough for a user's strict compiler.
  cp "$root/examples/01-own-model.ts" user.ts
  node "$root/node_modules/typescript/bin/tsc" user.ts --ignoreConfig --noEmit --strict --target es2023 --module nodenext --moduleResolution nodenext \
    --types node --typeRoots "$root/node_modules/@types"
  du -sm node_modules/* node_modules/@*/* 2>/dev/null | sort -rn | head -6
}

check current npm
check npm-10 npx --yes npm@10
