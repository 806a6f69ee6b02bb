package web

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Spreadsheets compute cells that begin with certain characters.
func TestCellsAreNoFormulas(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "test_a": "test_a", "-1.5": "-1.5", "+2": "+2", "é=1": "é=1",
		`=HYPERLINK("http://evil","x")`: `'=HYPERLINK("http://evil","x")`,
		"@SUM(1)":                       "'@SUM(1)", "+1+1": "'+1+1", "-a": "'-a", "\t=1": "'\t=1",
	} {
		assert.Equal(t, want, plainCell(cell))
	}
}
