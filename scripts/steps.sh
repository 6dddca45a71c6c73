# Sourced by the scripts: runs named steps and prints the minutes of each.
# Tools that must be built are kept outside the clone and built once.
songda_cache="${XDG_CACHE_HOME:-$HOME/.cache}/songda"

step() { # NAME COMMAND...
    local name=$1 start
    shift
    start=$(date +%s)
    echo "== $name"
    "$@" || { echo "!! $name failed"; exit 1; }
    printf '== %s: %.1f min\n' "$name" "$(awk "BEGIN{print ($(date +%s)-$start)/60}")"
}
