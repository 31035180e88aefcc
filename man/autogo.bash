# bash completion for autogo. Commands, options and networks are asked from the program itself.
_autogo()
{
    local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} words=
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        words=$(autogo --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
    elif [ "${cur#-}" != "$cur" ]; then
        words=$(autogo "$cmd" --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)
    fi
    # zoo:NAME has a colon, which bash takes as a word of its own
    if [ "$cur" = : ] || [ "${COMP_WORDS[COMP_CWORD - 1]}" = : ]; then
        [ "$cur" = : ] && cur=
        words=$(autogo zoo 2>/dev/null | sed -n 's/^zoo:\([^ ]*\) .*/\1/p')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    [ ${#COMPREPLY[@]} = 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -o filenames -F _autogo autogo
