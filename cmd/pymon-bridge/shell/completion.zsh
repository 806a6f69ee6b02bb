#compdef pymon-bridge
_pymon_bridge() {
    local -a found
    found=(${(f)"$(pymon-bridge complete -- "${(@)words[2,CURRENT]}" 2>/dev/null | sed -e 's/\t$//' -e 's/:/\\:/g' -e 's/\t/:/')"})
    if (( $#found )); then
        _describe pymon-bridge found
    else
        _files
    fi
}
compdef _pymon_bridge pymon-bridge
