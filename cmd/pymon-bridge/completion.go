package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

//go:embed shell
var shellScripts embed.FS

// completionCmd prints a script with which a shell completes command lines of this program. The scripts ask [completeCmd].
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell that the script is for: ${enum}."`
}

func (*completionCmd) Help() string {
	return `
    source <(pymon-bridge completion bash)      # in ~/.bashrc
    source <(pymon-bridge completion zsh)       # in ~/.zshrc
    pymon-bridge completion fish > ~/.config/fish/completions/pymon-bridge.fish`
}

func (c *completionCmd) Run(m *Main) error {
	script, err := shellScripts.ReadFile("shell/completion." + c.Shell)
	if err != nil {
		return err
	}
	_, err = m.Stdout.Write(script)
	return err
}

// completeCmd prints how the last word may go on, one possibility and its meaning in each line. Without a line, a shell
// completes names of files. People do not type it.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

func (c *completeCmd) Run(m *Main, k *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	for _, p := range possibilities(k.Model.Node, words) {
		if _, err := fmt.Fprintf(m.Stdout, "%s\t%s\n", p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

// possibilities returns how the last word may go on, each with its meaning. bash makes "=" a word of its own, also where nothing
// follows it yet.
func possibilities(node *kong.Node, words []string) (found [][2]string) {
	words = slices.Clone(words)
	if last := len(words) - 1; words[last] == "=" {
		words = append(words, "")
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "=" })
	var flag *kong.Flag // waits for its value
	last := ""
	for i, word := range words {
		if last = word; i == len(words)-1 {
			break
		}
		last = ""
		switch child := childOf(node, word); {
		case flag != nil:
			flag = nil
		case word == "--":
			return nil
		case strings.HasPrefix(word, "-"):
			if f := flagOf(node, word); f != nil && !f.IsBool() && !strings.Contains(word, "=") {
				flag = f
			}
		case child != nil && child.Name == "help": // commands follow it
		case child != nil:
			node = child
		case len(node.Positional) > 0 && node.Positional[0].Passthrough:
			return nil // the words of another program
		}
	}
	add := func(text, help string) {
		if strings.HasPrefix(text, last) {
			sentence, _, _ := strings.Cut(help, ". ")
			found = append(found, [2]string{text, strings.TrimSuffix(sentence, ".")})
		}
	}
	name, _, valued := strings.Cut(last, "=")
	switch {
	case flag != nil:
		addValues(flag.Value, "", add)
	case strings.HasPrefix(last, "-") && valued:
		if f := flagOf(node, name); f != nil {
			addValues(f.Value, name+"=", add)
		}
	case strings.HasPrefix(last, "-"):
		for _, f := range flagsOf(node) {
			add("--"+f.Name, f.Help)
		}
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				add(child.Name, child.Help)
			}
		}
		for _, argument := range node.Positional {
			addValues(argument, "", add)
		}
	}
	return found
}

func addValues(v *kong.Value, prefix string, add func(text, help string)) {
	if v.Enum == "" {
		return
	}
	for _, one := range v.EnumSlice() {
		add(prefix+one, "")
	}
}

func childOf(node *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == name })
	if i < 0 {
		return nil
	}
	return node.Children[i]
}

// flagsOf returns the flags that may stand at a node, without hidden ones. Those of the default command may stand at the top.
func flagsOf(node *kong.Node) (flags []*kong.Flag) {
	if node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	for _, group := range node.AllFlags(true) {
		flags = append(flags, group...)
	}
	return flags
}

func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	flags := flagsOf(node)
	i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == name || f.Short != 0 && string(f.Short) == name })
	if i < 0 {
		return nil
	}
	return flags[i]
}
