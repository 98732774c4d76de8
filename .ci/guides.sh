# Functions of the scripts that walk the paths of the guides.

# in_guides COMMAND...: fails when the README and the guides don't have it.
in_guides() {
  grep -rqF --include='*.md' -- "$*" README.md docs || { echo "in no guide: $*" >&2 && exit 1; }
}
# run_guide PAGE TEXT: runs the one block of shell commands on a page that has this text, here. `here` may make other
# places of those in it.
run_guide() {
  local commands
  commands=$(awk -v RS='```' -v text="$2" '
    index($0, "sh\n") == 1 && index($0, text) { print substr($0, 4); found++ } END { exit found != 1 }' "$1" | here) ||
    { echo "not one block of commands on $1 with: $2" >&2 && exit 1; }
  eval "$commands"
}
here() { cat; }
free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# wait_for COMMAND...: until it succeeds; two minutes at most, while what is waited for is `alive`.
wait_for() {
  for _ in {1..600}; do
    if "$@" >/dev/null 2>&1; then return; fi
    alive
    sleep 0.2
  done
  echo "waited in vain: $*" >&2 && exit 1
}
# contains TEXT PIECE...: fails, and shows the text, when a piece is missing.
contains() {
  local text=$1 piece
  for piece in "${@:2}"; do
    [[ $text == *"$piece"* ]] || { printf 'without %s: %s\n' "$piece" "$text" >&2 && exit 1; }
  done
}
