package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// confirm asks the person at the terminal a question that "y" or "yes" confirms. Without a terminal the answer is no, since
// a script would wait for ever.
func (m *Main) confirm(question string, args ...any) bool {
	info, err := m.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	fmt.Fprintf(m.Stderr, question, args...)
	answer, _ := bufio.NewReader(m.Stdin).ReadString('\n') // an answer that ends early is no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
