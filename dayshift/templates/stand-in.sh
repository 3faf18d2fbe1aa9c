#!/bin/sh
# Stands in for a program: tells on one line how it was called, then becomes it. Plain POSIX, and no process of its own
# but for a call with a long or an odd word. A line begins and ends with a newline and fits one atomic write, so that
# nothing else that is written there can garble it. All names begin with _ds_, since a shell hands on what it assigns to
# a variable that was exported before.
_ds_real=@real@
case $0 in @root@/*) ;; /*) [ -x "@root@$0" ] && _ds_real=@root@$0 ;; esac
{ read -r _ds_by < "/proc/$PPID/comm"; } 2> /dev/null
case $_ds_by in @quiet@) exec "$_ds_real" "$@" ;; esac

_ds_name=${0##*/}
case $_ds_name in @names@) ;; *) _ds_name=@name@ ;; esac  # a copy or a link of it has any name

_ds_odd='\\	
'
_ds_tab='	'

_ds_escaped() {
    _ds_word= _ds_left=$1
    while :; do
        _ds_head=${_ds_left%%[$_ds_odd]*}
        _ds_word=$_ds_word$_ds_head
        [ "$_ds_head" = "$_ds_left" ] && return
        [ ${#_ds_word} -gt @most@ ] && return
        _ds_left=${_ds_left#"$_ds_head"}
        case $_ds_left in "$_ds_tab"*) _ds_word=$_ds_word\\t ;; \\*) _ds_word=$_ds_word\\\\ ;; *) _ds_word=$_ds_word\\n ;; esac
        _ds_left=${_ds_left#?}
    done
}

_ds_carefully() (
    LC_ALL=C _ds_told=
    for _ds_each; do
        _ds_escaped "$_ds_each"
        _ds_told=$_ds_told$_ds_tab$_ds_word
        [ ${#_ds_told} -gt @most@ ] && break
    done
    if [ ${#_ds_told} -gt @most@ ]; then
        printf '\ncut%.@most@s\n' "$_ds_told" > "@records@"
    else
        printf '\nwhole%s\n' "$_ds_told" > "@records@"
    fi
)

_ds_tell() {
    IFS=
    _ds_all="$*"
    IFS=$_ds_tab
    case $_ds_all in
        *[$_ds_odd]*) _ds_carefully "$@" ;;
        *) if [ ${#_ds_all} -gt 800 ]; then _ds_carefully "$@"; else printf '\nwhole\t%s\n' "$*" > "@records@"; fi ;;
    esac
    unset IFS
}

trap '' PIPE
{ _ds_tell "$#" "$_ds_name" "$PWD" "$_ds_by" "$GIT_DIR" "$GIT_WORK_TREE" "$@"; } 2> /dev/null
trap - PIPE
exec "$_ds_real" "$@"
