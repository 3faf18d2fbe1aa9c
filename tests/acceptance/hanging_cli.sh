#!/bin/sh
# The real CLI, but in a workspace one that hangs as the name of its task says: it speaks like it, and asks no model.
case $(pwd) in
    */home/agent_workspaces/*) ;;
    *) exec REAL_CLI "$@" ;;
esac
while [ $# -gt 0 ]; do
    case $1 in --session-id | --resume) session=$2 ;; esac
    shift
done
task=$(basename "$(dirname "$(pwd)")")
known=$HOME/.claude/projects/shop/$session.jsonl
[ -e "$known" ] && again=1
mkdir -p "${known%/*}" && echo '{}' >> "$known"
cat > /dev/null  # a standard input that is left open would be read for ever
say() { printf '{"type":"assistant","message":{"content":[{"type":"%s","text":"%s","name":"Bash"}]}}\n' "$1" "$2"; }
finish() { printf '{"type":"result","subtype":"success","is_error":false,"result":"Done.","session_id":"x"}\n'; }
nap() { sleep 4242; }
say text "I begin."
case $task in
    silent-*) nap ;;
    once-*) [ "$again" ] || nap; finish ;;
    tool-*) say tool_use make; nap ;;
    vanishes-*) say tool_use make; exit 0 ;;
    lingers-*) finish; nap ;;
    holds-*) say tool_use serve; setsid sleep 4242 & exit 0 ;;
    leaves-*) for each in 1 2 3 4 5 6 7 8; do setsid sleep 4242 & done; finish ;;
    crowd-*) for each in $(seq 200); do setsid sleep 4242 & done; nap ;;
    deaf-*) trap '' TERM; while :; do nap; done ;;
    stopped-*) kill -STOP $$; nap ;;
    chatty-*) while :; do say text "Still at it."; sleep 0.3; done ;;
esac
