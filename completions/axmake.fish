# Completion of axmake and ax for fish. What may follow is asked of the program itself: `axmake --complete WORD...` prints a line that
# says whether paths fit too (`-`, `files`, `folders`), then a line a word: the word, a tab, what it means.

function __axmake_complete
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' $HOME/ -- $words[1])
    set -e words[1]
    set -l word (commandline -ct)
    set -l typed (string unescape -- $word; or string replace -ra '["\']' '' -- $word)
    test (count $typed) -eq 1; or set typed ''
    set -l lines ($program --complete $words $typed 2>/dev/null)
    set -l paths $lines[1]
    set -e lines[1]
    set -q lines[1]; and printf '%s\n' $lines
    set -l fixed (string match -r '^--[^=]*=' -- $word)
    set -l path (string replace -r '^--[^=]*=' '' -- $word)
    switch "$paths"
        case files
            __fish_complete_path "$path" | string replace -r -- '^' "$fixed"
        case folders
            __fish_complete_directories "$path" | string replace -r -- '^' "$fixed"
    end
end

complete -c axmake -f -k -a '(__axmake_complete)'
complete -c ax -f -k -a '(__axmake_complete)'
