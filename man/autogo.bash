# bash completion for autogo. Commands, options, verbs and networks are asked from the program
# itself.
_autogo()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cmd=${COMP_WORDS[1]}
    local words=
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        words=$(autogo --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    elif [ "${cur#-}" != "$cur" ]; then
        words=$(autogo "$cmd" --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)
    elif [ "$cmd" = db ] && [ "$COMP_CWORD" = 2 ]; then
        words=$(autogo db --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    elif [ "$cmd" = db ] && [[ ${COMP_WORDS[2]} = remove ]]; then
        words=$(autogo db list --top 1000000 2>/dev/null | sed -n 's/^\(u[0-9]*\) .*/\1/p')
    elif [ "$cmd" = zoo ] && [ "$COMP_CWORD" = 2 ]; then
        words=$(autogo zoo 2>/dev/null |
            sed -n 's/^zoo:\([^ ]*\) .*/\1/p; s/^\([a-z0-9]*\)  .*/\1/p')
    fi
    # zoo:NAME and FAMILY:sample=N have a colon, which bash takes as a word of its own
    if [ "$cur" = : ] || [ "$prev" = : ]; then
        local name=${COMP_WORDS[COMP_CWORD - 2]}
        [ "$cur" = : ] && { name=$prev cur=; }
        if [ "$name" = zoo ]; then
            words=$(autogo zoo 2>/dev/null | sed -n 's/^zoo:\([^ ]*\) .*/\1/p')
        elif [ "$cmd" = mine ]; then
            words='sample='
        fi
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    [ ${#COMPREPLY[@]} = 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
complete -o filenames -F _autogo autogo
