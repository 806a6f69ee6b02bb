_pymon_bridge() {
    local IFS=$'\n'
    COMPREPLY=($(pymon-bridge complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -o bashdefault -F _pymon_bridge pymon-bridge
