#!/bin/sh
# Install torch for tests and training without ever pulling CUDA's gigabytes by accident.
#
#   install_torch.sh PYTHON cpu|cuda|none VERSION CPU_INDEX
#
# cpu: from CPU_INDEX if it answers within 5 s; else from wherever pip is configured to look, if
# what pip would take there is a CPU build; else say what to do. What torch needs besides CUDA is in
# locks/test.txt, so that it is installed here without dependencies.
set -eu

python=$1 build=$2 version=$3 index=$4
pip="$python -m pip --disable-pip-version-check"

[ "$build" != none ] || exit 0
if "$python" -c "import sys, torch
right = torch.version.cuda or '$build' != 'cuda'
sys.exit(not (right and torch.__version__.split('+')[0] == '$version'))" 2>/dev/null; then
    exit 0
fi
if [ "$build" = cuda ]; then
    $pip uninstall --quiet --yes torch
    exec $pip install --quiet "torch==$version"
fi
if [ "$build" != cpu ]; then
    echo "TORCH=$build: wanted cpu, cuda or none" >&2
    exit 2
fi

answers() {
    "$python" - "$1" <<'PYTHON'
import sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1] + "/torch/", timeout=5).close()
except Exception:
    sys.exit(1)
PYTHON
}

if [ -n "$index" ] && answers "$index"; then
    exec $pip install --quiet --no-deps --index-url "$index" "torch==$version"
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
$pip install --quiet --no-deps --ignore-installed --dry-run --report "$report" "torch==$version"
if "$python" - "$report" <<'PYTHON'
import json, pathlib, platform, sys
found = json.loads(pathlib.Path(sys.argv[1]).read_text())["install"][0]["metadata"]
needs = " ".join(found.get("requires_dist", []))
is_cuda = "nvidia" in needs or "cuda" in needs
sys.exit(is_cuda and platform.system() == "Linux" and platform.machine() == "x86_64")
PYTHON
then
    exec $pip install --quiet --no-deps "torch==$version"
fi
echo "torch $version: $index does not answer, and pip would take a CUDA build (gigabytes)." >&2
echo "Set TORCH_INDEX to an index of CPU builds, or TORCH=cuda, or TORCH=none to do without." >&2
exit 1
