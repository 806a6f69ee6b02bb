function __pymon_bridge_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l found (pymon-bridge complete -- $words[2..-1] "$last" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$last"
    end
end
complete -c pymon-bridge -f -a '(__pymon_bridge_complete)'
