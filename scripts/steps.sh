# Sourced by the scripts: named steps with the minutes of each, and the build of the server.
# Tools that must be built are kept outside the clone and built once.
songda_cache="${XDG_CACHE_HOME:-$HOME/.cache}/songda"
# Demo, tests and checks share this folder.
target="${CARGO_TARGET_DIR:-target}"
# Progress for people; a log of a machine does without.
quiet=()
[ -t 2 ] || quiet=(--quiet)

step() { # NAME COMMAND...
    local name=$1 start
    shift
    start=$(date +%s)
    echo "== $name"
    "$@" || { echo "!! $name failed"; exit 1; }
    printf '== %s: %.1f min\n' "$name" "$(awk "BEGIN{print ($(date +%s)-$start)/60}")"
}

# Builds what cargo is told to; the server among it then carries the console that
# scripts/web built. Cargo goes by times: a console put back with old ones is touched.
build_with_console() { # CARGO ARGUMENTS...
    cargo build "$@" || return
    if ! scripts/web is-in "$target/debug/songda"; then
        find agent-console/web/dist -exec touch {} +
        cargo build "$@" || return
        scripts/web is-in "$target/debug/songda" || { echo "the console is not in the server" >&2; return 1; }
    fi
}
